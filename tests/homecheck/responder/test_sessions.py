from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from homecheck.instruments import tcp_info
from homecheck.instruments.byte_bins import ByteBins
from homecheck.instruments.tcp_info import TcpInfo
from homecheck.observation import Region, Transfer
from homecheck.responder.limits import Limits
from homecheck.responder.sessions import Busy, FlowCount, Session, Sessions, Side, Stream, neighbourhood

START = datetime(2026, 11, 23, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(sessions: Sessions, source: str = "203.0.113.7") -> Session:
    return sessions.open(("nonce",), source, START)


def test_a_session_is_found_by_its_token_alone() -> None:
    sessions = Sessions(Limits(), Clock())
    session = opened(sessions)
    assert sessions.find(session.token) is session
    assert sessions.find(session.id) is None
    assert sessions.find("") is None


def test_a_closed_session_is_a_stranger() -> None:
    sessions = Sessions(Limits(), Clock())
    session = opened(sessions)
    assert session.ssid in sessions.flows
    sessions.close(session)
    assert sessions.find(session.token) is None
    assert not sessions.flows
    assert not session.open


def sending(rtt: float) -> Stream:
    return Stream(None, 0, TcpInfo(1, 0.01, 1, 0, rtt))


def test_round_trips_of_a_download_are_noted_by_bin_and_by_turns() -> None:
    clock = Clock()
    side = Side(clock, streams=[sending(0.02), sending(0.3)], bins=ByteBins(clock.now))
    for seconds in (0.01, 0.06, 0.07, 0.21):  # bins 0, 1, 1 again, 4
        clock.now = 1000.0 + seconds
        side.note_round_trip()
    assert side.round_trips_us == [20_000, 300_000, 0, 0, 20_000]
    assert side.transfer().round_trips_us == (20_000, 300_000, 0, 0, 20_000)


def test_a_direction_is_summed_up_by_hand() -> None:
    clock = Clock()
    infos = [
        TcpInfo(bytes_acked=1_000_100, min_rtt=0.02, segments=700, retransmitted=7, rtt=0.09),
        TcpInfo(bytes_acked=2_000_000, min_rtt=0.01, segments=200, retransmitted=1, rtt=0.03),
        TcpInfo(bytes_acked=3_000_000, min_rtt=0.0, segments=100, retransmitted=2, rtt=0.05),  # has seen none yet
        TcpInfo(
            bytes_acked=0, min_rtt=4294.967295, segments=0, retransmitted=0, rtt=0.0
        ),  # "unknown", as Linux says it
    ]
    streams = [Stream(None, before, info, open=False) for before, info in zip((100, 0, 0, 0), infos, strict=True)]
    side = Side(clock, wire_to_payload=0.5, streams=streams, bins=ByteBins(clock.now))
    clock.now += 0.1
    side.count_acknowledged()
    seen = side.transfer()
    assert (seen.bytes, seen.bins, seen.bin_ms) == (3_000_000, (1_500_000, 1_500_000), 50)
    assert seen.streams == 4
    assert seen.rtt_ms == 10.0  # the least that is known
    assert seen.smoothed_rtt_ms == 50.0  # the middle one of 30, 50 and 90
    assert seen.retransmitted == 0.01  # 10 of 1000
    assert (seen.rate_mbit_s, seen.uncertainty_mbit_s, seen.steady) == (None, None, False)  # of a tenth of a second


def test_a_direction_that_nobody_used_has_seen_nothing() -> None:
    side = Side(Clock())
    side.count_acknowledged()
    side.note_round_trip()
    assert (side.total, side.transfer()) == (0, Transfer())


def test_a_steady_direction_has_its_rate() -> None:
    clock = Clock()
    side = Side(clock, bins=ByteBins(clock.now))
    for _ in range(80):  # 4 s of 250,000 bytes in 50 ms: 40 Mbit/s
        clock.now += 0.05
        side.count(250_000)
    clock.now += 0.001
    side.count(0)
    seen = side.transfer()
    assert seen.rate_mbit_s == pytest.approx(40)
    assert seen.uncertainty_mbit_s == pytest.approx(0.2, abs=1e-3)
    assert (seen.steady, seen.rtt_ms, seen.smoothed_rtt_ms, seen.retransmitted) == (True, None, None, None)


def test_a_second_stream_goes_on_counting_where_the_first_began() -> None:
    clock = Clock()
    side = Side(clock)
    with socket.socket() as any_socket, side.stream(any_socket):
        clock.now += 0.101
        side.count(101)
        with side.stream(any_socket):
            clock.now += 0.05
            side.count(50)
            assert side.active == 2
    assert side.active == 0
    assert (side.total, side.transfer().bins) == (151, (50, 50, 50))


def test_only_what_is_acknowledged_after_the_body_began_counts_and_a_stream_keeps_its_last_word() -> None:
    clock = Clock()
    side = Side(clock)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        with theirs, side.stream(ours) as stream:
            assert side.active == 1
            ours.sendall(bytes(1000))
            received = 0
            while received < 1000:
                received += len(theirs.recv(1000))
            clock.now += 0.2
            wait_until_acknowledged(ours, stream.before + 1000)  # a handshake counts as a byte
        assert (side.active, stream.open, side.streams) == (0, False, [stream])
    side.count_acknowledged()  # the socket is closed: what counts is what it said last
    assert side.total == (1000 if sys.platform == "linux" else 0)


def wait_until_acknowledged(connection: socket.socket, count: int) -> None:
    deadline = time.monotonic() + 5
    while (info := tcp_info.read(connection)) is not None and info.bytes_acked < count and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_stream_that_is_over_tells_no_round_trip() -> None:
    side = Side(Clock(), streams=[sending(0.02)], bins=ByteBins(1000.0))
    side.streams[0].open = False
    side.note_round_trip()
    assert side.round_trips_us == []


def test_one_address_cannot_take_all_sessions() -> None:
    sessions = Sessions(Limits(sessions=5, sessions_per_source=2), Clock())
    for _ in range(2):
        opened(sessions)
    with pytest.raises(Busy, match="from this address"):
        opened(sessions)
    for last in range(3):
        opened(sessions, f"203.0.113.{last}")
    with pytest.raises(Busy, match="too many sessions are open"):
        opened(sessions, "203.0.113.99")


def test_a_session_that_nobody_uses_is_closed() -> None:
    clock = Clock()
    sessions = Sessions(Limits(idle_seconds=30), clock)
    idle, busy = opened(sessions), opened(sessions)
    clock.now += 20
    sessions.find(busy.token)
    clock.now += 15
    sessions.drop_expired()
    assert list(sessions) == [busy]
    assert idle.ssid not in sessions.flows


def test_a_session_ends_however_busy_it_is() -> None:
    clock = Clock()
    sessions = Sessions(Limits(session_seconds=100), clock)
    session = opened(sessions)
    for _ in range(11):
        clock.now += 10
        sessions.find(session.token)
    sessions.drop_expired()
    assert not session.open


def test_an_abandoned_session_makes_room_for_the_next() -> None:
    clock = Clock()
    sessions = Sessions(Limits(sessions_per_source=1, idle_seconds=30), clock)
    opened(sessions)
    clock.now += 31
    opened(sessions)
    assert len(list(sessions)) == 1


def test_others_are_those_who_loaded_the_responder_at_one_time_at_most() -> None:
    sessions = Sessions(Limits(), Clock())
    quiet, first, second, third = (opened(sessions) for _ in range(4))
    with socket.socket() as any_socket, ExitStack() as stack:
        for session, side in ((first, first.download), (second, second.upload)):
            stack.enter_context(sessions.load(session, side, any_socket))
        # Two streams are still one session.
        with sessions.load(third, third.download, any_socket), sessions.load(third, third.upload, any_socket):
            assert list(sessions.loading.values()) == [first, second, third]
        late = opened(sessions)
    assert sessions.loading == {}
    with socket.socket() as any_socket, sessions.load(late, late.upload, any_socket):
        alone = opened(sessions)
    everyone = (quiet, first, second, third, late, alone, opened(sessions))
    assert [session.others for session in everyone] == [3, 2, 2, 2, 2, 1, 0]
    assert third.observe(START).others == 2


def test_packets_without_room_count_for_everybody_who_was_there() -> None:
    sessions = Sessions(Limits(), Clock())
    early = opened(sessions)
    sessions.overflow.packets += 5
    late = opened(sessions)
    sessions.overflow.packets += 2
    assert (early.observe(START).overflowed, late.observe(START).overflowed) == (7, 2)


def test_a_session_keeps_where_its_address_is_and_what_is_served() -> None:
    sessions = Sessions(
        Limits(), Clock(), certificate="sha256:" + "0f" * 32, locate=lambda source: Region("SE", source)
    )
    seen = opened(sessions, "AB").observe(START)
    assert (seen.region, seen.certificate) == (Region("SE", "AB"), "sha256:" + "0f" * 32)


def test_flows_of_different_sessions_have_different_ssids() -> None:
    sessions = Sessions(Limits(sessions_per_source=64), Clock())
    everyone = [opened(sessions) for _ in range(64)]
    assert len(sessions.flows) == 64 * 4
    assert all(session.ssid > 0 and session.ssid % 4 == 0 for session in everyone)


def test_a_snapshot_while_packets_are_counted_is_a_flow_that_can_be_signed() -> None:
    """An observation is made while the reflector's thread counts; it must never be refused for that."""
    flow, counting = FlowCount(0, most=16_000), threading.Event()

    def count() -> None:
        for sequence in range(0, 16_000, 8):  # each needs room of its own in the map
            flow.is_new(sequence)
        counting.set()

    thread = threading.Thread(target=count)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        while not counting.is_set():
            flow.snapshot()
    finally:
        sys.setswitchinterval(switch)
        thread.join()
    assert flow.snapshot().received == 2_000


def test_packets_are_counted_once_each() -> None:
    flow = FlowCount(0, most=100)
    answers = [flow.is_new(sequence) for sequence in (0, 1, 3, 2, 3, 9, 100, 5000)]
    assert answers == [True, True, True, True, False, True, False, False]
    counts = flow.snapshot()
    assert (counts.received, counts.duplicates, counts.reordered) == (5, 1, 1)
    assert counts.arrived(10) == [True] * 4 + [False] * 5 + [True]


def test_a_session_has_so_many_answers_to_spend_and_no_more() -> None:
    limits = Limits(answers=3)
    session = opened(Sessions(limits, Clock()))
    assert [session.spend_answer(limits) for _ in range(5)] == [True] * 3 + [False] * 2


def test_all_flows_of_every_session_have_an_ssid_of_two_bytes() -> None:
    sessions = Sessions(Limits(flows=16_384, sessions=3, sessions_per_source=3), Clock())
    assert sorted(opened(sessions).ssid for _ in range(3)) == [16_384, 32_768, 49_152]
    assert max(sessions.flows) == 65_535


@pytest.mark.parametrize(
    ("source", "whose"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1%eth0", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("no address", "no address"),
    ],
)
def test_one_subscriber_is_an_address_or_a_network_of_64_bits(source: str, whose: str) -> None:
    assert neighbourhood(source) == whose


def test_when_the_responder_ends_nobody_has_a_session_any_more() -> None:
    sessions = Sessions(Limits(), Clock())
    everyone = [opened(sessions) for _ in range(3)]
    sessions.close_all()
    assert not any(session.open for session in everyone)
    assert list(sessions) == []
    assert not sessions.flows


@pytest.mark.parametrize(("tls", "payload"), [(False, 1_000_000), (True, 998_659)])
def test_of_what_tcp_carried_a_download_counts_the_payload(tls: bool, payload: int) -> None:
    # RFC 8446 5.2: of a record of 16,384 bytes 22 are added: header 5, type 1, tag 16. 16384 / 16406 = 0.998659
    side = opened(Sessions(Limits(), Clock(), tls=tls)).download
    side.bins = ByteBins(1000.0)
    side.streams.append(Stream(None, 0, TcpInfo(1_000_000, 0.01, 1, 0, 0.02), open=False))
    side.count_acknowledged()
    assert side.total == payload
    assert opened(Sessions(Limits(), Clock(), tls=tls)).upload.wire_to_payload == 1.0

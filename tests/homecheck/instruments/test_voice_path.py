from __future__ import annotations

import socket
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count, pairwise

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.voice_path import (
    INTERVAL_SECONDS,
    Log,
    Packet,
    UdpSession,
    VoiceFlow,
    between,
    clock_offset_ns,
    connected,
)
from tests.far_ends import InThread, UdpRelay, relayed_responder, responder_thread
from tests.live_collector import wait_until


def nothing(_flow: int, _sequence: int) -> bool:
    return False


def call(running: InThread, packets: int = 25, clock_offset: Callable[[], int] | None = None) -> Log:
    """Call until so many packets were sent, however long a busy machine takes for it."""
    session = ResponderSession.open(running.far_end, (), None)
    flow = VoiceFlow(running.far_end, session.udp, 0, clock_offset=clock_offset)
    flow.start()
    wait_until(lambda: len(flow._sent) >= packets)
    return flow.stop()


def test_every_packet_comes_back_with_four_times_in_order() -> None:
    with responder_thread() as running:
        log = call(running, 50)
    assert len(log.packets) >= 50
    assert log.answered == len(log.packets)
    assert (log.duplicates, log.reordered, log.strangers, log.refused, log.clock_stepped) == (0, 0, 0, 0, False)
    assert log.kernel_stamps == (sys.platform in ("linux", "darwin"))
    for packet in log.packets:
        assert packet.rtt_ms is not None
        assert packet.rtt_ms > 0
        assert packet.received_ns is not None
        assert packet.returned_ns is not None
        assert packet.received_ns <= packet.returned_ns
    # 50 a second; a busy machine may send less, but no more than it had time for.
    moments = [packet.moment for packet in log.packets]
    between_them = statistics.median(after - before for before, after in pairwise(moments))
    assert between_them == pytest.approx(INTERVAL_SECONDS, rel=0.1)
    assert len(moments) - 2 <= (moments[-1] - moments[0]) / INTERVAL_SECONDS


def test_the_time_that_the_responder_keeps_a_packet_is_not_counted() -> None:
    packet = Packet(0, 0.0, sent_ns=0, received_ns=10_000_000, returned_ns=250_000_000, arrived_ns=262_000_000)
    assert packet.rtt_ms == 22.0
    assert (packet.up_ms, packet.down_ms) == (10.0, 12.0)


@pytest.mark.parametrize("returned_ns", [9_000_000, 10_000_000_000])
def test_a_responder_whose_clock_jumps_shortens_no_round_trip(returned_ns: int) -> None:
    packet = Packet(0, 0.0, sent_ns=0, received_ns=10_000_000, returned_ns=returned_ns, arrived_ns=20_000_000)
    assert packet.rtt_ms == 20.0


def test_a_packet_without_reply_has_no_times() -> None:
    packet = Packet(0, 0.0, sent_ns=5)
    assert packet.rtt_ms is packet.up_ms is packet.down_ms is None


def test_replies_that_come_twice_are_counted_apart() -> None:
    with relayed_responder(UdpRelay(nothing, nothing, copies_down=2)) as running:
        log = call(running)
    assert log.answered == len(log.packets)
    assert log.duplicates >= log.answered - 1  # the copy of the last may be too late


def test_noise_on_the_path_is_counted_as_strange_and_nothing_else() -> None:
    relay = UdpRelay(nothing, nothing)
    relay.noise = b"\xff" * 172
    with relayed_responder(relay) as running:
        log = call(running)
    assert log.answered == len(log.packets)
    assert log.strangers >= log.answered - 1


def test_a_closed_port_is_noticed() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with responder_thread(announced_udp_port=port) as running:
        log = call(running, 10)
    assert log.answered == 0
    assert log.refused > 0


def test_a_step_of_the_wall_clock_is_noticed() -> None:
    steps = count()
    with responder_thread() as running:
        log = call(running, 20, clock_offset=lambda: 3_600_000_000_000 if next(steps) > 5 else 0)
    assert log.clock_stepped


def test_a_computer_that_stands_still_neither_hides_it_nor_makes_up_for_it() -> None:
    pauses = count()

    def sleep(seconds: float) -> None:
        time.sleep(1.3 if next(pauses) == 5 else seconds)

    with responder_thread() as running:
        session = ResponderSession.open(running.far_end, (), None)
        flow = VoiceFlow(running.far_end, session.udp, 0, sleep=sleep)
        flow.start()
        wait_until(lambda: len(flow._sent) >= 20)
        log = flow.stop()
    assert log.held_up_seconds > 1.2
    moments = [packet.moment for packet in log.packets]
    due = (moments[-1] - moments[0]) / INTERVAL_SECONDS
    assert len(moments) < due - 50  # those of 1.3 s, which are 65, were left out


def test_a_clock_that_is_slewed_is_no_step() -> None:
    ticks = count()
    with responder_thread() as running:
        log = call(running, 20, clock_offset=lambda: next(ticks) * 10_000)  # 500 ppm, the most that NTP does
    assert not log.clock_stepped


def test_the_offset_between_the_clocks_is_steady() -> None:
    assert abs(clock_offset_ns() - clock_offset_ns()) < 2_000_000


def test_packets_of_a_stretch_of_time() -> None:
    packets = [Packet(number, float(number), 0) for number in range(5)]
    assert [packet.sequence for packet in between(packets, 1.0, 3.0)] == [1, 2]


def test_a_network_that_is_gone_before_a_call_is_a_failure_with_a_name() -> None:
    nowhere = FarEnd("http", "nowhere", 80, "", socket.AF_INET, "255.255.255.255")  # no system sends there unasked
    with pytest.raises(ProbeError) as raised:
        VoiceFlow(nowhere, UdpSession(9, 4, b"key", 4), 0)
    assert raised.value.code in ("no_route", "responder_unreachable")


@pytest.mark.parametrize(("step_ms", "stepped"), [(0, False), (300, True), (-300, True), (10, False)])
def test_a_step_of_the_responders_clock_is_noticed(step_ms: int, stepped: bool) -> None:
    packets = []
    for number in range(100):
        sent_ns, ahead_ns = number * 20_000_000, 5_000_000_000 + (step_ms * 1_000_000 if number >= 50 else 0)
        there_ns, back_ns = (20 + number % 7) * 1_000_000, (20 + number % 5) * 1_000_000  # ms of delay, never the same
        far_ns = sent_ns + there_ns + ahead_ns
        packets.append(Packet(number, number * 0.02, sent_ns, far_ns, far_ns, sent_ns + there_ns + back_ns))
    log = Log(0, tuple(packets), 0, 0, 0, 0, clock_stepped=False, kernel_stamps=True)
    assert log.far_clock_stepped is stepped


def test_a_way_that_is_gone_is_named() -> None:
    broadcast = FarEnd("http", "x", 80, "", socket.AF_INET, "255.255.255.255")  # no socket may connect to it as it is
    with pytest.raises(ProbeError) as raised:
        connected(broadcast, 9)
    assert raised.value.code in ("responder_unreachable", "no_route")

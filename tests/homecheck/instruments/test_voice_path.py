from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from itertools import count

import pytest

from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.voice_path import INTERVAL_SECONDS, Log, Packet, VoiceFlow, between, clock_offset_ns
from tests.far_ends import InThread, UdpRelay, relayed_responder, responder_thread


def nothing(_flow: int, _sequence: int) -> bool:
    return False


def call(running: InThread, seconds: float = 0.5, clock_offset: Callable[[], int] | None = None) -> Log:
    session = ResponderSession.open(running.far_end, None, None)
    flow = VoiceFlow(running.far_end, session.udp, 0, clock_offset=clock_offset)
    flow.start()
    time.sleep(seconds)
    return flow.stop()


def test_every_packet_comes_back_with_four_times_in_order() -> None:
    with responder_thread() as running:
        log = call(running, 1.0)
    assert 40 <= len(log.packets) <= 52  # 50 a second; a busy machine may send a few less
    assert log.answered == len(log.packets)
    assert (log.duplicates, log.reordered, log.strangers, log.refused, log.clock_stepped) == (0, 0, 0, 0, False)
    assert log.kernel_stamps == (sys.platform in ("linux", "darwin"))
    for packet in log.packets:
        assert packet.rtt_ms is not None
        assert packet.rtt_ms > 0
        assert packet.received_ns is not None
        assert packet.returned_ns is not None
        assert packet.received_ns <= packet.returned_ns
    moments = [packet.moment for packet in log.packets]
    assert (moments[-1] - moments[0]) / (len(moments) - 1) == pytest.approx(INTERVAL_SECONDS, rel=0.1)


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
        log = call(running, 0.2)
    assert log.answered == 0
    assert log.refused > 0


def test_a_step_of_the_wall_clock_is_noticed() -> None:
    steps = count()
    with responder_thread() as running:
        log = call(running, 0.4, clock_offset=lambda: 3_600_000_000_000 if next(steps) > 5 else 0)
    assert log.clock_stepped


def test_a_clock_that_is_slewed_is_no_step() -> None:
    ticks = count()
    with responder_thread() as running:
        log = call(running, 0.4, clock_offset=lambda: next(ticks) * 10_000)  # 500 ppm, the most that NTP does
    assert not log.clock_stepped


def test_the_offset_between_the_clocks_is_steady() -> None:
    assert abs(clock_offset_ns() - clock_offset_ns()) < 2_000_000


def test_packets_of_a_stretch_of_time() -> None:
    packets = [Packet(number, float(number), 0) for number in range(5)]
    assert [packet.sequence for packet in between(packets, 1.0, 3.0)] == [1, 2]

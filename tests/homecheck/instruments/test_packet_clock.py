from __future__ import annotations

import socket
import struct
import sys
import time

import pytest

from homecheck.instruments.packet_clock import Moment, arrival_ns, ask_for_timestamps, receive

LINUX = (socket.SOL_SOCKET, 35, struct.pack("@qq", 1_795_467_600, 123_456_789))
MACOS = (socket.SOL_SOCKET, 0x02, struct.pack("@qi4x", 1_795_467_600, 123_456))


def test_linux_tells_nanoseconds() -> None:
    assert arrival_ns([LINUX], "linux") == 1_795_467_600_123_456_789


def test_macos_tells_microseconds() -> None:
    assert arrival_ns([MACOS], "darwin") == 1_795_467_600_123_456_000


@pytest.mark.parametrize(
    "ancillary", [[], [(0, 35, LINUX[2])], [(socket.SOL_SOCKET, 1, LINUX[2])], [(*LINUX[:2], b"")]]
)
def test_other_messages_are_no_time(ancillary: list[tuple[int, int, bytes]]) -> None:
    assert arrival_ns(ancillary, "linux") is None


@pytest.mark.skipif(sys.platform != "linux", reason="kernel timestamps of Linux")
def test_the_kernels_time_is_before_the_program_looks() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        assert ask_for_timestamps(receiver)
        # The first socket that asks sets it going for the whole system, a moment later: until then a packet is
        # stamped when it is read (Linux, net_enable_timestamp(), __sock_recv_timestamp()).
        for _ in range(20):
            before = time.time_ns()
            sender.sendto(b"hello", receiver.getsockname())
            time.sleep(0.3)  # the packet waits; its time does not
            received = receive(receiver)
            assert received.data == b"hello"
            assert received.by_kernel
            if received.wall_ns < time.time_ns() - 200_000_000:
                break
        assert before - 50_000_000 < received.wall_ns < time.time_ns() - 200_000_000


@pytest.mark.parametrize("step_seconds", [3600, -3600, 31_536_000])
def test_a_clock_that_was_changed_under_way_tells_no_time(step_seconds: int) -> None:
    sent = Moment.now()
    assert sent.until_ms(time.time_ns() + step_seconds * 10**9) is None


def test_an_answer_took_as_long_as_both_clocks_say() -> None:
    sent = Moment.now()
    time.sleep(0.05)
    took = sent.until_ms(time.time_ns())
    assert took is not None
    assert 49 < took < 5000

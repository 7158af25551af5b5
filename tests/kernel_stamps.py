"""When a datagram arrived, by the kernel: only Linux takes its time to begin with it."""

from __future__ import annotations

import socket
import sys
import time

from homecheck.instruments.packet_clock import ask_for_timestamps, receive

TRIES = 200


def wait_for_kernel_stamps() -> None:
    """Return once the kernel stamps what arrives, somewhat after a socket that is still open has asked for it.

    Until then a packet bears the time at which it is read (Linux, net_enable_timestamp()).
    """
    if sys.platform != "linux":
        return
    with socket.socket(type=socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        assert ask_for_timestamps(receiver)
        for _ in range(TRIES):
            sender.sendto(b"x", receiver.getsockname())
            time.sleep(0.02)
            if receive(receiver).wall_ns < time.time_ns() - 10_000_000:
                return
    raise AssertionError("the kernel stamps nothing")

"""When a datagram arrived, by the kernel's clock where it tells, so that a busy program does not lengthen the path.

Linux: SO_TIMESTAMPNS, macOS: SO_TIMESTAMP; both put wall-clock time beside the data. Windows tells nothing: there the
clock is read as soon as the program gets the packet.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from homecheck.instruments import wall_clock

_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; the socket module does not name it
_SO_TIMESTAMP_MACOS: Final = 0x0400  # sys/socket.h
_SCM_TIMESTAMP_MACOS: Final = 0x02
_TIMESPEC: Final = struct.Struct("@qq")  # seconds, nanoseconds
_TIMEVAL: Final = struct.Struct("@qi")  # seconds, microseconds
_ANCILLARY_BYTES: Final = 128
CLOCKS_DRIFT_MS: Final = 1.0  # that two clocks of one computer may be read apart


@dataclass(frozen=True)
class Received:
    """A datagram, its sender, and when it arrived in nanoseconds since 1970."""

    data: bytes
    address: Any
    wall_ns: int
    by_kernel: bool


@dataclass(frozen=True)
class Moment:
    """When a question was sent, by the clock that stamps packets and by one that nobody changes."""

    wall_ns: int
    monotonic: float

    @classmethod
    def now(cls) -> Moment:
        """Return this moment."""
        return cls(wall_clock.now_ns(), time.monotonic())

    def until_ms(self, arrived_ns: int) -> float | None:
        """Return the time until `arrived_ns` in ms; None when the wall clock was changed meanwhile.

        An answer that has been read cannot have taken longer than has passed by the other clock, nor less than nothing.
        """
        passed_ms = (time.monotonic() - self.monotonic) * 1e3
        took_ms = (arrived_ns - self.wall_ns) / 1e6
        return took_ms if 0 <= took_ms <= passed_ms + CLOCKS_DRIFT_MS else None


def ask_for_timestamps(sock: socket.socket) -> bool:
    """Have the kernel stamp what `sock` receives; tell whether it does.

    Where nobody had asked before, Linux begins a moment later: what arrives until then bears the time of reading.
    """
    option = {"linux": _SO_TIMESTAMPNS, "darwin": _SO_TIMESTAMP_MACOS}.get(sys.platform)
    if option is None:
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    except OSError:
        return False
    return True


def receive(sock: socket.socket, most: int = 2048) -> Received:
    """Return the next datagram of `sock`; raises what the socket raises."""
    if sys.platform == "win32":
        data, address = sock.recvfrom(most)
        return Received(data, address, wall_clock.now_ns(), by_kernel=False)
    data, ancillary, _, address = sock.recvmsg(most, _ANCILLARY_BYTES)
    stamp = arrival_ns(ancillary)
    if stamp is None:
        return Received(data, address, wall_clock.now_ns(), by_kernel=False)
    return Received(data, address, stamp, by_kernel=True)


def arrival_ns(ancillary: list[tuple[int, int, bytes]], platform: str = sys.platform) -> int | None:
    """Return the kernel's receive time among `ancillary` messages, in nanoseconds since 1970, or None."""
    for level, kind, data in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if platform == "linux" and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
        if platform == "darwin" and kind == _SCM_TIMESTAMP_MACOS and len(data) >= _TIMEVAL.size:
            seconds, microseconds = _TIMEVAL.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(microseconds) * 1_000
    return None

"""What the kernel knows about one TCP connection: Linux' ``TCP_INFO`` (struct tcp_info of linux/tcp.h)."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

_LENGTH: Final = 160  # up to tcpi_data_segs_out; a kernel before 4.6 returns less
_RTT: Final = 68
_TOTAL_RETRANS: Final = 100
_BYTES_ACKED: Final = 120
_MIN_RTT: Final = 148
_DATA_SEGS_OUT: Final = 156
_LONGEST: Final = 216  # up to tcpi_bytes_retrans, since Linux 4.19
# What ndt7 tells about a connection: name, format and offset.
_MEMBERS: Final = (
    ("RTT", "=I", 68),
    ("RTTVar", "=I", 72),
    ("BytesAcked", "=Q", _BYTES_ACKED),
    ("BytesReceived", "=Q", 128),
    ("MinRTT", "=I", _MIN_RTT),
    ("BusyTime", "=Q", 168),
    ("RWndLimited", "=Q", 176),
    ("SndBufLimited", "=Q", 184),
    ("BytesSent", "=Q", 200),
    ("BytesRetrans", "=Q", 208),
)
_UNKNOWN_RTT: Final = 2**32 - 1


@dataclass(frozen=True)
class TcpInfo:
    """Bytes that the other side acknowledged, segments sent and sent again, round trips in seconds.

    `rtt` is smoothed (RFC 6298) and follows the queue; `min_rtt` is the least of the last minutes.
    """

    bytes_acked: int
    min_rtt: float
    segments: int
    retransmitted: int
    rtt: float = 0.0


def read(connection: Any) -> TcpInfo | None:
    """Return what the kernel knows about `connection` (a socket), or None where it does not tell."""
    return parse(_raw(connection, _LENGTH))


def read_members(connection: Any) -> dict[str, int]:
    """Return what the kernel tells about `connection` (a socket) under the names of ndt7; empty where it does not."""
    return parse_members(_raw(connection, _LONGEST))


def _raw(connection: Any, length: int) -> bytes:
    if sys.platform != "linux":
        return b""
    try:
        data: bytes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, length)
    except OSError:
        return b""
    return data


def parse(data: bytes) -> TcpInfo | None:
    """Return the fields of a tcp_info structure, or None when the kernel is too old to have them."""
    if len(data) < _LENGTH:
        return None
    (retransmitted,) = struct.unpack_from("=I", data, _TOTAL_RETRANS)
    (acked,) = struct.unpack_from("=Q", data, _BYTES_ACKED)
    (rtt,) = struct.unpack_from("=I", data, _RTT)
    (min_rtt,) = struct.unpack_from("=I", data, _MIN_RTT)
    (segments,) = struct.unpack_from("=I", data, _DATA_SEGS_OUT)
    return TcpInfo(acked, min_rtt * 1e-6, segments, retransmitted, rtt * 1e-6)


def parse_members(data: bytes) -> dict[str, int]:
    """Return the members of ndt7's TCPInfo, bytes and microseconds, as far as this kernel's structure has them."""
    found = {
        name: struct.unpack_from(form, data, offset)[0]
        for name, form, offset in _MEMBERS
        if offset + struct.calcsize(form) <= len(data)
    }
    if found.get("MinRTT") == _UNKNOWN_RTT:
        del found["MinRTT"]
    return found


def use_congestion_control(connection: Any, name: str) -> None:
    """Ask for a congestion control by name; where the kernel has or allows none of that name, its own stays."""
    if sys.platform == "linux":
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())

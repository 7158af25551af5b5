"""What the kernel knows about one TCP connection: Linux' ``TCP_INFO`` (struct tcp_info of linux/tcp.h)."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

_LENGTH: Final = 160  # up to tcpi_data_segs_out; a kernel before 4.6 returns less
_TOTAL_RETRANS: Final = 100
_BYTES_ACKED: Final = 120
_MIN_RTT: Final = 148
_DATA_SEGS_OUT: Final = 156


@dataclass(frozen=True)
class TcpInfo:
    """Bytes that the other side acknowledged, the least round trip in seconds, segments sent and sent again."""

    bytes_acked: int
    min_rtt: float
    segments: int
    retransmitted: int


def read(connection: Any) -> TcpInfo | None:
    """Return what the kernel knows about `connection` (a socket), or None where it does not tell."""
    if sys.platform != "linux":
        return None
    try:
        data = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
    except OSError:
        return None
    return parse(data)


def parse(data: bytes) -> TcpInfo | None:
    """Return the fields of a tcp_info structure, or None when the kernel is too old to have them."""
    if len(data) < _LENGTH:
        return None
    (retransmitted,) = struct.unpack_from("=I", data, _TOTAL_RETRANS)
    (acked,) = struct.unpack_from("=Q", data, _BYTES_ACKED)
    (min_rtt,) = struct.unpack_from("=I", data, _MIN_RTT)
    (segments,) = struct.unpack_from("=I", data, _DATA_SEGS_OUT)
    return TcpInfo(acked, min_rtt * 1e-6, segments, retransmitted)


def use_congestion_control(connection: Any, name: str) -> None:
    """Ask for a congestion control by name; where the kernel has or allows none of that name, its own stays."""
    if sys.platform == "linux":
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())

"""An answer leaves from the address that was asked: agents, and the routers of their homes, take it from no other.

A socket on all addresses of a machine with several would else answer from the one that the system prefers for the way
back. Linux tells with each datagram which address it came to (IP_PKTINFO in ip(7), IPV6_PKTINFO in ipv6(7)), and takes
the same message where the answer is sent. Elsewhere a responder with several addresses needs a --host that is one.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ANCILLARY_BYTES: Final = 128

Ancillary = list[tuple[int, int, bytes]]


@dataclass(frozen=True)
class Told:
    """The control message of one address family: how it is asked for, what it is, and where it names the interface."""

    level: int
    option: int
    kind: int
    data_bytes: int
    interface_at: int


# linux/in.h, linux/in6.h; Python names them on some systems only. struct in_pktinfo and in6_pktinfo.
_TOLD: Final = {
    int(socket.AF_INET): Told(socket.IPPROTO_IP, option=8, kind=8, data_bytes=12, interface_at=0),
    int(socket.AF_INET6): Told(socket.IPPROTO_IPV6, option=49, kind=50, data_bytes=20, interface_at=16),
}


def ask(sock: socket.socket) -> Told | None:
    """Have the system tell which address each datagram came to; None where it does not, or where there is one alone."""
    host = str(sock.getsockname()[0]).partition("%")[0]
    if sys.platform != "linux" or not ipaddress.ip_address(host).is_unspecified:
        return None
    told = _TOLD[sock.family]
    try:
        sock.setsockopt(told.level, told.option, 1)
    except OSError:
        return None
    return told


def to_send(ancillary: Sequence[tuple[int, int, bytes]], told: Told | None) -> Ancillary:
    """Return the message that has an answer leave from where its question came to.

    The interface is left open: the way back need not be the way that the question took.
    """
    found: Ancillary = []
    for level, kind, data in ancillary:
        if told is not None and (level, kind, len(data)) == (told.level, told.kind, told.data_bytes):
            kept = bytearray(data)
            struct.pack_into("=I", kept, told.interface_at, 0)
            found.append((level, kind, bytes(kept)))
    return found

"""Asking by ICMP echo through a datagram socket, which needs no special rights where the system has one.

macOS lets everybody have such a socket, and hands over the routers' answers too, each behind its IP header (icmp(4) of
Darwin). Linux does where net.ipv4.ping_group_range says so, writes its own identifier, and hands over echo replies
alone: there it times the gateway. Layouts: RFC 792, RFC 4443.
"""

from __future__ import annotations

import secrets
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import packet_clock
from homecheck.instruments.hops import NUMBERS, Answer
from homecheck.instruments.packet_clock import Moment

ECHO_REQUEST: Final = 8
ECHO_REPLY: Final = 0
UNREACHABLE: Final = 3
TIME_EXCEEDED: Final = 11
ECHO_REQUEST_6: Final = 128
ECHO_REPLY_6: Final = 129
_HEAD: Final = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_LEAST_IP_HEADER: Final = 20
PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True)
class Message:
    """What an ICMP message says: its type, and identifier and sequence of the echo that it answers."""

    kind: int
    identifier: int
    sequence: int


class EchoAsker:
    """Asks `address` itself, or on macOS the routers before it. Raises ProbeError ``not_allowed``."""

    def __init__(self, family: int, address: str, platform: str = sys.platform) -> None:
        self._is_v6 = family == socket.AF_INET6
        self._address, self._platform = address, platform
        self._identifier = secrets.randbelow(0x10000)
        self._sent: dict[int, Moment] = {}
        try:
            self._target = socket.getaddrinfo(address, 0, family=family, flags=socket.AI_NUMERICHOST)[0][4]
            self._socket = socket.socket(
                family, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if self._is_v6 else socket.IPPROTO_ICMP
            )
        except OSError:
            raise ProbeError("not_allowed", "", message="this system allows no echo requests") from None
        self._socket.setblocking(False)
        packet_clock.ask_for_timestamps(self._socket)

    def ask(self, number: int, hops: int) -> None:
        """Send one echo request."""
        level, option = (
            (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if self._is_v6 else (socket.IPPROTO_IP, socket.IP_TTL)
        )
        self._socket.setsockopt(level, option, hops)
        kind = ECHO_REQUEST_6 if self._is_v6 else ECHO_REQUEST
        self._sent[number % NUMBERS] = Moment.now()
        with suppress(OSError):
            self._socket.sendto(echo(kind, self._identifier, number % NUMBERS), self._target)

    def answers(self, seconds: float) -> list[Answer]:
        """Return what has been answered, after at most `seconds`."""
        select.select([self._socket], [], [], max(0.0, seconds))
        found = []
        try:
            while True:
                answer = self._read(packet_clock.receive(self._socket))
                if answer is not None:
                    found.append(answer)
        except BlockingIOError:
            pass
        except OSError:
            time.sleep(PAUSE_SECONDS)  # an earlier packet's error, or the network is gone for a moment: do not spin
        return found

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _read(self, received: packet_clock.Received) -> Answer | None:
        message = parse(received.data, is_v6=self._is_v6)
        # The kernel of Linux sets the identifier, and hands over nobody else's messages.
        if message is None or (self._platform != "linux" and message.identifier != self._identifier):
            return None
        sent = self._sent.get(message.sequence)
        rtt_ms = None if sent is None else sent.until_ms(received.wall_ns)
        if rtt_ms is None:
            return None
        reached = message.kind in (ECHO_REPLY, ECHO_REPLY_6)
        return Answer(message.sequence, str(received.address[0]), rtt_ms, reached)


def echo(kind: int, identifier: int, sequence: int) -> bytes:
    """Return an echo request. The kernel fills in the checksum of version 6, which covers addresses."""
    body = b"homecheck"
    head = _HEAD.pack(kind, 0, 0, identifier, sequence)
    return _HEAD.pack(kind, 0, checksum(head + body), identifier, sequence) + body


def checksum(data: bytes) -> int:
    """Return the Internet checksum of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse(data: bytes, *, is_v6: bool) -> Message | None:
    """Return what a received ICMP message answers, or None for a message that answers no echo request."""
    body = data if is_v6 else without_ip_header(data)
    if len(body) < _HEAD.size:
        return None
    kind, _, _, identifier, sequence = _HEAD.unpack_from(body)
    if kind == (ECHO_REPLY_6 if is_v6 else ECHO_REPLY):
        return Message(kind, identifier, sequence)
    if is_v6 or kind not in (TIME_EXCEEDED, UNREACHABLE):
        return None
    quoted = without_ip_header(body[_HEAD.size :])
    if len(quoted) < _HEAD.size or quoted[0] != ECHO_REQUEST:
        return None
    _, _, _, identifier, sequence = _HEAD.unpack_from(quoted)
    # "Unreachable" comes from whoever refuses, router or not: it tells no distance.
    return Message(kind, identifier, sequence) if kind == TIME_EXCEEDED else None


def without_ip_header(data: bytes) -> bytes:
    """Return what follows an IPv4 header; everything, where there is none: no ICMP type in use looks like one."""
    if len(data) >= _LEAST_IP_HEADER and data[0] >> 4 == 4:
        return data[4 * (data[0] & 0x0F) :]
    return data

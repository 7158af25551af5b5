"""Asking routers on Linux: UDP packets of limited reach, and the socket's error queue, which needs no rights.

With IP_RECVERR the kernel puts every ICMP error that answers a packet of the socket into its error queue, with the
sender's address and the time of arrival (ip(7), ipv6(7), struct sock_extended_err of linux/errqueue.h). The question
is told by the port that it was sent to, because a router need not send back more of a packet than its ports (RFC 792).
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import packet_clock
from homecheck.instruments.hops import NUMBERS, Answer
from homecheck.instruments.packet_clock import Moment

FIRST_PORT: Final = 33_434  # traceroute's: where nobody listens
IP_RECVERR: Final = 11  # linux/in.h
IPV6_RECVERR: Final = 25  # linux/in6.h
SO_EE_ORIGIN_ICMP: Final = 2
SO_EE_ORIGIN_ICMP6: Final = 3
_ERROR: Final = struct.Struct(
    "=IBBBBII"
)  # errno, origin, type, code, padding, info, data; the sender's address follows
_MSG_ERRQUEUE: Final = 0x2000
_ANCILLARY_BYTES: Final = 512
_TIME_EXCEEDED: Final = {SO_EE_ORIGIN_ICMP: 11, SO_EE_ORIGIN_ICMP6: 3}
_UNREACHABLE: Final = {SO_EE_ORIGIN_ICMP: 3, SO_EE_ORIGIN_ICMP6: 1}

Ancillary = Iterable[tuple[int, int, bytes]]


class ErrorQueueAsker:
    """Asks on the way to `address` by UDP, question n at `first_port` + n.

    Raises ProbeError ``not_told`` where the kernel keeps errors to itself.
    """

    def __init__(self, family: int, address: str, first_port: int = FIRST_PORT) -> None:
        self._level, self._hops_option, errors = (
            (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, IPV6_RECVERR)
            if family == socket.AF_INET6
            else (socket.IPPROTO_IP, socket.IP_TTL, IP_RECVERR)
        )
        self._sent: dict[int, Moment] = {}
        self._first_port = first_port
        try:
            found = socket.getaddrinfo(address, first_port, family=family, flags=socket.AI_NUMERICHOST)
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:  # the interface that a link-local address names is gone, for example
            raise ProbeError("not_told", "", message=f"{address} cannot be asked: {error.strerror}") from None
        self._target = tuple(found[0][4])
        self._socket.setblocking(False)
        packet_clock.ask_for_timestamps(self._socket)
        try:
            self._socket.setsockopt(self._level, errors, 1)
        except OSError:
            self._socket.close()
            raise ProbeError("not_told", "", message="this system does not show the routers' answers") from None

    def ask(self, number: int, hops: int) -> None:
        """Send one packet."""
        self._socket.setsockopt(self._level, self._hops_option, hops)
        target = (self._target[0], self._first_port + number % NUMBERS, *self._target[2:])
        # Once: a firewall of this computer answers before it says that the packet may not leave.
        self._sent[number % NUMBERS] = Moment.now()
        for _ in range(2):  # the first time, the socket may report an error of an earlier packet instead
            with suppress(OSError):
                self._socket.sendto(b"homecheck", target)
                return

    def answers(self, seconds: float) -> list[Answer]:
        """Return what has been answered, after at most `seconds`."""
        if sys.platform == "win32":
            return []
        waiting = select.poll()
        waiting.register(self._socket, 0)  # errors are always told
        if not waiting.poll(max(0, round(seconds * 1e3))):
            return []
        found = []
        with suppress(BlockingIOError):
            while True:
                _, ancillary, _, target = self._socket.recvmsg(64, _ANCILLARY_BYTES, _MSG_ERRQUEUE)
                arrived_ns = packet_clock.arrival_ns(ancillary, "linux") or time.time_ns()
                answer = self._read(ancillary, target[1] - self._first_port, arrived_ns)
                if answer is not None:
                    found.append(answer)
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # else it is told again, without anything to read
        return found

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _read(self, ancillary: Ancillary, number: int, arrived_ns: int) -> Answer | None:
        told, sent = sender(ancillary), self._sent.get(number)
        rtt_ms = None if sent is None else sent.until_ms(arrived_ns)
        if told is None or rtt_ms is None:
            return None
        address, reached = told
        return Answer(number, address, rtt_ms, reached)


def sender(ancillary: Ancillary) -> tuple[str, bool] | None:
    """Return who sent an ICMP error and whether it lies behind all routers; None for errors of this computer."""
    for level, kind, data in ancillary:
        if (level, kind) not in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
            continue
        if len(data) < _ERROR.size:
            return None
        address = _address(data[_ERROR.size :])
        reached = _reached(data)
        return None if address is None or reached is None else (address, reached)
    return None


def _reached(error: bytes) -> bool | None:
    """Tell of a struct sock_extended_err whether the far end itself answered (False: a router); None for neither."""
    _, origin, icmp_type, code, *_ = _ERROR.unpack_from(error)
    if icmp_type == _TIME_EXCEEDED.get(origin):
        return False
    # Port unreachable is the far end's own word; other codes are those of a router that refuses.
    port_code = 3 if origin == SO_EE_ORIGIN_ICMP else 4
    return True if icmp_type == _UNREACHABLE.get(origin) and code == port_code else None


def _address(data: bytes) -> str | None:
    """Return the address in a sockaddr_in or sockaddr_in6; None for anything else."""
    family = int.from_bytes(data[:2], sys.byteorder)
    if family == 10 and len(data) >= 24:  # AF_INET6 of Linux, whatever this computer calls it
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return socket.inet_ntoa(data[4:8]) if family == 2 and len(data) >= 8 else None

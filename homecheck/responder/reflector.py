"""The UDP end: answers the packets of open sessions (RFC 8762, stateful reflector), and nothing else.

A thread with a blocking socket and kernel timestamps, because an event loop adds its own delays to those of the path.
It never answers with more bytes than it was sent, answers every sequence number once, and is silent to strangers, so
that it is of no use to anybody who forges sender addresses.

What waits is taken and checked together (datagrams_linux), then stamped, signed and sent a few at a time, so that a
reply leaves soon after the time it bears. A packet that waits alone is answered alone.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from homecheck.instruments import packet_clock
from homecheck.responder import datagrams_linux
from homecheck.responder.datagrams import Datagrams, OneByOne, Slot
from homecheck.responder.datagrams_linux import Batched
from homecheck.responder.sessions import FlowCount, Session, Sessions
from homecheck.standards import rfc_8762

_LOOK_UP_SECONDS: Final = 0.5  # how long the thread may sleep before it sees that it shall end
_BUFFER: Final = 4 * 1024 * 1024
TOGETHER: Final = 8  # replies that are stamped at once, signed (3 us each) and sent with one call
_SO_RCVBUFFORCE: Final = 33 if sys.platform == "linux" else socket.SO_RCVBUF  # asm-generic/socket.h
_SO_MEMINFO: Final = 55  # the same; sk_meminfo of linux/sock_diag.h
_MEMINFO_DROPS: Final = 8  # its last word
_SIO_UDP_CONNRESET: Final = 0x9800000C  # mswsock.h

_Admitted = tuple[Slot, rfc_8762.InPlace, Session, FlowCount]


class Reflector:
    """A bound UDP socket with its thread."""

    def __init__(
        self,
        sessions: Sessions,
        host: str,
        port: int,
        datagrams: Callable[[socket.socket, float], Datagrams] = Batched if datagrams_linux.USABLE else OneByOne,
    ) -> None:
        self._sessions = sessions
        self._socket = bound(host, port)
        self._datagrams = datagrams(self._socket, _LOOK_UP_SECONDS)
        self._packets = [rfc_8762.InPlace(slot.data) for slot in self._datagrams.slots]
        self._overflowed = 0
        self._ending = False
        self._thread = threading.Thread(target=self._serve, name="reflector", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the socket."""
        self._ending = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ending:
            # A timeout, or an ICMP answer to an earlier packet: neither matters here.
            with suppress(OSError):
                self.answer_waiting()

    def answer_waiting(self) -> int:
        """Take the packets that wait, or the next one, and answer; return how many. OSError when none comes in time."""
        slots = self._datagrams.receive()
        if len(slots) == len(self._datagrams.slots):  # behind an overflow there are many that wait
            self._note_overflow()
        admitted = self._admit(slots)
        for begin in range(0, len(admitted), TOGETHER):
            self._answer(admitted[begin : begin + TOGETHER])
        return len(slots)

    def _note_overflow(self) -> None:
        before, self._overflowed = self._overflowed, overflowed(self._socket)
        self._sessions.overflow.packets += self._overflowed - before & 0xFFFF_FFFF

    def _admit(self, slots: Sequence[Slot]) -> list[_Admitted]:
        """Return those that are to be answered, and whose they are."""
        flows, admitted = self._sessions.flows, []
        for slot, packet in zip(slots, self._packets, strict=False):  # `slots` are the first ones
            if slot.length < rfc_8762.BASE_LENGTH:
                continue
            packet.peek()
            found = flows.get(packet.ssid)
            if found is None:
                continue
            session, flow = found
            if packet.is_signed(session.udp_key) and flow.is_new(packet.sequence):
                admitted.append((slot, packet, session, flow))
        return admitted

    def _answer(self, admitted: Sequence[_Admitted]) -> None:
        now, sent = time.monotonic(), rfc_8762.to_ntp(time.time_ns())
        for slot, packet, session, flow in admitted:
            session.last_seen = now
            received = rfc_8762.to_ntp(slot.wall_ns)
            packet.turn_round(slot.length, flow.reflected, received, sent, session.udp_key)
            flow.reflected += 1
        refused = self._datagrams.send([slot for slot, _, _, _ in admitted])
        for slot, _, _, flow in admitted if refused else ():
            flow.reflected -= slot in refused


def bound(host: str, port: int) -> socket.socket:
    """Return a UDP socket on `host` and `port` (0: any). Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.bind(address)
        for option in (socket.SO_RCVBUF, _SO_RCVBUFFORCE):  # the second is for root, and not limited by rmem_max
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        packet_clock.ask_for_timestamps(sock)
        if sys.platform == "win32":  # else an ICMP "port unreachable" from one agent breaks the socket for all
            sock.ioctl(_SIO_UDP_CONNRESET, False)
    except OSError:
        sock.close()
        raise
    return sock


def overflowed(sock: socket.socket) -> int:
    """Return how many packets found no room in the socket's buffer so far, modulo 2^32; 0 where that is not told."""
    if sys.platform != "linux":
        return 0
    words = struct.Struct(f"@{_MEMINFO_DROPS + 1}I")
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, words.size)
    except OSError:
        return 0
    return int(words.unpack(data)[_MEMINFO_DROPS]) if len(data) == words.size else 0

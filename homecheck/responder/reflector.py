"""The UDP end: answers the packets of open sessions (RFC 8762, stateful reflector), and nothing else.

A thread with a blocking socket and kernel timestamps, because an event loop adds its own delays to those of the path.
It never answers with more bytes than it was sent, answers every sequence number once, and is silent to strangers, so
that it is of no use to anybody who forges sender addresses.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from homecheck.instruments import packet_clock
from homecheck.responder.sessions import Sessions
from homecheck.standards import rfc_8762

_LARGEST: Final = 1500  # bytes of a datagram that is looked at
_LOOK_UP_SECONDS: Final = 0.5  # how long the thread may sleep before it sees that it shall end
_BUFFER: Final = 4 * 1024 * 1024
_SIO_UDP_CONNRESET: Final = 0x9800000C  # mswsock.h


class Reflector:
    """A bound UDP socket with its thread."""

    def __init__(self, sessions: Sessions, host: str, port: int) -> None:
        self._sessions = sessions
        self._socket = bound(host, port)
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
            try:
                received = packet_clock.receive(self._socket, _LARGEST)
            except OSError:  # a timeout, or an ICMP answer to an earlier packet: neither matters here
                continue
            with suppress(rfc_8762.BadPacket, OSError):
                self._answer(received)

    def _answer(self, received: packet_clock.Received) -> None:
        found = self._sessions.flows.get(rfc_8762.peek_ssid(received.data))
        if found is None:
            return
        session, flow = found
        request = rfc_8762.unpack_request(received.data, session.key)
        if not flow.is_new(request.sequence):
            return
        session.last_seen = time.monotonic()
        reply = rfc_8762.pack_reply(
            received.data,
            sequence=flow.reflected,
            received_ns=received.wall_ns,
            sent_ns=time.time_ns(),
            key=session.key,
        )
        self._socket.sendto(reply, received.address)
        flow.reflected += 1


def bound(host: str, port: int) -> socket.socket:
    """Return a UDP socket on `host` and `port` (0: any). Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.bind(address)
        sock.settimeout(_LOOK_UP_SECONDS)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        packet_clock.ask_for_timestamps(sock)
        if sys.platform == "win32":  # else an ICMP "port unreachable" from one agent breaks the socket for all
            sock.ioctl(_SIO_UDP_CONNRESET, False)
    except OSError:
        sock.close()
        raise
    return sock

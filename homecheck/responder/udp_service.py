"""A few UDP sockets with one thread that answers what comes: the frame of the STUN server and of the SIP mirror.

It never answers with more bytes than it was sent, and a session has only so many answers to spend, so that it is of no
use to anybody who forges sender addresses.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from homecheck.responder import asked_address
from homecheck.responder.reflector import bound
from homecheck.standards.rfc_8489 import Endpoint

_LARGEST: Final = 2048  # bytes of a datagram that is looked at
_LOOK_UP_SECONDS: Final = 0.5  # how long the thread may sleep before it sees that it shall end


@dataclass(frozen=True)
class Reply:
    """What goes back to the sender, and through which of the sockets."""

    datagram: bytes
    through: int


# Takes the number of the socket, the datagram and its sender; None and ValueError mean silence.
Answer = Callable[[int, bytes, Endpoint], Reply | None]


class UdpService:
    """Bound sockets with their thread."""

    def __init__(self, name: str, sockets: Sequence[socket.socket], answer: Answer) -> None:
        self._sockets, self._answer = sockets, answer
        self._told = [asked_address.ask(sock) for sock in sockets]
        self._ending = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the sockets."""
        self._ending = True
        if self._thread.is_alive():
            self._thread.join()
        for sock in self._sockets:
            sock.close()

    def _serve(self) -> None:
        while not self._ending:
            for sock in select.select(self._sockets, [], [], _LOOK_UP_SECONDS)[0]:
                with suppress(ValueError, OSError):  # no message; or an ICMP answer to an earlier packet
                    self._serve_one(self._sockets.index(sock))

    def _serve_one(self, number: int) -> None:
        sock, told = self._sockets[number], self._told[number]
        if told is None or sys.platform == "win32":  # where it is None, and Python has no recvmsg
            data, source = sock.recvfrom(_LARGEST)
            way_back: asked_address.Ancillary = []
        else:
            data, ancillary, _, source = sock.recvmsg(_LARGEST, asked_address.ANCILLARY_BYTES)
            way_back = asked_address.to_send(ancillary, told)
        reply = self._answer(number, data, Endpoint.of(source))
        if reply is None or len(reply.datagram) > len(data):
            return
        if way_back and sys.platform != "win32":
            self._sockets[reply.through].sendmsg([reply.datagram], way_back, 0, source)
        else:
            self._sockets[reply.through].sendto(reply.datagram, source)


def bind_all(addresses: Sequence[tuple[str, int]]) -> list[socket.socket]:
    """Return a socket for each address and port, or none at all. Raises OSError."""
    sockets: list[socket.socket] = []
    try:
        for host, port in addresses:
            sockets.append(bound(host, port))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets

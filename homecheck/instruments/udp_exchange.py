"""Asking by UDP: each question is sent again until it is answered or its time is over.

STUN and SIP repeat at the same moments (RFC 8489 6.2.1, RFC 3261 17.1.1.2: half a second, doubled).
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from homecheck.standards.rfc_8489 import RETRANSMISSION_SECONDS, TRANSACTION_SECONDS, Endpoint

_LARGEST: Final = 2048  # bytes of a datagram that is looked at

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Question(Generic[Answer]):
    """A datagram for `destination`; `read` returns the answer in a datagram from an address, or None if it is none."""

    sock: socket.socket
    destination: Endpoint
    datagram: bytes
    read: Callable[[bytes, Endpoint], Answer | None]


def ask(questions: Sequence[Question[Answer]]) -> list[Answer | None]:
    """Ask all at the same time and return each one's answer, None for silence. Takes 2.5 s at most."""
    answers: list[Answer | None] = [None] * len(questions)
    sockets = list({question.sock for question in questions})
    due, began = list(RETRANSMISSION_SECONDS), time.monotonic()
    while None in answers and (passed := time.monotonic() - began) < TRANSACTION_SECONDS:
        if due and passed >= due[0]:
            due.pop(0)
            _send(question for question, answer in zip(questions, answers, strict=True) if answer is None)
        waiting = min([TRANSACTION_SECONDS, *due]) - passed
        for sock in select.select(sockets, [], [], max(0.0, waiting))[0]:
            _take(sock, questions, answers)
    return answers


def bound(family: int, address: str, port: int) -> socket.socket:
    """Return a UDP socket on one address of this computer and on `port` (0: any) alone. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if sys.platform == "win32":  # elsewhere nobody can take a port that is taken
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        sock.setblocking(False)
        sock.bind(socket_address(family, Endpoint(address, port)))
    except OSError:
        sock.close()
        raise
    return sock


def socket_address(family: int, endpoint: Endpoint) -> tuple[Any, ...]:
    """Return an address as a socket of `family` takes it. Raises OSError."""
    return socket.getaddrinfo(*endpoint, family=family, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4]


def _send(questions: Iterable[Question[Answer]]) -> None:
    for question in questions:
        with suppress(OSError):  # a packet that cannot leave is a packet lost
            address = socket_address(question.sock.family, question.destination)
            question.sock.sendto(question.datagram, address)


def _take(sock: socket.socket, questions: Sequence[Question[Answer]], answers: list[Answer | None]) -> None:
    try:
        data, source = sock.recvfrom(_LARGEST)
    except OSError:  # Windows tells here that nobody listens at an address that was asked before
        return
    for number, question in enumerate(questions):
        if question.sock is sock and answers[number] is None:
            answers[number] = question.read(data, Endpoint.of(source))

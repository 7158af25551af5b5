from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from homecheck.instruments.udp_exchange import Question, ask, bound
from homecheck.standards.rfc_8489 import Endpoint

HOST = "127.0.0.1"
AF = socket.AF_INET


@contextmanager
def far_end(replies: Callable[[bytes, int], list[bytes]]) -> Iterator[Endpoint]:
    """Answer datagram number n with `replies`, until the context ends."""
    with closing(bound(AF, HOST, 0)) as sock:
        sock.settimeout(0.1)
        ending = threading.Event()

        def serve() -> None:
            received = 0
            while not ending.is_set():
                try:
                    data, source = sock.recvfrom(2048)
                except TimeoutError:
                    continue
                for reply in replies(data, received):
                    sock.sendto(reply, source)
                received += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Endpoint.of(sock.getsockname())
        finally:
            ending.set()
            thread.join()


def question(sock: socket.socket, to: Endpoint, text: bytes) -> Question[bytes]:
    return Question(sock, to, text, lambda data, source: data if source == to and data.startswith(text) else None)


def test_every_question_gets_its_own_answer_whatever_comes_between() -> None:
    with far_end(lambda data, _: [b"noise", data + b"!"]) as to, closing(bound(AF, HOST, 0)) as sock:
        assert ask([question(sock, to, b"one"), question(sock, to, b"two")]) == [b"one!", b"two!"]


def test_a_lost_packet_is_sent_again() -> None:
    with far_end(lambda data, number: [data] if number == 1 else []) as to, closing(bound(AF, HOST, 0)) as sock:
        assert ask([question(sock, to, b"x")]) == [b"x"]


def test_silence_ends_in_time_however_many_strangers_talk() -> None:
    with far_end(lambda _data, _number: [b"stranger"] * 50) as to, closing(bound(AF, HOST, 0)) as sock:
        began = time.monotonic()
        assert ask([question(sock, to, b"x")]) == [None]
        assert 2.4 < time.monotonic() - began < 8


def test_a_port_that_is_taken_cannot_be_bound() -> None:
    with closing(bound(AF, HOST, 0)) as sock, pytest.raises(OSError, match="in use"):
        bound(AF, HOST, sock.getsockname()[1])

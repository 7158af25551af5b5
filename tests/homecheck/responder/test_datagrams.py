"""Both ways of taking and sending datagrams, over real sockets."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from homecheck.responder import datagrams_linux
from homecheck.responder.datagrams import Datagrams, OneByOne
from homecheck.responder.datagrams_linux import MOST, Batched
from homecheck.responder.reflector import bound
from tests.kernel_stamps import wait_for_kernel_stamps
from tests.needs import need

LINUX = pytest.mark.skipif(not datagrams_linux.USABLE, reason="recvmmsg of Linux")
KINDS = [OneByOne, pytest.param(Batched, marks=LINUX)]
HOSTS = ["127.0.0.1", "::1"]


class End:
    """A bound socket with its datagrams, and a client."""

    def __init__(self, kind: Any, host: str, timeout: float = 20.0) -> None:
        self.socket = bound(host, 0)
        self.datagrams: Datagrams = kind(self.socket, timeout)
        self.client = socket.socket(self.socket.family, socket.SOCK_DGRAM)
        self.client.settimeout(20)
        self.client.connect(self.socket.getsockname()[:2])

    def close(self) -> None:
        self.socket.close()
        self.client.close()


@pytest.fixture(params=KINDS)
def end(request: pytest.FixtureRequest) -> Iterator[End]:
    made = End(request.param, "127.0.0.1")
    yield made
    made.close()


def take(datagrams: Datagrams, count: int) -> list[bytes]:
    """Receive and send back until `count` have come."""
    found: list[bytes] = []
    while len(found) < count:
        slots = datagrams.receive()
        found += [bytes(slot.data[: slot.length]) for slot in slots]
        assert list(datagrams.send(slots)) == []
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", HOSTS)
def test_what_waits_is_received_in_order_and_goes_back_to_its_senders(kind: Any, host: str) -> None:
    end = End(kind, host)
    second = socket.socket(end.socket.family, socket.SOCK_DGRAM)
    second.settimeout(20)
    second.connect(end.socket.getsockname()[:2])
    lengths = [0, 1, 172, 1500, 3, 172] * 4
    sent = [bytes([number]) * length for number, length in enumerate(lengths)]
    for number, data in enumerate(sent):
        (end.client, second)[number % 2].send(data)
    assert take(end.datagrams, len(sent)) == sent
    for number, data in enumerate(sent):
        assert (end.client, second)[number % 2].recv(2000) == data
    second.close()
    end.close()


@LINUX
def test_datagrams_that_wait_are_taken_together_and_one_that_is_alone_is_not_held_back() -> None:
    end = End(Batched, "127.0.0.1")
    for number in range(MOST + 1):
        end.client.send(bytes([number]))
    assert [slot.data[0] for slot in end.datagrams.receive()] == list(range(MOST))
    assert [slot.data[0] for slot in end.datagrams.receive()] == [MOST]
    end.close()


def test_a_datagram_bears_the_time_at_which_it_arrived(end: End) -> None:
    wait_for_kernel_stamps()
    before = time.time_ns()
    end.client.send(b"early")
    after = time.time_ns()
    time.sleep(1.0)  # what the program does meanwhile does not matter
    (slot,) = end.datagrams.receive()
    if sys.platform != "win32":
        assert before - 1_000_000 <= slot.wall_ns <= after + 800_000_000


def test_waiting_ends(end: End) -> None:
    end.close()
    patient = End(type(end.datagrams), "127.0.0.1", timeout=0.2)
    began = time.monotonic()
    with pytest.raises(OSError, match=r"timed out|temporarily unavailable"):
        patient.datagrams.receive()
    assert 0.1 < time.monotonic() - began < 20
    patient.close()


def test_some_of_what_came_can_be_sent_back(end: End) -> None:
    for number in range(6):
        end.client.send(bytes([number]))
    count = 0
    while count < 6:
        slots = end.datagrams.receive()
        count += len(slots)
        end.datagrams.send([slot for slot in slots if slot.data[0] in (0, 2, 3, 5)])
    assert [end.client.recv(10)[0] for _ in range(4)] == [0, 2, 3, 5]


def test_a_receiver_that_cannot_be_is_told_and_the_others_get_theirs(end: End) -> None:
    """Nobody can be answered at port 0, but anybody who is root can send from there."""
    need(sys.platform == "linux" and os.geteuid() == 0, "sending from port 0 needs Linux and root", "run as root")
    port = end.socket.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        for number in range(6):
            if number in (1, 2, 4):
                raw.sendto(struct.pack("!HHHH", 0, port, 9, 0) + bytes([number]), ("127.0.0.1", 0))
            else:
                end.client.send(bytes([number]))
    count, refused = 0, []
    while count < 6:
        slots = end.datagrams.receive()
        count += len(slots)
        refused += [slot.data[0] for slot in end.datagrams.send([slot for slot in slots if slot.data[0] != 3])]
    assert refused == [1, 2, 4]
    assert [end.client.recv(10)[0] for _ in range(2)] == [0, 5]


@LINUX
@pytest.mark.parametrize(("host", "asked"), [("0.0.0.0", "127.0.0.2"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_an_answer_leaves_from_the_address_that_was_asked(host: str, asked: str) -> None:
    """The system's own choice would be 127.0.0.1, from which a client that has asked 127.0.0.2 takes nothing."""
    sock = bound(host, 0)
    datagrams = Batched(sock, 20.0)
    with sock, socket.socket(sock.family, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((asked, sock.getsockname()[1]))
        for number in range(40):  # more than one round of the buffers
            client.send(b"%d" % number)
            assert take(datagrams, 1) == [b"%d" % number]
            assert client.recv(100) == b"%d" % number


@LINUX
def test_of_a_batch_each_answer_leaves_from_the_address_that_was_asked() -> None:
    sock = bound("0.0.0.0", 0)
    datagrams = Batched(sock, 20.0)
    with sock, ExitStack() as clients:
        asking = [clients.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(5)]
        for number, client in enumerate(asking):
            client.settimeout(20)
            client.connect((f"127.0.0.{number + 1}", sock.getsockname()[1]))
            client.send(b"%d" % number)
        take(datagrams, len(asking))
        assert [client.recv(100) for client in asking] == [b"0", b"1", b"2", b"3", b"4"]

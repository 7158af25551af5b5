"""Real packets to a real socket; the responder runs in a thread of this process."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from homecheck.responder import datagrams_linux
from homecheck.responder.datagrams import OneByOne, Slot
from homecheck.responder.datagrams_linux import Batched
from homecheck.responder.limits import Limits
from homecheck.responder.reflector import Reflector
from homecheck.responder.sessions import Session, Sessions
from homecheck.signing import decode_base64url
from homecheck.standards.rfc_8762 import Reply, Request, pack_request, unpack_reply
from tests.far_ends import InThread, open_session, responder_thread
from tests.kernel_stamps import wait_for_kernel_stamps

LINUX = pytest.mark.skipif(not datagrams_linux.USABLE, reason="recvmmsg of Linux")


@pytest.fixture(scope="module")
def responder() -> Iterator[InThread]:
    with responder_thread(limits=Limits(sessions_per_source=64)) as running:
        yield running


@pytest.fixture
def session(responder: InThread) -> dict[str, Any]:
    return open_session(responder.far_end)


def udp(responder: InThread) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", responder.udp_port))
    return sock


def request(session: dict[str, Any], sequence: int, **changes: Any) -> bytes:
    key = changes.get("key", decode_base64url(session["udp"]["key"]))
    ssid = changes.get("ssid", session["udp"]["ssid"])
    return pack_request(Request(sequence, ssid, time.time_ns()), key, changes.get("length", 172))


def is_answered(sock: socket.socket, session: dict[str, Any], then: int) -> bool:
    """Tell whether what was sent before is answered: a good packet goes behind it, and must not be answered first."""
    sock.send(request(session, then))
    reply = unpack_reply(sock.recv(2048), decode_base64url(session["udp"]["key"]))
    return reply.request_sequence != then


class Reflecting:
    """A reflector and its sessions without anything else."""

    def __init__(self, kind: Any, sessions: int = 1, host: str = "127.0.0.1") -> None:
        self.all = Sessions(Limits(sessions=sessions, sessions_per_source=sessions), time.monotonic)
        self.sessions = [self.all.open((None,), "192.0.2.1", datetime.now(UTC)) for _ in range(sessions)]
        self.reflector = Reflector(self.all, host, 0, kind)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", self.reflector.port))
        wait_for_kernel_stamps()

    def replies(self, count: int) -> list[tuple[Session, Reply]]:
        by_ssid = {session.ssid: session for session in self.sessions}
        found = []
        for _ in range(count):
            datagram = self.socket.recv(2048)
            session = by_ssid[int.from_bytes(datagram[26:28], "big")]
            found.append((session, unpack_reply(datagram, session.key)))
        return found

    def stop(self) -> None:
        self.socket.close()
        self.reflector.stop()


@pytest.fixture(params=[OneByOne, pytest.param(Batched, marks=LINUX)])
def crowd(request: pytest.FixtureRequest) -> Iterator[Reflecting]:
    made = Reflecting(request.param, sessions=20)
    yield made
    made.stop()


def test_packets_of_many_sessions_that_wait_together_are_each_answered_once_with_their_own_times(
    crowd: Reflecting,
) -> None:
    for sequence in range(5):
        for session in crowd.sessions:
            crowd.socket.send(pack_request(Request(sequence, session.ssid, 10**18 + sequence), session.key))
            crowd.socket.send(pack_request(Request(sequence, session.ssid, 10**18), bytes(32)))  # a stranger's
    before = time.time_ns()
    crowd.reflector.start()
    found = crowd.replies(100)
    after = time.time_ns()
    assert len({(session.ssid, reply.request_sequence) for session, reply in found}) == 100
    for _, reply in found:
        assert reply.sequence == reply.request_sequence  # its own count: nothing was lost or taken twice
        assert reply.request_sent_ns == 10**18 + reply.request_sequence
        assert reply.received_ns <= before + 1 < reply.sent_ns <= after
    assert {flow.reflected for session in crowd.sessions for flow in session.flows[:1]} == {5}


def test_a_reply_that_could_not_leave_is_not_counted() -> None:
    class Stuck(OneByOne):
        def send(self, slots: Sequence[Slot]) -> Sequence[Slot]:
            refused = [slot for slot in slots if int.from_bytes(slot.data[48:52], "big") == 1]
            super().send([slot for slot in slots if slot not in refused])
            return refused

    one = Reflecting(Stuck)
    (session,) = one.sessions
    one.reflector.start()
    for sequence in range(3):
        one.socket.send(pack_request(Request(sequence, session.ssid, 10**18), session.key))
    assert [reply.sequence for _, reply in one.replies(2)] == [0, 1]
    one.stop()
    assert (session.flows[0].snapshot().received, session.flows[0].reflected) == (3, 2)


@LINUX
def test_packets_that_found_no_room_are_counted_for_the_observation() -> None:
    one = Reflecting(Batched)
    (session,) = one.sessions
    packet = pack_request(Request(0, session.ssid, 10**18), session.key)
    for _ in range(20_000):  # nobody takes them yet, and there is room for some thousands
        one.socket.send(packet)
    one.reflector.start()
    one.socket.recv(2048)
    deadline = time.monotonic() + 60
    while session.observe(datetime.now(UTC)).overflowed == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    seen = session.observe(datetime.now(UTC))
    one.stop()
    flow = session.flows[0]
    assert seen.overflowed > 0
    assert 1 + flow.duplicates + seen.overflowed <= 20_000


def test_a_packet_of_an_open_session_comes_back_with_its_times(responder: InThread, session: dict[str, Any]) -> None:
    before = time.time_ns()
    with udp(responder) as sock:
        sock.send(request(session, 0))
        datagram = sock.recv(2048)
    reply = unpack_reply(datagram, decode_base64url(session["udp"]["key"]))
    assert (reply.sequence, reply.request_sequence, reply.ssid) == (0, 0, session["udp"]["ssid"])
    assert before - 50_000_000 < reply.received_ns <= reply.sent_ns < time.time_ns() + 50_000_000


@pytest.mark.parametrize("length", [112, 172, 1200])
def test_the_answer_has_no_more_bytes_than_the_packet(
    responder: InThread, session: dict[str, Any], length: int
) -> None:
    with udp(responder) as sock:
        sock.send(request(session, 0, length=length))
        assert len(sock.recv(2048)) == length


def test_a_replayed_packet_is_answered_once(responder: InThread, session: dict[str, Any]) -> None:
    packet = request(session, 0)
    with udp(responder) as sock:
        sock.send(packet)
        sock.recv(2048)
        sock.send(packet)
        assert not is_answered(sock, session, then=1)


@pytest.mark.parametrize(
    "changes",
    [{"key": bytes(32)}, {"ssid": 0}, {"ssid": 3}],
    ids=["wrong key", "no session", "session of somebody else"],
)
def test_a_strangers_packet_gets_silence(responder: InThread, session: dict[str, Any], changes: dict[str, Any]) -> None:
    with udp(responder) as sock:
        sock.send(request(session, 5, **changes))
        assert not is_answered(sock, session, then=1)


@pytest.mark.parametrize("datagram", [b"", b"x", bytes(111), bytes(172), bytes(1500)], ids=len)
def test_noise_gets_silence(responder: InThread, session: dict[str, Any], datagram: bytes) -> None:
    with udp(responder) as sock:
        sock.send(datagram)
        assert not is_answered(sock, session, then=1)


def test_a_flow_beyond_its_packets_gets_silence(responder: InThread, session: dict[str, Any]) -> None:
    with udp(responder) as sock:
        sock.send(request(session, 16_000))
        assert not is_answered(sock, session, then=1)


def test_a_finished_session_gets_silence(responder: InThread, session: dict[str, Any]) -> None:
    other = open_session(responder.far_end)
    ended = next(one for one in responder.responder.sessions if one.id == session["session"])
    responder.responder.sessions.close(ended)
    with udp(responder) as sock:
        sock.send(request(session, 0))
        assert not is_answered(sock, other, then=1)

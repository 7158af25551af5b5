"""Real packets to a real socket; the responder runs in a thread of this process."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from homecheck.responder.limits import Limits
from homecheck.signing import decode_base64url
from homecheck.standards.rfc_8762 import Request, pack_request, unpack_reply
from tests.far_ends import InThread, open_session, responder_thread


@pytest.fixture(scope="module")
def responder() -> Iterator[InThread]:
    with responder_thread(limits=Limits(sessions_per_source=64)) as running:
        yield running


@pytest.fixture
def session(responder: InThread) -> dict[str, Any]:
    return open_session(responder.far_end)


def udp(responder: InThread) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
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

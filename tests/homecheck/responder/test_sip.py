"""The SIP mirror: what agents of open sessions send comes back as it arrived, and nobody else gets a word."""

from __future__ import annotations

import base64
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from homecheck.instruments import sip_mirror
from homecheck.responder import sip
from homecheck.responder.limits import Limits
from homecheck.responder.sessions import Session, Sessions
from homecheck.responder.sip import SipMirror
from homecheck.standards import rfc_3261

HOST = "127.0.0.1"
SESSIONS = Sessions(Limits(answers=5, sessions_per_source=64), time.monotonic)


@pytest.fixture(scope="module")
def mirror() -> Iterator[SipMirror]:
    mirror = sip.bind(SESSIONS, HOST, 0, 0)
    mirror.service.start()
    yield mirror
    mirror.service.stop()


@pytest.fixture
def session() -> Session:
    return SESSIONS.open((None,), HOST, datetime.now(UTC))


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(20)
        yield sock


def invite(session: Session, length: int = 1200) -> bytes:
    call_id = sip_mirror.call_id(session.ssid, "nonce", session.key)
    return rfc_3261.invite(("192.168.1.2", 5060), HOST, call_id, "branch", length)


def is_silent(sock: socket.socket, mirror: SipMirror, datagram: bytes) -> bool:
    """Tell whether a datagram gets no answer: a good INVITE goes behind it, and must be the first to be answered."""
    good = SESSIONS.open((None,), HOST, datetime.now(UTC))
    sock.sendto(datagram, (HOST, mirror.port))
    sock.sendto(invite(good), (HOST, mirror.port))
    return f"Call-ID: {good.ssid}.".encode() in sock.recv(2048)


@pytest.mark.parametrize("control", [False, True])
def test_the_body_of_the_answer_is_the_invite_as_it_arrived(
    mirror: SipMirror, session: Session, sock: socket.socket, control: bool
) -> None:
    # Rewritten as the kernel's own gateway does it: other addresses and another length.
    arrived = invite(session).replace(b"192.168.1.2", b"203.0.113.77").replace(b"Length: 120", b"Length: 124")
    sock.sendto(arrived, (HOST, mirror.control_port if control else mirror.port))
    answer = sock.recv(2048)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 203.0.113.77:5060;branch=")
    assert zlib.decompress(base64.b64decode(body)) == arrived
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(answer) <= len(arrived)


def test_an_invite_without_room_for_itself_is_answered_with_its_digest(
    mirror: SipMirror, session: Session, sock: socket.socket
) -> None:
    short = invite(session, 0)
    sock.sendto(short, (HOST, mirror.port))
    answer = sock.recv(2048)
    assert len(answer) <= len(short)
    assert sip_mirror.read(answer, rfc_3261.call_id(short)) == sip_mirror.Arrived(
        sip_mirror.Arrived.of(short).digest, None
    )


def test_strangers_get_silence(mirror: SipMirror, session: Session, sock: socket.socket) -> None:
    good = invite(session)
    scan = good.replace(rfc_3261.call_id(good).encode(), b"8ad7f1@192.0.2.1")
    for stranger in (
        scan,
        b"OPTIONS" + good[6:],
        good.replace(f"Call-ID: {session.ssid}".encode(), b"Call-ID: 0"),
        good.replace(b".nonce.", b".other."),
        good.replace(rfc_3261.call_id(good).encode(), f"{session.ssid}@x".encode()),
        good.replace(rfc_3261.call_id(good).encode(), f"{session.ssid}.nonce.\xff@x".encode("latin-1")),
        good.partition(b"X-Padding")[0],
        b"INVITE " + bytes(1000),
    ):
        assert is_silent(sock, mirror, stranger)


def test_a_session_has_only_so_many_answers(mirror: SipMirror, session: Session, sock: socket.socket) -> None:
    for _ in range(5):
        sock.sendto(invite(session), (HOST, mirror.port))
        assert sock.recv(2048)
    assert is_silent(sock, mirror, invite(session))

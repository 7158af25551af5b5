"""The STUN server on two loopback addresses, asked by aioice's messages, which are not ours."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from aioice import stun as aioice

from homecheck.responder import stun
from homecheck.responder.limits import Limits
from homecheck.responder.sessions import Session, Sessions
from homecheck.responder.stun import Stun
from homecheck.signing import base64url
from homecheck.standards import rfc_5780, rfc_8489
from homecheck.standards.rfc_8489 import Endpoint, Message

HOST, OTHER_HOST = "127.0.0.1", "127.0.0.2"
LIMITS = Limits(answers=20)


@dataclass(frozen=True)
class Server:
    """A server that runs, and its sessions."""

    sessions: Sessions
    port: int
    other_port: int

    def open_session(self) -> Session:
        return self.sessions.open((None,), HOST, datetime.now(UTC))


def serve(other_host: str | None) -> Iterator[Server]:
    sessions = Sessions(LIMITS, time.monotonic)
    server = stun.bind(sessions, HOST, other_host, 0)
    server.service.start()
    yield Server(sessions, server.port, server.other_port)
    server.service.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    yield from serve(OTHER_HOST)


@pytest.fixture(scope="module")
def small_server() -> Iterator[Server]:
    yield from serve(None)


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind((HOST, 0))
        sock.settimeout(20)
        yield sock


def password(session: Session) -> bytes:
    return base64url(session.key).encode()


def request(session: Session, change: int = 0, software: str = "aioice".ljust(100)) -> aioice.Message:
    message = aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST)
    message.attributes["SOFTWARE"] = software
    message.attributes["USERNAME"] = str(session.ssid)
    if change:
        message.attributes["CHANGE-REQUEST"] = change
    message.add_message_integrity(password(session))
    return message


def ask(sock: socket.socket, to: tuple[str, int], session: Session, change: int = 0) -> tuple[aioice.Message, object]:
    """Return the answer, proven to be for this question and from this session's server, and where it came from."""
    asked = request(session, change)
    sock.sendto(bytes(asked), to)
    datagram, source = sock.recvfrom(2048)
    assert len(datagram) <= len(bytes(asked))
    answer = aioice.parse_message(datagram)
    assert answer.transaction_id == asked.transaction_id
    assert answer.check_message_integrity(password(session))
    return answer, source


def is_silent(sock: socket.socket, server: Server, datagram: bytes) -> bool:
    """Tell whether a datagram gets no answer: a good request goes behind it, and must be the first to be answered."""
    sock.sendto(datagram, (HOST, server.port))
    answer, _ = ask(sock, (HOST, server.port), server.open_session())
    return answer.message_class is aioice.Class.RESPONSE


@pytest.mark.parametrize("asked", range(4))
@pytest.mark.parametrize("change", [0, 2, 4, 6])
def test_the_answer_leaves_from_where_it_was_asked_to(
    server: Server, sock: socket.socket, asked: int, change: int
) -> None:
    endpoints = [(host, port) for host in (HOST, OTHER_HOST) for port in (server.port, server.other_port)]
    host, port = endpoints[asked]
    session = server.open_session()
    answer, source = ask(sock, (host, port), session, change)
    other_host = {HOST: OTHER_HOST, OTHER_HOST: HOST}[host]
    other_port = {server.port: server.other_port, server.other_port: server.port}[port]
    expected = (other_host if change & 4 else host, other_port if change & 2 else port)
    assert source == expected
    assert answer.attributes["RESPONSE-ORIGIN"] == expected
    assert answer.attributes["OTHER-ADDRESS"] == (other_host, other_port)
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == sock.getsockname()
    assert answer.attributes["MAPPED-ADDRESS"] == sock.getsockname()
    server.sessions.close(session)


def test_with_one_address_there_is_no_other_and_asking_for_it_is_an_error(
    small_server: Server, sock: socket.socket
) -> None:
    session = small_server.open_session()
    answer, _ = ask(sock, (HOST, small_server.port), session)
    assert "OTHER-ADDRESS" not in answer.attributes
    answer, source = ask(sock, (HOST, small_server.port), session, change=2)
    assert source == (HOST, small_server.other_port)
    answer, source = ask(sock, (HOST, small_server.port), session, change=4)
    assert source == (HOST, small_server.port)
    assert answer.message_class is aioice.Class.ERROR
    assert answer.attributes["ERROR-CODE"] == (420, "Unknown Attribute")


def test_an_attribute_that_must_be_understood_and_is_not_gets_error_420(server: Server, sock: socket.socket) -> None:
    session = server.open_session()
    attributes = (
        (rfc_8489.USERNAME, str(session.ssid).encode()),
        (rfc_8489.SOFTWARE, b"x" * 100),
        (0x0026, bytes(8)),  # PADDING of RFC 5780
        (0x7FFF, b""),
        (0xFFFF, b""),  # this one may be ignored
    )
    asked = rfc_8489.pack(Message(rfc_8489.BINDING_REQUEST, bytes(12), attributes), password(session))
    sock.sendto(asked, (HOST, server.port))
    datagram = sock.recv(2048)
    assert aioice.parse_message(datagram).attributes["ERROR-CODE"][0] == 420
    assert rfc_8489.unpack(datagram).get(rfc_8489.UNKNOWN_ATTRIBUTES) == bytes.fromhex("00267fff")


def test_a_request_shorter_than_its_answer_gets_silence(server: Server, sock: socket.socket) -> None:
    assert is_silent(sock, server, bytes(request(server.open_session(), software="")))


def test_strangers_get_silence(server: Server, sock: socket.socket) -> None:
    session = server.open_session()
    plain = aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST)
    plain.attributes["SOFTWARE"] = "x" * 120
    unsigned = aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST, attributes=dict(plain.attributes))
    unsigned.attributes["USERNAME"] = str(session.ssid)
    forged = aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST, attributes=dict(unsigned.attributes))
    forged.add_message_integrity(b"some other password")
    unknown = aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST, attributes=dict(plain.attributes))
    unknown.attributes["USERNAME"] = "0"
    unknown.add_message_integrity(password(session))
    echoed = aioice.Message(aioice.Method.BINDING, aioice.Class.RESPONSE, attributes=dict(unsigned.attributes))
    echoed.add_message_integrity(password(session))
    for message in (plain, unsigned, forged, unknown, echoed):
        assert is_silent(sock, server, bytes(message))
    for noise in (b"", b"x" * 1400, bytes(20), b"INVITE sip:x SIP/2.0\r\n\r\n"):
        assert is_silent(sock, server, noise)


def test_a_closed_session_gets_silence(server: Server, sock: socket.socket) -> None:
    session = server.open_session()
    server.sessions.close(session)
    assert is_silent(sock, server, bytes(request(session)))


def test_a_session_has_only_so_many_answers(server: Server, sock: socket.socket) -> None:
    session = server.open_session()
    for _ in range(LIMITS.answers):
        ask(sock, (HOST, server.port), session)
    assert is_silent(sock, server, bytes(request(session)))


def test_a_server_on_all_addresses_names_the_one_that_it_answers_from(sock: socket.socket) -> None:
    sessions = Sessions(LIMITS, time.monotonic)
    session = sessions.open((None,), HOST, datetime.now(UTC))
    server = Stun(sessions, (Endpoint("0.0.0.0", 3478), Endpoint("0.0.0.0", 3479)))
    reply = server.answer(0, bytes(request(session, change=2)), Endpoint.of(sock.getsockname()))
    assert reply is not None
    assert reply.through == 1
    assert aioice.parse_message(reply.datagram).attributes["RESPONSE-ORIGIN"] == (HOST, 3479)


def test_even_the_longest_answer_is_shorter_than_our_agents_request() -> None:
    sessions = Sessions(LIMITS, time.monotonic)
    session = sessions.open((None,), HOST, datetime.now(UTC))
    endpoints = tuple(Endpoint(f"2001:db8::{number}", 3478) for number in range(4))
    attributes = ((rfc_8489.SOFTWARE, b"homecheck".ljust(112)), (rfc_8489.USERNAME, str(session.ssid).encode()))
    datagram = rfc_8489.pack(Message(rfc_8489.BINDING_REQUEST, bytes(12), attributes), password(session))
    reply = Stun(sessions, endpoints).answer(0, datagram, Endpoint("2001:db8:1::1", 40000))
    assert reply is not None
    assert rfc_8489.unpack(reply.datagram).get(rfc_5780.OTHER_ADDRESS) is not None
    assert len(reply.datagram) <= len(datagram)

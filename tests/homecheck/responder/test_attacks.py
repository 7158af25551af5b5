"""What a stranger tries with a responder that anybody may use."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from homecheck.instruments.far_end import call, connect, request_head
from homecheck.responder import app
from homecheck.responder.limits import Limits
from homecheck.responder.sessions import Busy, Sessions
from homecheck.signing import decode_base64url
from homecheck.standards import rfc_8762
from tests.far_ends import InThread, open_session, responder_thread
from tests.live_collector import wait_until

NOW = datetime(2026, 11, 23, 20, 33, tzinfo=UTC)


@pytest.fixture(scope="module")
def responder() -> Iterator[InThread]:
    with responder_thread(limits=Limits(sessions_per_source=64)) as running:
        yield running


def status(sock: socket.socket) -> int:
    return int(sock.recv(4096).split()[1])


def test_a_body_that_never_comes_does_not_hold_the_connection(responder: InThread) -> None:
    with connect(responder.far_end, app.BODY_SECONDS + 10) as sock:
        sock.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
        assert status(sock) == 408


def test_streams_one_after_the_other_are_counted(responder: InThread) -> None:
    session = open_session(responder.far_end)
    statuses = [
        call(responder.far_end, "POST", "/v1/upload", {}, token=session["token"]).status
        for _ in range(app.MOST_STREAMS + 1)
    ]
    assert statuses == [200] * app.MOST_STREAMS + [403]


def test_a_session_is_watched_by_few(responder: InThread) -> None:
    session = open_session(responder.far_end)
    head = request_head(responder.far_end, "GET", "/v1/progress", token=session["token"])
    with ExitStack() as stack:
        socks = [stack.enter_context(connect(responder.far_end, 10)) for _ in range(app.MOST_WATCHERS + 1)]
        found = []
        for sock in socks:
            sock.sendall(head)
            found.append(status(sock))
        assert found == [200] * app.MOST_WATCHERS + [429]


def test_the_addresses_of_one_ipv6_subscriber_count_as_one() -> None:
    sessions = Sessions(Limits(sessions_per_source=2), time.monotonic)
    for source in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2"):
        sessions.open((None,), source, NOW)
    with pytest.raises(Busy):
        sessions.open((None,), "2001:db8:1:2:3::4", NOW)
    sessions.open((None,), "2001:db8:1:3::1", NOW)  # somebody else
    for source in ("::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.3", "fe80::1%eth0", "no address"):
        sessions.open((None,), source, NOW)


def test_a_session_is_finished_once_however_often_it_is_asked_at_once(responder: InThread) -> None:
    session = open_session(responder.far_end)
    path = f"/v1/sessions/{session['session']}/finish"
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {session['token']}\r\nContent-Length: 2\r\n\r\n"
    before = set(responder.responder.heads)
    with connect(responder.far_end, 10) as first, connect(responder.far_end, 10) as second:
        for sock in (first, second):  # both are let in before either has ended
            sock.sendall(head.encode() + b"{")
        wait_until(lambda: len(responder.responder.heads - before) == 2)
        found = []
        for sock in (first, second):
            sock.sendall(b"}")
            found.append(status(sock))
    assert found == [200, 404]


def test_guessed_packets_get_no_answer_at_all(responder: InThread) -> None:
    """Every SSID there is, with a key that is not the session's: nobody is told which are in use."""
    open_session(responder.far_end)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        for ssid in range(0, 65_536, 4):
            packet = rfc_8762.pack_request(rfc_8762.Request(0, ssid, 10**18), bytes(32))
            sock.sendto(packet, ("127.0.0.1", responder.udp_port))
        with pytest.raises(TimeoutError):
            sock.recv(2048)


@pytest.mark.parametrize("length", [0, 1, 27, 28, 111, 112, 1499, 1500, 1501, 65_000])
def test_packets_of_any_length_leave_the_reflector_alive(responder: InThread, length: int) -> None:
    session = open_session(responder.far_end)
    udp = session["udp"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect(("127.0.0.1", responder.udp_port))
        sock.send(b"\xff" * length)
        good = rfc_8762.pack_request(rfc_8762.Request(7, udp["ssid"], 10**18), decode_base64url(udp["key"]))
        sock.send(good)
        answer = sock.recv(2048)
    assert len(answer) == len(good)  # never more than was sent

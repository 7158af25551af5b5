"""The machine routes over real sockets; the responder runs in a thread of this process."""

from __future__ import annotations

import gc
import gzip
import json
import socket
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import jwt
import pytest

from homecheck.instruments.far_end import call, connect, request_head
from homecheck.observation import SessionObservation
from homecheck.responder.limits import Limits
from homecheck.responder.sessions import Session
from homecheck.signing import OBSERVATION, verify
from tests.far_ends import InThread, finish, open_session, responder_thread
from tests.live_collector import wait_until


@pytest.fixture(scope="module")
def responder() -> Iterator[InThread]:
    with responder_thread(limits=Limits(sessions_per_source=64)) as running:
        yield running


@pytest.fixture(scope="module")
def strict() -> Iterator[InThread]:
    """A responder whose limits can be reached."""
    with responder_thread(limits=Limits(sessions=1, streams=1, stream_seconds=1.0, bytes=300_000)) as running:
        yield running


@pytest.fixture
def strict_session(strict: InThread) -> Iterator[dict[str, Any]]:
    session = open_session(strict.far_end)
    yield session
    finish(strict.far_end, session)


def problem_of(body: bytes) -> str:
    document = json.loads(body)
    assert set(document) == {"type", "title", "status", "detail"}
    return str(document["type"]).removeprefix("/problems/")


def send(responder: InThread, session: dict[str, Any], *pieces: bytes) -> bytes:
    """Upload `pieces`, chunked, and return everything that comes back."""
    sock = connect(responder.far_end, 5)
    with sock:
        sock.sendall(request_head(responder.far_end, "POST", "/v1/upload", token=session["token"], chunked=True))
        for piece in (*pieces, b""):
            sock.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return answer


def seen(responder: InThread, session: dict[str, Any]) -> SessionObservation:
    reply = finish(responder.far_end, session)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/jose"
    public = responder.key.public
    return SessionObservation.from_bytes(verify(reply.body, OBSERVATION, {public.kid: public}.get))


def open_one(responder: InThread, session: dict[str, Any]) -> Session:
    (found,) = [one for one in responder.responder.sessions if one.id == session["session"]]
    return found


def test_the_well_known_document_says_who_this_is(responder: InThread) -> None:
    reply = call(responder.far_end, "GET", "/.well-known/homecheck")
    document = json.loads(reply.body)
    assert document["role"] == "responder"
    assert document["udp_port"] == responder.responder.udp_port
    assert document["jwk"]["kid"] == responder.key.public.kid
    assert "d" not in document["jwk"]
    assert document["limits"]["sessions_per_source"] == 64


def test_the_key_set_holds_the_same_key(responder: InThread) -> None:
    keys = json.loads(call(responder.far_end, "GET", "/v1/jwks").body)["keys"]
    assert [key["kid"] for key in keys] == [responder.key.public.kid]


def test_an_independent_library_verifies_the_observation(responder: InThread) -> None:
    session = open_session(responder.far_end, nonce="the collector's challenge")
    envelope = finish(responder.far_end, session).body
    jwk = json.loads(call(responder.far_end, "GET", "/.well-known/homecheck").body)["jwk"]
    document = jwt.api_jws.decode_complete(envelope, jwt.PyJWK(jwk), algorithms=["EdDSA"])
    payload = json.loads(document["payload"])
    assert document["header"] == {"alg": "EdDSA", "kid": jwk["kid"], "typ": "homecheck-observation+jws"}
    assert payload["session"] == session["session"]
    assert payload["nonce"] == "the collector's challenge"
    assert payload["source"] == "127.0.0.1"


def test_each_of_several_challenges_gets_the_same_observation_signed_for_itself_alone(responder: InThread) -> None:
    asked = {"nonce": "one", "also": ["two", "three"]}
    session = json.loads(call(responder.far_end, "POST", "/v1/sessions", asked).body)
    lines = finish(responder.far_end, session).body.split(b"\n")
    jwk = jwt.PyJWK(json.loads(call(responder.far_end, "GET", "/.well-known/homecheck").body)["jwk"])
    told = [json.loads(jwt.api_jws.decode_complete(line, jwk, algorithms=["EdDSA"])["payload"]) for line in lines]
    assert [one.pop("nonce") for one in told] == ["one", "two", "three"]
    assert told[0] == told[1] == told[2]


def test_an_upload_is_counted_byte_for_byte(responder: InThread) -> None:
    session = open_session(responder.far_end)
    answer = send(responder, session, b"a" * 100_000, b"b" * 23_456)
    assert answer.startswith(b"HTTP/1.1 200 ")
    upload = seen(responder, session).upload
    assert (upload.bytes, upload.streams) == (123_456, 1)
    assert sum(upload.bins) <= 123_456


def test_a_compressed_upload_counts_as_it_came(responder: InThread) -> None:
    session = open_session(responder.far_end)
    small = gzip.compress(bytes(1_000_000))
    sock = connect(responder.far_end, 5)
    head = request_head(responder.far_end, "POST", "/v1/upload", token=session["token"], length=len(small))
    with sock:
        sock.sendall(head[:-2] + b"Content-Encoding: gzip\r\n\r\n" + small)
        sock.recv(65536)
    assert seen(responder, session).upload.bytes == len(small)


def test_a_download_is_random_bytes_and_counted_as_acknowledged(responder: InThread) -> None:
    session = open_session(responder.far_end)
    sock = connect(responder.far_end, 5)
    received = b""
    with sock:
        sock.sendall(request_head(responder.far_end, "GET", "/v1/download", token=session["token"]))
        while len(received) < 2_000_000:
            received += sock.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        # The responder asks its kernel twenty times a second.
        wait_until(lambda: open_one(responder, session).download.total >= len(body))
        download = seen(responder, session).download
    assert head.startswith(b"HTTP/1.1 200 ")
    assert len(set(body[:10_000])) == 256
    assert download.streams == 1
    assert download.bytes >= len(body)


def test_progress_tells_what_the_sink_has_received(responder: InThread) -> None:
    session = open_session(responder.far_end)
    send(responder, session, b"a" * 5000)
    sock = connect(responder.far_end, 5)
    with sock:
        sock.sendall(request_head(responder.far_end, "GET", "/v1/progress", token=session["token"]))
        received = b""
        while received.count(b"}") < 2:
            received += sock.recv(4096)
    lines = [json.loads(line) for line in received.split(b"\n") if line.startswith(b"{")]
    assert lines[-1]["bytes"] == 5000
    assert lines[-1]["seconds"] > lines[0]["seconds"]
    finish(responder.far_end, session)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/download"), ("POST", "/v1/upload"), ("GET", "/v1/progress"), ("POST", "/v1/sessions/x/finish")],
)
@pytest.mark.parametrize("token", [None, "wrong", "ü".encode().decode("latin-1")])
def test_without_the_token_nothing_is_served(responder: InThread, method: str, path: str, token: str | None) -> None:
    with connect(responder.far_end, 5) as sock:
        head = request_head(responder.far_end, method, path, length=0 if method == "POST" else None)
        authorization = b"" if token is None else b"Authorization: Bearer " + token.encode("latin-1") + b"\r\n"
        sock.sendall(head[:-2] + authorization + b"\r\n")
        answer = b""
        while data := sock.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert problem_of(answer.partition(b"\r\n\r\n")[2]) == "token"


def test_a_token_is_void_after_the_session_was_finished(responder: InThread) -> None:
    session = open_session(responder.far_end)
    assert finish(responder.far_end, session).status == 200
    assert finish(responder.far_end, session).status == 401
    assert call(responder.far_end, "GET", "/v1/download", token=session["token"]).status == 401


def test_a_session_can_finish_itself_alone(responder: InThread) -> None:
    one, other = open_session(responder.far_end), open_session(responder.far_end)
    reply = call(responder.far_end, "POST", f"/v1/sessions/{other['session']}/finish", {}, token=one["token"])
    assert (reply.status, problem_of(reply.body)) == (404, "not-found")
    assert finish(responder.far_end, other).status == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not-json"),
        (b"[]", "not-json"),
        (b'{"nonce": 7}', "bad-request"),
        (b'{"nonce": null, "extra": 1}', "bad-request"),
        (b'{"nonce": "a", "nonce": "b"}', "duplicate-member"),
        (b'{"nonce": "' + b"x" * 300 + b'"}', "bad-request"),
        (b'{"nonce": "' + b"x" * 40_000 + b'"}', "too-large"),
        (b'{"nonce": null, "also": "a"}', "bad-request"),
        (b'{"nonce": null, "also": [7]}', "bad-request"),
        (b'{"nonce": null, "also": ["' + b"x" * 201 + b'"]}', "bad-request"),
        (b'{"nonce": null, "also": [' + b", ".join([b'"x"'] * 128) + b"]}", "bad-request"),
    ],
    ids=["empty", "list", "number", "extra", "duplicate", "long", "large", "text", "numbers", "long also", "many"],
)
def test_a_malformed_request_is_a_problem_document(responder: InThread, body: bytes, reason: str) -> None:
    with connect(responder.far_end, 5) as sock:
        sock.sendall(request_head(responder.far_end, "POST", "/v1/sessions", length=len(body)) + body)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    head, _, document = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert problem_of(document) == reason


@pytest.mark.parametrize(("path", "status", "reason"), [("/nowhere", 404, "not-found"), ("/v1/upload", 405, "method")])
def test_a_wrong_address_is_a_problem_document(responder: InThread, path: str, status: int, reason: str) -> None:
    reply = call(responder.far_end, "GET", path)
    assert (reply.status, problem_of(reply.body)) == (status, reason)


def test_too_many_sessions_are_asked_to_come_back(strict: InThread, strict_session: dict[str, Any]) -> None:
    reply = call(strict.far_end, "POST", "/v1/sessions", {"nonce": None})
    assert (reply.status, problem_of(reply.body)) == (429, "busy")
    assert int(reply.headers["retry-after"]) > 0


def test_a_session_cannot_have_more_streams_than_the_limit(strict: InThread, strict_session: dict[str, Any]) -> None:
    with connect(strict.far_end, 5) as first:
        head = request_head(strict.far_end, "POST", "/v1/upload", token=strict_session["token"], chunked=True)
        first.sendall(head + b"1\r\nx\r\n")
        wait_until(lambda: open_one(strict, strict_session).upload.active == 1)
        answer = send(strict, strict_session)
    assert answer.startswith(b"HTTP/1.1 429 ")


def test_an_upload_without_end_is_cut_at_the_bytes_cap(strict: InThread, strict_session: dict[str, Any]) -> None:
    with connect(strict.far_end, 5) as sock:
        head = request_head(strict.far_end, "POST", "/v1/upload", token=strict_session["token"], chunked=True)
        sent, endless = 0, b"ffff\r\n" + bytes(0xFFFF) + b"\r\n"
        with suppress(OSError):  # reset or broken pipe
            sock.sendall(head)
            while sent < 100_000_000:
                sock.sendall(endless)
                sent += len(endless)
    assert sent < 100_000_000
    assert call(strict.far_end, "GET", "/healthz").status == 200


@pytest.mark.parametrize("path", ["/v1/download", "/v1/upload"])
def test_a_client_that_stalls_is_let_go_at_the_seconds_cap(
    strict: InThread, strict_session: dict[str, Any], path: str
) -> None:
    method = "GET" if path.endswith("download") else "POST"
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(strict.far_end.socket_address())
    with sock:
        sock.sendall(
            request_head(strict.far_end, method, path, token=strict_session["token"], chunked=method == "POST")
        )
        session = open_one(strict, strict_session)
        side = session.download if method == "GET" else session.upload
        wait_until(lambda: len(side.streams) == 1)
        assert len(side.streams) == 1
        wait_until(lambda: side.active == 0)  # the client reads and sends nothing
        assert session.download.active == session.upload.active == 0


def test_the_small_object_is_one_byte_for_those_who_have_a_session(responder: InThread) -> None:
    session = open_session(responder.far_end)
    reply = call(responder.far_end, "GET", "/v1/small", token=session["token"])
    assert (reply.status, reply.body) == (200, b"\0")
    assert call(responder.far_end, "GET", "/v1/small").status == 401


@pytest.mark.parametrize("path", ["/v1/download", "/v1/progress"])
def test_a_stream_is_not_sent_where_only_a_head_was_asked_for(responder: InThread, path: str) -> None:
    token = open_session(responder.far_end)["token"]
    with connect(responder.far_end, 5) as sock:
        sock.sendall(request_head(responder.far_end, "HEAD", path, token=token))
        assert sock.recv(100).startswith(b"HTTP/1.1 405 ")


def test_a_session_that_was_measured_is_not_kept_in_memory() -> None:
    def is_looked_at() -> bool:
        kept = remembered()
        return kept is not None and any(kept.download.round_trips_us)

    def is_gone() -> bool:
        gc.collect()
        return remembered() is None

    with responder_thread() as running:
        session = open_session(running.far_end)
        (remembered,) = map(weakref.ref, running.responder.sessions)
        with connect(running.far_end, 5) as sock:
            sock.sendall(request_head(running.far_end, "GET", "/v1/download", token=session["token"]))
            wait_until(lambda: bool(sock.recv(1_000_000)) and is_looked_at())
        finish(running.far_end, session)
        wait_until(is_gone)
        assert is_gone()

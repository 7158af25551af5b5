"""The exchange in plain HTTP: what a genuine answer, a sign-in page and a proxy look like."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given

from homecheck.instruments.plain_answer import answer, read, request
from tests.strangers import strange, thoroughly

NONCE = "abcdefgh12345678"
SENT = request("responder.example.org", 80, NONCE)


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_the_answer_holds_the_nonce_and_a_digest_of_what_arrived_and_is_no_longer_than_the_request() -> None:
    reply = answer(SENT)
    assert reply is not None
    assert len(reply) <= len(SENT)
    digest = hashlib.sha256(SENT).hexdigest()
    assert reply.endswith(f"\r\n\r\nhomecheck {NONCE} {digest}\n".encode())


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /v1/plain/short HTTP/1.1\r\n\r\n",
        SENT.replace(NONCE.encode(), b"<script>alert(1)</script>"),
        SENT.replace(b"GET", b"POST"),
        b"GET /v1/plain/" + NONCE.encode() + b" HTTP/1.1\r\n\r\n",  # it would get more bytes than it brought
        b"\x16\x03\x01\x02\x00",
        b"",
    ],
)
def test_nothing_else_is_answered(head: bytes) -> None:
    assert answer(head) is None


def test_the_longest_host_still_fits() -> None:
    sent = request("x" * 63 + "." + "y" * 63 + ".example.org", 65535, "n" * 64)
    reply = answer(sent)
    assert reply is not None
    found = read(reply, sent)
    assert found is not None
    assert found.genuine


def test_a_genuine_answer_is_known() -> None:
    found = read(answer(SENT) or b"", SENT)
    assert found is not None
    assert (found.genuine, found.changed, found.proxy_headers, found.elsewhere) == (True, False, (), False)


def test_a_proxy_that_writes_the_request_anew_is_seen_by_the_digest() -> None:
    rewritten = SENT.replace(b"Connection: close\r\n", b"Via: 1.1 squid\r\nConnection: keep-alive\r\n")
    found = read(answer(rewritten) or b"", SENT)
    assert found is not None
    assert (found.genuine, found.changed) == (True, True)


def test_a_proxy_that_names_itself_beside_the_answer_is_seen() -> None:
    reply = (answer(SENT) or b"").replace(b"Connection: close\r\n", b"Via: 1.1 squid\r\nX-Cache: MISS\r\n")
    found = read(reply, SENT)
    assert found is not None
    assert (found.genuine, found.changed, found.proxy_headers) == (True, False, ("via", "x-cache"))


@pytest.mark.parametrize(
    ("reply", "elsewhere"),
    [
        (response(b"<html>Welcome to the hotel</html>"), False),
        (response(b"", "302 Found", "Location: http://login.hotel.example/?next=x"), True),
        (response(b"", "301 Moved", "Location: https://responder.example.org/"), False),
        (response(b"", "301 Moved", "Location: https://www.example.org/about"), False),  # its company's own pages
        (response(b"", "302 Found", "Location: http://192.168.1.1/login"), True),
        (response(b"", "302 Found", "Location: http://[broken"), True),
        (response(b"homecheck abcdefgh87654321 00\n"), False),  # somebody's else's nonce
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n<html>cut off", False),
    ],
)
def test_whoever_does_not_know_the_answer_is_not_the_responder(reply: bytes, elsewhere: bool) -> None:
    found = read(reply, SENT)
    assert found is not None
    assert not found.genuine
    assert found.elsewhere is elsewhere


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",  # more than any memory has
    ],
)
def test_what_is_no_http_says_nothing(reply: bytes) -> None:
    assert read(reply, SENT) is None


@thoroughly
@given(strange(response(b"homecheck", "302 Found", "Location: http://[::1]/x", "Via: 1.1 a"), b"HTTP/1.1 200 OK\r\n"))
def test_any_answer_is_read_and_none_but_ours_is_genuine(reply: bytes) -> None:
    found = read(reply, SENT)
    assert found is None or not found.genuine


@thoroughly
@given(strange(SENT))
def test_no_request_is_answered_with_more_bytes_than_it_had(head: bytes) -> None:
    assert len(answer(head) or b"") <= len(head)

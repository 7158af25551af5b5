"""Messages as RFC 3261 writes them; the answer to one that a gateway has rewritten in compact form."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given

from homecheck.standards.rfc_3261 import BadMessage, body_of, call_id, invite, lines, options, ringing
from tests.strangers import strange, thoroughly

# After the example of RFC 3261 24.2 (F1), with the compact names of 7.3.3 and a second Via.
COMPACT = (
    b"INVITE sip:bob@biloxi.example SIP/2.0\r\n"
    b"v: SIP/2.0/UDP proxy.example;branch=z9hG4bK77ef4c2312983.1\r\n"
    b"v: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKnashds8\r\n"
    b"Max-Forwards: 70\r\n"
    b"t: Bob <sip:bob@biloxi.example>\r\n"
    b"f: Alice <sip:alice@atlanta.example>;tag=1928301774\r\n"
    b"i: a84b4c76e66710\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"l: 0\r\n\r\n"
)


def test_an_answer_copies_what_8_2_6_2_wants_and_adds_a_tag() -> None:
    assert ringing(COMPACT, b"seen") == (
        b"SIP/2.0 180 Ringing\r\n"
        b"v: SIP/2.0/UDP proxy.example;branch=z9hG4bK77ef4c2312983.1\r\n"
        b"v: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKnashds8\r\n"
        b"t: Bob <sip:bob@biloxi.example>;tag=mirror\r\n"
        b"f: Alice <sip:alice@atlanta.example>;tag=1928301774\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq: 314159 INVITE\r\n"
        b"Content-Type: text/plain\r\n"
        b"Content-Length: 4\r\n\r\nseen"
    )
    assert call_id(COMPACT) == "a84b4c76e66710"


@pytest.mark.parametrize(("local", "family"), [("192.168.1.2", "IP4"), ("2001:db8::1", "IP6")])
def test_an_invite_names_this_computer_in_every_place_that_gateways_rewrite(local: str, family: str) -> None:
    message = invite((local, 5060), "192.0.2.1", "id@x", "abc", 1200)
    host = local if family == "IP4" else f"[{local}]"
    texts = {line.name: line.text.decode() for line in lines(message)}
    assert texts["request"] == "INVITE sip:mirror@192.0.2.1 SIP/2.0"
    assert texts["via"] == f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bKabc"
    assert texts["from"] == f"From: <sip:homecheck@{host}>;tag=abc"
    assert texts["contact"] == f"Contact: <sip:homecheck@{host}:5060>"
    assert texts["o="].endswith(f"IN {family} {local}")
    assert texts["c="] == f"c=IN {family} {local}"
    assert texts["content-length"] == f"Content-Length: {len(body_of(message))}"
    assert len(message) == 1200


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"INVITE sip:x SIP/2.0\r\n",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"REGISTER" + COMPACT[6:],
        COMPACT.replace(b"CSeq", b"CSek"),
        COMPACT[:-2],
        bytes(500),
    ],
)
def test_what_is_no_whole_invite_has_no_answer(message: bytes) -> None:
    with pytest.raises(BadMessage):
        ringing(message, b"")
    if b"i: " not in message:
        with pytest.raises(BadMessage):
            call_id(message)


@thoroughly
@given(strange(COMPACT, invite(("192.168.1.2", 5060), "192.0.2.1", "id@home", "branch", 600)))
def test_any_bytes_are_a_message_or_none_and_an_answer_keeps_the_call_id(message: bytes) -> None:
    assert lines(message)[0].name == "request"
    with suppress(BadMessage):
        assert call_id(ringing(message, b"body")) == call_id(message)
        assert body_of(ringing(message, b"body")) == b"body"


def test_options_has_what_every_request_must_have_and_ends_with_a_blank_line() -> None:
    """8.1.1: To, From, CSeq, Call-ID, Max-Forwards and Via; RFC 3581 3: rport without a value; 20.14 without a body."""
    message = options("2001:db8::5", 40123, "abc123", "77ef4c2312983.1")
    assert message.endswith(b"\r\n\r\n")
    assert body_of(message) == b""
    found = {line.name: line.text.decode() for line in lines(message)}
    assert found["request"] == "OPTIONS sip:[2001:db8::5] SIP/2.0"
    assert {"to", "from", "cseq", "call-id", "max-forwards", "via"} <= set(found)
    assert found["via"] == "Via: SIP/2.0/UDP homecheck.invalid:40123;rport;branch=z9hG4bK77ef4c2312983.1"
    assert ";tag=" in found["from"]
    assert ";tag=" not in found["to"]  # 8.1.1.2: a request outside a dialog has none
    assert found["content-length"] == "Content-Length: 0"
    assert call_id(message) == "abc123"

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.instruments.sip_mirror import Arrived, answer, call_id, is_authentic, read, ssid_of
from homecheck.standards.rfc_3261 import BadMessage, invite, ringing
from homecheck.standards.rfc_3261 import call_id as call_id_of
from tests.strangers import strange, thoroughly

KEY = bytes(range(32))
ID = call_id(4242, "0123456789abcdef", KEY)
INVITE = invite(("192.168.1.2", 5060), "192.0.2.1", ID, "branch", 1200)


def test_a_call_id_has_the_form_that_the_page_says() -> None:
    mac = hmac.new(KEY, b"sip 4242.0123456789abcdef", hashlib.sha256).hexdigest()[:32]
    assert f"4242.0123456789abcdef.{mac}@homecheck.invalid" == ID
    assert ssid_of(ID) == 4242
    assert is_authentic(ID, KEY)


def test_a_gateway_may_change_what_stands_behind_the_at() -> None:
    assert is_authentic(ID.replace("homecheck.invalid", "203.0.113.9"), KEY)
    whole = answer(INVITE.replace(b"@homecheck.invalid", b"@203.0.113.9"))
    assert read(whole, ID) is not None


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "@",
        "4242",
        "4242.0123456789abcdef",
        "4242.0123456789abcdef.",
        ID.replace("4242", "4243"),
        "x" + ID,
        "٤." + ID,
        ID.replace("abcdef", "abcdee"),
        ID[:-20],
        ID.replace("@", "0@"),
        ID.replace("@", "é@"),
    ],
)
def test_a_forged_call_id_is_found_out(forged: str) -> None:
    assert not is_authentic(forged, KEY)


def test_an_answer_shows_the_invite_and_is_not_longer() -> None:
    assert read(answer(INVITE), ID) == Arrived(hashlib.sha256(INVITE).hexdigest(), INVITE)
    assert len(answer(INVITE)) <= len(INVITE)


def body(data: bytes) -> bytes:
    return ringing(INVITE, data)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        INVITE,
        answer(INVITE).replace(b"180 Ringing", b"404 Not Found"),
        answer(INVITE).replace(b"Call-ID: 4242", b"Call-ID: 4243"),
        answer(INVITE).replace(b"Call-ID", b"Call-IX"),
        answer(INVITE)[:-1],
        body(b""),
        body(b"!!!"),
        body(base64.b64encode(b"not compressed")),
        body(base64.b64encode(zlib.compress(b"another datagram"))),
        body(base64.b64encode(zlib.compress(INVITE + bytes(10_000_000)))),
        body(b"sha256 \xff"),
    ],
)
def test_an_answer_that_is_none_counts_as_silence(reply: bytes) -> None:
    assert read(reply, ID) is None


def test_what_is_no_invite_has_no_answer() -> None:
    with pytest.raises(BadMessage):
        answer(b"BYE" + INVITE[6:])


@thoroughly
@given(strange(INVITE, answer(INVITE)))
def test_any_datagram_is_answered_with_no_more_bytes_or_not_at_all_and_read_or_passed_over(datagram: bytes) -> None:
    with suppress(BadMessage):
        assert len(answer(datagram)) <= max(len(datagram), len(ringing(datagram, b"sha256 " + b"0" * 64)))
    arrived = read(datagram, ID)
    assert arrived is None or arrived.datagram is None or call_id_of(arrived.datagram).split("@")[0] == ID.split("@")[0]


@thoroughly
@given(st.text("0429.@aé²\0\ud800", max_size=60))
def test_any_call_id_but_ours_is_forged(text: str) -> None:
    assert not is_authentic(text, KEY)
    assert not is_authentic(f"4242.{text}", KEY)


@thoroughly
@given(st.integers(0, 65_535), st.text("abcdefghijklmnopqrstuvwxyz0123456789", max_size=30))
def test_every_call_id_of_ours_is_known(ssid: int, nonce: str) -> None:
    made = call_id(ssid, nonce, KEY)
    assert ssid_of(made) == ssid
    assert is_authentic(made, KEY)

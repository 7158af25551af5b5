"""NAT-PMP: answers laid out by hand from RFC 6886 3.2.1."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given

from homecheck.standards.rfc_6886 import REQUEST, BadAnswer, parse_answer
from tests.strangers import strange, thoroughly

GOOD = bytes.fromhex("00 80 0000 00000e10 0b610102")


def test_the_request_is_two_zero_bytes() -> None:
    assert REQUEST == b"\x00\x00"


def test_the_outer_address_is_read() -> None:
    assert parse_answer(GOOD).address == "11.97.1.2"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        GOOD[:11],
        bytes.fromhex("00 80 0003 00000e10 0b610102"),  # network failure: there is no address to tell
        bytes.fromhex("00 80 0000 00000e10 00000000"),
        bytes.fromhex("00 81 0000 00000e10 0b610102"),  # the answer to another question
        bytes.fromhex("02 80 0001 00000e10 0b610102"),  # PCP: this version is not spoken
    ],
)
def test_what_tells_no_address_is_refused(answer: bytes) -> None:
    with pytest.raises(BadAnswer):
        parse_answer(answer)


@thoroughly
@given(strange(bytes.fromhex("0080 0000 00000001 cb007109")))
def test_any_bytes_tell_an_address_or_none(answer: bytes) -> None:
    with suppress(BadAnswer):
        assert ipaddress.IPv4Address(parse_answer(answer).address).packed == answer[8:12]

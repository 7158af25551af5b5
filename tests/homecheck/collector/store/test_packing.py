"""Envelopes come back byte for byte, and so does what is none; what was damaged never passes for the original."""

from __future__ import annotations

import json
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from homecheck.collector.store.packing import MARK, packed, unpacked
from homecheck.signing import base64url
from tests.people import Worker


def envelope(payload: bytes, signature: bytes = bytes(64)) -> bytes:
    return f"{base64url(b'{}')}.{base64url(payload)}.{base64url(signature)}".encode()


def test_evidence_takes_less_than_half_the_room() -> None:
    worker = Worker("https://collector.example")
    received = worker.sign(worker.evidence("a-nonce"))
    stored = packed(received)
    assert unpacked(stored) == received
    assert len(stored) < len(received) / 2


@given(st.binary(max_size=2_000), st.binary(max_size=100))
def test_whatever_it_holds_it_comes_back(payload: bytes, signature: bytes) -> None:
    received = envelope(payload, signature)
    assert unpacked(packed(received)) == received


@given(st.binary(max_size=300))
def test_what_is_no_envelope_comes_back_too(data: bytes) -> None:
    received = b"e" + data
    assert unpacked(packed(received)) == received


@pytest.mark.parametrize(
    "odd",
    [
        b"e30.e30=.AAAA",  # padding
        b"e30.e30\n.AAAA",  # a line feed, which decoders skip
        b"e30.e31.AAAA",  # "e30" with a bit that nobody reads
        b"e30.a+b/.AAAA",  # the other alphabet
        b"e30.e30.AAAA.AAAA",
        b"e30.e30",
        b"",
    ],
)
def test_another_spelling_is_kept_as_it_came(odd: bytes) -> None:
    assert packed(odd) == odd
    assert unpacked(odd) == odd


def test_what_was_damaged_comes_back_as_something_else_and_never_without_end() -> None:
    received = envelope(json.dumps(list(range(1_000))).encode())
    stored = packed(received)
    assert stored.startswith(MARK)
    for damaged in (
        stored[:3],
        stored[:-10],
        stored + b"A",
        stored[:20] + b"\1" * 40 + stored[60:],
        MARK,
        MARK + zlib.compress(b"x"),
    ):
        assert unpacked(damaged) != received
    bomb = stored[:5] + zstandard.ZstdCompressor().compress(bytes(50_000_000))
    assert len(unpacked(bomb)) < 300_000

"""Inputs that bench/fuzz.py has found, each in a file named after its trick: they are refused and no longer crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.checkpoint import open_checkpoint
from homecheck.errors import Refused
from homecheck.keys import SoftwareKey
from homecheck.signed_note import NoteKey, open_note
from homecheck.tlog_proof import TlogProof

FUZZED = Path(__file__).parents[1] / "fuzzed"
LOG = NoteKey("collector.example/log", SoftwareKey.generate().public)


def given(name: str) -> str:
    """Return the file as Python gives bytes of a command line that are no UTF-8."""
    return (FUZZED / f"{name}.txt").read_bytes().decode("utf-8", "surrogateescape")


def test_a_log_key_with_bytes_that_are_no_utf_8_is_refused() -> None:
    with pytest.raises(Refused, match=r"^'coll.*holds bytes that are no UTF-8"):
        NoteKey.from_vkey(given("log-key-with-bytes-that-are-no-utf-8"))


def test_a_note_whose_signature_is_no_utf_8_is_refused() -> None:
    text = given("note-whose-signature-is-no-utf-8")
    for read in (open_note, open_checkpoint):
        with pytest.raises(Refused, match="holds bytes that are no UTF-8"):
            read(text, LOG)


def test_a_proof_whose_checkpoint_is_no_utf_8_is_refused() -> None:
    proof = TlogProof.from_text(given("proof-whose-checkpoint-is-no-utf-8"))
    with pytest.raises(Refused, match="holds bytes that are no UTF-8"):
        proof.verify(b'{"entry":20}', LOG)

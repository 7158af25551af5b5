"""Checkpoints and proof files: their forms, and that nothing but the true entry passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from homecheck.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from homecheck.errors import Refused
from homecheck.keys import SoftwareKey
from homecheck.signed_note import NoteKey, sign_note
from homecheck.standards.rfc_6962 import Frontier
from homecheck.tlog_proof import TlogProof, salted_leaf

ORIGIN = "collector.example/log"
KEY = SoftwareKey.generate()
LOG = NoteKey(ORIGIN, KEY.public)
SALT = bytes(range(32))
STATEMENT = b'{"v":2,"envelope":"sha256:00"}'


def proof() -> TlogProof:
    """Return the proof of the third entry in a log of three."""
    before = Frontier()
    for number in range(2):
        before, _ = before.append(salted_leaf(SALT, b"%d" % number))
    after, _ = before.append(salted_leaf(SALT, STATEMENT))
    return TlogProof(SALT, 2, before.path_of_next(), sign_checkpoint(3, after.root(), LOG, KEY))


def test_the_checkpoint_of_the_specification_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = Checkpoint.from_text(text)
    assert (found.origin, found.size, found.root.hex()[:8]) == ("example.com/behind-the-sofa", 20_852_163, "0ac5186a")
    assert found.text() == text
    assert Checkpoint.from_text(text + "an extension\n") == found


@pytest.mark.parametrize(
    "text",
    [
        "", "o\n", "o\n1\n", "\n1\n" + "A" * 43 + "=\n", "o\n01\n" + "A" * 43 + "=\n", "o\n-1\n" + "A" * 43 + "=\n",
        "o\n1e3\n" + "A" * 43 + "=\n", "o\n٣\n" + "A" * 43 + "=\n", "o\n1\nAAAA\n", "o\n1\n" + "A" * 43 + "\n",
        "o\n1\n" + "A" * 43 + "=\n\nx\n", "o\n" + "9" * 19 + "\n" + "A" * 43 + "=\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        Checkpoint.from_text(text)


def test_a_checkpoint_of_another_log_is_refused_whoever_signed_it() -> None:
    note = sign_note(Checkpoint("other.example/log", 1, bytes(32)).text(), LOG, KEY)
    with pytest.raises(Refused, match=r"of the log 'other\.example/log'"):
        open_checkpoint(note, LOG)


def test_a_proof_file_is_read_back_and_proves_its_entry() -> None:
    found = TlogProof.from_text(proof().text())
    assert found == proof()
    assert found.verify(STATEMENT, LOG).size == 3
    lines = proof().text().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[2] == "index 2"
    assert lines[4:6] == ["", ORIGIN]  # one hash on the path


def test_the_entry_is_bound_to_statement_salt_place_and_key() -> None:
    good = proof()
    with pytest.raises(Refused, match=r"entry 2 of collector\.example/log: .*not in this log"):
        good.verify(STATEMENT + b" ", LOG)
    with pytest.raises(Refused, match="not in this log"):
        replace(good, salt=bytes(32)).verify(STATEMENT, LOG)
    with pytest.raises(Refused, match="entry 1"):
        replace(good, index=1).verify(STATEMENT, LOG)
    with pytest.raises(Refused, match="no entry 3"):
        replace(good, index=3).verify(STATEMENT, LOG)
    with pytest.raises(Refused, match="not signed by"):
        good.verify(STATEMENT, NoteKey(ORIGIN, SoftwareKey.generate().public))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@v1", "@v2"), ("extra ", "more "), ("index 2", "index 02"), ("index 2", "index -2"), ("index 2", "index"),
        ("\n\n", "\n"), ("extra AAEC", "extra AAEA AAEC"), ("extra AAEC", "extra AA"),
        ("index 2\n", "index 2\n" + "A" * 43 + "=\n" * 65), ("index 2\n", "index 2\nAAAA\n"),
    ],
)  # fmt: skip
def test_a_proof_of_another_form_is_refused(old: str, new: str) -> None:
    assert old in proof().text()
    with pytest.raises(Refused):
        TlogProof.from_text(proof().text().replace(old, new, 1)).verify(STATEMENT, LOG)


@given(some.text() | some.text(alphabet="index0123456789 \n=AB/+"))
def test_whatever_comes_as_a_proof_only_a_refusal_leaves(text: str) -> None:
    with pytest.raises(Refused):
        TlogProof.from_text(text)
    with pytest.raises(Refused):
        TlogProof.from_text(proof().text().replace("index 2\n", f"index 2\n{text}\n", 1)).verify(STATEMENT, LOG)

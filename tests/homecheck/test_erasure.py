"""The proof of an erasure, as somebody without the collector reads it: what is no proof is refused with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from homecheck.checkpoint import sign_checkpoint
from homecheck.erasure import Erasure, read_ranges, verify_erasure
from homecheck.errors import Refused
from homecheck.keys import SoftwareKey
from homecheck.signed_note import NoteKey
from homecheck.signing import ERASURE, RESULT, sign
from homecheck.standards.rfc_6962 import consistency_path, leaf_hash, node_hash, tree_hash

COLLECTOR, LOG = SoftwareKey.generate(), SoftwareKey.generate()
KEY = NoteKey("collector.example/log", LOG.public)
LEAVES = [leaf_hash(bytes([number])) for number in range(6)]


def subtree(level: int, number: int) -> bytes:
    """Return the hash of a full subtree, by RFC 6962 2.1 and nothing that is stored."""
    if level == 0:
        return LEAVES[number]
    return node_hash(subtree(level - 1, 2 * number), subtree(level - 1, 2 * number + 1))


def note(size: int, signer: SoftwareKey = LOG) -> str:
    return sign_checkpoint(size, tree_hash(size, subtree), KEY, signer)


GOOD = Erasure(
    issuer="https://collector.example",
    program="support",
    person="0123456789abcdef",
    erased_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    entries="0-2 4",
    log_key=KEY,
    before=note(5),
    after=note(6),
    growth=consistency_path(5, 6, subtree),
)


def signed(document: Erasure) -> bytes:
    return sign(document.to_bytes(), ERASURE, COLLECTOR)


def test_a_proof_says_which_entries_were_erased_and_that_the_log_went_on() -> None:
    found = verify_erasure(signed(GOOD), {COLLECTOR.public.kid: COLLECTOR.public}.get)
    assert found == GOOD
    assert found.count() == 4
    assert [found.holds(position) for position in range(6)] == [True, True, True, False, True, False]
    assert [one.size for one in found.check()] == [5, 6]


@pytest.mark.parametrize(
    ("document", "reason", "words"),
    [
        (replace(GOOD, after=note(5), growth=()), "consistency", "did not grow"),
        (replace(GOOD, growth=()), "consistency", "not the same before and after"),
        (replace(GOOD, growth=(bytes(32), *GOOD.growth[1:])), "consistency", "not the same before and after"),
        (replace(GOOD, before=note(6), after=note(5)), "consistency", ""),
        (replace(GOOD, after=note(6, COLLECTOR)), "note", ""),
        (replace(GOOD, entries="0-5"), "schema", "the log had 5 entries"),
        (replace(GOOD, entries="2 1"), "schema", "does not continue"),
        (replace(GOOD, entries="1 1"), "schema", "does not continue"),
        (replace(GOOD, entries="3-1"), "schema", "does not continue"),
        (replace(GOOD, entries="01"), "schema", "does not continue"),
        (replace(GOOD, entries="0  2"), "schema", "does not continue"),
        (replace(GOOD, entries="٣"), "schema", "does not continue"),
        (replace(GOOD, entries="0-999999999999999999"), "schema", "the log had 5 entries"),
    ],
)
def test_what_its_own_log_contradicts_is_no_proof(document: Erasure, reason: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        verify_erasure(signed(document), {COLLECTOR.public.kid: COLLECTOR.public}.get)
    assert caught.value.reason == reason
    assert words in caught.value.message


def test_another_key_another_kind_and_a_later_version_are_refused() -> None:
    mine = {COLLECTOR.public.kid: COLLECTOR.public}.get
    with pytest.raises(Refused, match=LOG.public.kid):
        verify_erasure(sign(GOOD.to_bytes(), ERASURE, LOG), mine)
    with pytest.raises(Refused) as caught:
        verify_erasure(sign(GOOD.to_bytes(), RESULT, COLLECTOR), mine)
    assert caught.value.reason == "typ"
    later = GOOD.to_bytes().replace(b'"v":1', b'"v":2')
    with pytest.raises(Refused, match="update homecheck"):
        verify_erasure(sign(later, ERASURE, COLLECTOR), mine)


def test_nobody_can_be_erased_from_nothing() -> None:
    assert read_ranges("") == ()
    assert list(read_ranges("0-1 7")) == [range(2), range(7, 8)]

"""Proof that somebody was erased: what the collector signs afterwards, for the person and for auditors.

    homecheck-erasure+jws  collector  {"v", "issuer", "program", "person", "erased_at", "entries", "log"}
    log                               {"key", "before", "after", "growth"}

`person` is the opaque id that the person's receipts and results name; no name stands in it. `entries` are the places in
the log whose salts were destroyed, like ``0-3 7``. `before` and `after` are checkpoints of the log around the erasure,
and `growth` proves that the second only grew out of the first: the entries stayed, and say nothing any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.checkpoint import Checkpoint, open_checkpoint
from homecheck.errors import Refused
from homecheck.signed_note import NoteKey, from_base64, to_base64
from homecheck.signing import ERASURE, KeyLookup, Verified, verify
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.standards.rfc_6962 import BadProof, verify_consistency
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
LONGEST_ENTRIES: Final = 100_000  # characters
MAX_NOTE: Final = 16_384  # characters of a checkpoint
_RANGE: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:-([1-9][0-9]{0,17}))?")


@dataclass(frozen=True)
class Erasure:
    """One person was erased from one program, and the log went on. `before` and `after` are signed notes."""

    issuer: str
    program: str
    person: str
    erased_at: datetime
    entries: str
    log_key: NoteKey
    before: str
    after: str
    growth: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the document as JSON: the payload to sign."""
        return serialize(
            {
                "v": VERSION,
                "issuer": self.issuer,
                "program": self.program,
                "person": self.person,
                "erased_at": to_text(self.erased_at),
                "entries": self.entries,
                "log": {
                    "key": self.log_key.vkey,
                    "before": self.before,
                    "after": self.after,
                    "growth": [to_base64(one) for one in self.growth],
                },
            }
        )

    @classmethod
    def from_bytes(cls, payload: Verified) -> Erasure:
        """Return the document in `payload` when its log agrees with it. Refused: ``schema``, or what is wrong."""
        record = Record(parse_object(payload), "erasure")
        if record.integer("v") != VERSION:
            raise Refused("schema", "erasure: this version of the format is not known here; update homecheck")
        log = record.record("log")
        try:
            found = cls(
                issuer=record.text("issuer"),
                program=record.text("program"),
                person=record.text("person"),
                erased_at=from_text(record.text("erased_at")),
                entries=record.text("entries", max_length=LONGEST_ENTRIES),
                log_key=NoteKey.from_vkey(log.text("key")),
                before=log.text("before", max_length=MAX_NOTE),
                after=log.text("after", max_length=MAX_NOTE),
                growth=tuple(from_base64(one) for one in log.texts("growth")),
            )
        except ValueError as error:
            raise Refused("schema", f"erasure: {error}") from None
        for part in (record, log):
            part.done()
        found.check()
        return found

    def check(self) -> tuple[Checkpoint, Checkpoint]:
        """Return both checkpoints. Refused when they do not hold together, or the entries were not there before."""
        before, after = (open_checkpoint(note, self.log_key) for note in (self.before, self.after))
        try:
            verify_consistency(before.size, after.size, self.growth, before.root, after.root)
        except BadProof as error:
            raise Refused("consistency", f"the log was not the same before and after the erasure: {error}") from None
        if after.size <= before.size:
            raise Refused("consistency", "the log did not grow, and each erasure leaves an entry of its own")
        if any(one.stop > before.size for one in read_ranges(self.entries)):
            raise Refused("schema", f"erasure: the log had {before.size} entries, and others are named")
        return before, after

    def count(self) -> int:
        """Return how many entries were erased."""
        return sum(len(one) for one in read_ranges(self.entries))

    def holds(self, position: int) -> bool:
        """Tell whether the entry at `position` is among those that were erased."""
        return any(position in one for one in read_ranges(self.entries))


def verify_erasure(signed: bytes, keys: KeyLookup) -> Erasure:
    """Return the erasure that one of the collector's `keys` has signed. Raises Refused."""
    return Erasure.from_bytes(verify(signed, ERASURE, keys))


def read_ranges(text: str) -> tuple[range, ...]:
    """Return what ``0-3 7`` stands for, ascending and without overlap; Refused (``schema``) for anything else."""
    found: list[range] = []
    for word in text.split(" ") if text else ():
        match = _RANGE.fullmatch(word)
        begin = int(match[1]) if match else -1
        end = int(match[2] or begin) if match else -1
        if match is None or end < begin or (found and begin < found[-1].stop):
            raise Refused("schema", f"erasure: {word!r:.60} does not continue a list of entries")
        found.append(range(begin, end + 1))
    return tuple(found)

"""Proofs that an entry is in a log, to be checked offline (c2sp.org/tlog-proof; files are called ``*.tlog-proof``).

    c2sp.org/tlog-proof@v1
    extra <base64>          homecheck keeps the entry's salt here
    index <number>
    <base64>                the audit path of RFC 6962 2.1.1, one hash a line
                            an empty line
    <checkpoint>            as the log has signed it

An entry is a salt and a statement, the leaf SHA-256(salt ‖ statement). Without the salt nobody can tell what a leaf
is of, not even with the statement in hand: that is how one is erased and the log still verifies.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from homecheck.checkpoint import Checkpoint, open_checkpoint
from homecheck.errors import Refused
from homecheck.signed_note import NoteKey, from_base64, to_base64
from homecheck.standards.rfc_6962 import MAX_PATH, BadProof, leaf_hash, verify_inclusion

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
SALT_BYTES: Final = 32
REASON: Final = "log-proof"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,17})")


@dataclass(frozen=True)
class TlogProof:
    """What a proof file says; nothing of it is checked before `verify`."""

    salt: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def text(self) -> str:
        """Return the content of the file."""
        lines = [FIRST_LINE, f"extra {to_base64(self.salt)}", f"index {self.index}", *map(to_base64, self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def from_text(cls, text: str) -> TlogProof:
        """Return the proof; Refused with the reason ``log-proof`` when it is none, or its salt is no salt."""
        head, empty, checkpoint = text.partition("\n\n")
        first, extra, index, *path = head.split("\n") + [""] * (2 - head.count("\n"))
        match = _INDEX.fullmatch(index)
        if first != FIRST_LINE or not extra.startswith("extra ") or not match or not empty:
            raise Refused(REASON, f"this is no proof of homecheck's log: it begins with {text!r:.60}")
        if len(path) > MAX_PATH:
            raise Refused(REASON, f"{len(path)} hashes are more than any proof has")
        salt = from_base64(extra.removeprefix("extra "))
        if len(salt) != SALT_BYTES:
            raise Refused(REASON, f"the salt has {len(salt)} bytes, not {SALT_BYTES}")
        return cls(salt, int(match[1]), tuple(map(from_base64, path)), checkpoint)

    def verify(self, statement: bytes, key: NoteKey) -> Checkpoint:
        """Return the checkpoint under which the log of `key` holds this statement at `index`. Raises Refused."""
        checkpoint = open_checkpoint(self.checkpoint, key)
        leaf = salted_leaf(self.salt, statement)
        try:
            verify_inclusion(leaf, self.index, checkpoint.size, self.path, checkpoint.root)
        except BadProof as error:
            raise Refused(REASON, f"entry {self.index} of {checkpoint.origin}: {error}") from None
        return checkpoint


def salted_leaf(salt: bytes, statement: bytes) -> bytes:
    """Return the hash of the leaf of an entry."""
    return leaf_hash(hashlib.sha256(salt + statement).digest())

"""Checkpoints (c2sp.org/tlog-checkpoint): what a log says about itself, signed: its name, its size, its root hash.

Three lines of a signed note: the origin, the number of entries, the root hash of the RFC 6962 tree in base64. Further
lines are allowed and mean nothing here. The key's name is the origin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from homecheck.errors import Refused
from homecheck.signed_note import NoteKey, from_base64, open_note, sign_note, to_base64
from homecheck.signing import Signer
from homecheck.standards.rfc_6962 import HASH_BYTES

REASON: Final = "checkpoint"
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Checkpoint:
    """The log called `origin` has `size` entries, and its tree the root `root`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text of the note."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Return the checkpoint; Refused with the reason ``checkpoint`` when it is none."""
        origin, size, root, *more = text.removesuffix("\n").split("\n") + [""] * (3 - text.count("\n"))
        if not origin or not _SIZE.fullmatch(size) or not all(more):
            raise Refused(REASON, f"this is no checkpoint of a log: {text!r:.80}")
        if len(found := from_base64(root)) != HASH_BYTES:
            raise Refused(REASON, f"the checkpoint's root hash has not {HASH_BYTES} bytes")
        return cls(origin, int(size), found)


def sign_checkpoint(size: int, root: bytes, key: NoteKey, signer: Signer) -> str:
    """Return the checkpoint of the log of `key` as a signed note; `signer` has the private half."""
    return sign_note(Checkpoint(key.name, size, root).text(), key, signer)


def open_checkpoint(note: str, key: NoteKey) -> Checkpoint:
    """Return the checkpoint in a note that the log's key has signed. Refused: ``note``, ``checkpoint``."""
    checkpoint = Checkpoint.from_text(open_note(note, key))
    if checkpoint.origin != key.name:
        raise Refused(REASON, f"the checkpoint is of the log {checkpoint.origin!r:.80}, the key of {key.name!r:.80}")
    return checkpoint

"""The log as others see it: its name and key, its checkpoints, and proofs that they can check without the collector.

The log's key signs checkpoints and nothing else; the collector's signing key vouches for it in every receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from homecheck.checkpoint import sign_checkpoint
from homecheck.collector.store import log as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.log import Appended
from homecheck.keys import SoftwareKey
from homecheck.signed_note import NoteKey, to_base64
from homecheck.standards.rfc_6962 import Frontier
from homecheck.tlog_proof import TlogProof


@dataclass(frozen=True)
class Log:
    """A log that can sign. `origin` is its name, which never changes, whatever the collector's address becomes."""

    origin: str
    signer: SoftwareKey

    @cached_property
    def key(self) -> NoteKey:
        """The key that its checkpoints are checked with."""
        return NoteKey(self.origin, self.signer.public)

    def proof(self, appended: Appended) -> TlogProof:
        """Return the proof of the entry that was appended last, under a checkpoint that ends with it.

        To be given away after the commit only: a log must never sign what it may have to take back.
        """
        checkpoint = self._sign(appended.position + 1, appended.root)
        return TlogProof(appended.salt, appended.position, appended.path, checkpoint)

    def checkpoint(self, db: Connection) -> str:
        """Return the checkpoint of what is committed."""
        frontier = store.frontier(db)
        return self._sign(frontier.size, frontier.root())

    def later_proof(self, db: Connection, position: int) -> TlogProof | None:
        """Return the proof of an entry in the log of now; None when there is no such entry, or it was erased."""
        found, frontier = store.entry(db, position), store.frontier(db)
        if found is None or found.salt is None or position >= frontier.size:
            return None
        path = store.proof_of(db, position, frontier.size)
        return TlogProof(found.salt, position, path, self._sign(frontier.size, frontier.root()))

    def _sign(self, size: int, root: bytes) -> str:
        return sign_checkpoint(size, root, self.key, self.signer)


def proof_of_growth(db: Connection, first: int, second: int) -> str | None:
    """Return the proof that the log of `second` entries begins with that of `first`, one hash in base64 a line.

    None when the log has no such sizes.
    """
    frontier: Frontier = store.frontier(db)
    if not 1 <= first <= second <= frontier.size:
        return None
    return "".join(f"{to_base64(one)}\n" for one in store.proof_of_growth(db, first, second))

"""A log in memory, for receipts that no collector made: honest, or rewritten where a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from homecheck.checkpoint import sign_checkpoint
from homecheck.keys import SoftwareKey
from homecheck.receipt import Receipt, Statement, seal
from homecheck.signed_note import NoteKey, to_base64
from homecheck.signing import Verified
from homecheck.standards.rfc_3339 import to_text
from homecheck.standards.rfc_6962 import Frontier, consistency_path
from homecheck.strict_json import serialize
from homecheck.tlog_proof import TlogProof, salted_leaf

ORIGIN = "collector.example/log"
SALT = bytes(range(32))


@dataclass
class SmallLog:
    """A log with its key. `leaves` may be changed: that is what a rewritten log is."""

    origin: str = ORIGIN
    signer: SoftwareKey = field(default_factory=SoftwareKey.generate)
    leaves: list[bytes] = field(default_factory=list)

    @property
    def key(self) -> NoteKey:
        return NoteKey(self.origin, self.signer.public)

    def append(self, statement: bytes) -> TlogProof:
        """Append an entry and return its proof."""
        before, _ = self._grown(len(self.leaves))
        self.leaves.append(salted_leaf(SALT, statement))
        return TlogProof(SALT, before.size, before.path_of_next(), self.checkpoint())

    def checkpoint(self, size: int | None = None) -> str:
        """Return the signed checkpoint of the first `size` entries."""
        frontier, _ = self._grown(len(self.leaves) if size is None else size)
        return sign_checkpoint(frontier.size, frontier.root(), self.key, self.signer)

    def growth(self, first: int, second: int) -> bytes:
        """Return the consistency proof as it is sent."""
        _, nodes = self._grown(second)
        path = consistency_path(first, second, lambda level, number: nodes[level, number])
        return "".join(f"{to_base64(one)}\n" for one in path).encode()

    def receipt(self, statement: Statement) -> bytes:
        """Return the payload of a receipt for the statement, as the next entry."""
        return seal(statement.statement(), self.append(statement.statement()), self.key)

    def _grown(self, size: int) -> tuple[Frontier, dict[tuple[int, int], bytes]]:
        frontier, nodes = Frontier(), {}
        for number, leaf in enumerate(self.leaves[:size]):
            nodes[0, number] = leaf
            frontier, filled = frontier.append(leaf)
            nodes |= {(one.level, one.number): one.hash for one in filled}
        return frontier, nodes


def read(payload: bytes) -> Receipt:
    """Return the receipt in a payload that was made here."""
    return Receipt.from_bytes(Verified(payload))


def first_version(statement: Statement, position: int) -> bytes:
    """Return the payload of a receipt from before there was a log: as homecheck wrote them then."""
    return serialize(
        {
            "v": 1,
            "envelope": statement.envelope,
            "evidence_id": statement.evidence_id,
            "issuer": statement.issuer,
            "program": statement.program,
            "received_at": to_text(statement.received_at),
            "log": {"index": position},
            "freshness": statement.freshness,
            "result": statement.result.members(),
        }
    )

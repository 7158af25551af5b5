"""The log's tree, grown once more from its entries, and held against what was signed while it grew.

Every receipt carries the path of its entry, proven by a signed checkpoint: the whole frontier of the tree before it.
So where entries were changed, the next receipt tells, and its path says where to go on: one change is found between two
receipts, and not in everything behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from homecheck.checkpoint import Checkpoint
from homecheck.collector.audit_defect import Defect
from homecheck.collector.store import log
from homecheck.collector.store.connection import Connection, one_or_none
from homecheck.standards.rfc_6962 import Frontier
from homecheck.tlog_proof import TlogProof


@dataclass
class TreeAudit:
    """The tree up to here: `grown` is None behind a gap, until the next receipt. `checkpoints` are by where from."""

    db: Connection
    checkpoints: Mapping[str, Checkpoint]
    grown: Frontier | None = field(default_factory=Frontier)
    proven: int = 0  # the entries before this one were held against a receipt

    def lose(self) -> None:
        """An entry is missing: nothing is known about the tree until the next receipt."""
        self.grown = None

    def prove(self, proof: TlogProof, *, explained: bool) -> Iterator[Defect]:
        """Hold the tree against the path of a genuine receipt; `explained` says that a change before it was named."""
        before = Frontier(proof.index, proof.path[::-1])
        if self.grown not in (None, before) and not explained:
            message = (
                f"they are not those that were there when the receipt at {proof.index} was given: one of them was"
                " changed, removed or inserted"
            )
            yield Defect("tree", f"entries {self.proven} to {proof.index - 1}", message, self.proven)
        self.grown, self.proven = before, proof.index

    def grow(self, position: int, leaf: bytes) -> Iterator[Defect]:
        """Add the entry at `position`; check the subtrees that it fills and the checkpoints that end with it."""
        if self.grown is None or self.grown.size != position:
            self.grown = None
            return
        self.grown, filled = self.grown.append(leaf)
        for node in filled:
            sql = "SELECT 1 FROM log_node WHERE level = ? AND number = ? AND hash = ?"
            if one_or_none(self.db, sql, node.level, node.number, node.hash) is None:
                what = f"subtree {node.number} on level {node.level} of the log"
                yield Defect("tree", what, "it does not follow from the entries, and proofs made from it are wrong")
        for place, kept in self.checkpoints.items():
            if kept.size == self.grown.size and kept.root != self.grown.root():
                message = (
                    f"the log of {kept.size} entries was another when this checkpoint was signed: it was rewritten"
                )
                yield Defect("checkpoint", place, message, position)

    def end(self, entries: int) -> Iterator[Defect]:
        """Check what was kept about the whole log: its size, its frontier, its subtrees, and checkpoints elsewhere."""
        size, frontier = log.state(self.db)
        if self.grown is not None and (self.grown.size, log.packed(self.grown)) != (size, frontier):
            message = f"it says {size} entries, {self.grown.size} are there; or it says another root than theirs"
            yield Defect("tree", "the log's state", message)
        (nodes,) = self.db.execute("SELECT COUNT(*) FROM log_node").fetchone()
        if nodes != (needed := entries - entries.bit_count()):
            yield Defect("tree", "the log's subtrees", f"{nodes} are stored, {needed} belong to {entries} entries")
        for place, kept in self.checkpoints.items():
            if kept.size > entries:
                message = (
                    f"the log had {kept.size} entries when this checkpoint was signed, and has {entries} now: the"
                    " newest were removed, or an older backup was put back"
                )
                yield Defect("removed", f"entries {entries} to {kept.size - 1}", f"{place}: {message}", entries)

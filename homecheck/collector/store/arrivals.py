"""Storing what arrived: all that waits for one commit together, so that a report costs few statements of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from homecheck.collector.store import events, evidence, log, overview, people, tally
from homecheck.collector.store.connection import Asked, Connection, marks, one_or_none
from homecheck.collector.store.evidence import Arrival, EvidenceRow, Judgement, Kept, event_of
from homecheck.collector.store.log import Appended
from homecheck.collector.store.overview import Standing
from homecheck.standards.rfc_3339 import from_text

_TWO: Final = "two computers use one key, or one was restored from a backup"


@dataclass(frozen=True)
class Waiting:
    """An arrival that was judged, its `statement` for the log, and what makes a receipt of it for its place there."""

    arrival: Arrival
    judgement: Judgement
    statement: bytes
    seal: Callable[[Appended], bytes]


def append_all(db: Connection, waiting: Sequence[Waiting]) -> list[Kept]:
    """Store evidence with its entries in the log and return the receipts, in the order of `waiting`.

    To be called inside a transaction; receipts are worth something only when that has been committed. Bytes that are
    known get the receipt that they have; an id that belongs to other bytes is an event and stores nothing.
    """
    batch = _Batch(db, waiting)
    kept = [batch.take(one) for one in waiting]
    batch.flush()
    return kept


class _Batch:
    """What is known of evidence like this, and the rows that are still to be written."""

    def __init__(self, db: Connection, waiting: Sequence[Waiting]) -> None:
        self._db = db
        self._rows: list[EvidenceRow] = []
        arrivals = [one.arrival for one in waiting]
        with db.together():
            self._log = log.Appender(db)
            known = evidence.ask_known(db, [one.evidence.id for one in arrivals])
            seqs = _ask_highest_seqs(db, {arrival.evidence.device.kid for arrival in arrivals})
        (self._receipts, self._digests), self._seqs = known(), seqs()

    def take(self, one: Waiting) -> Kept:
        """Take one; its rows are written by `flush`."""
        arrival = one.arrival
        if (receipt := self._receipts.get(arrival.digest)) is not None:
            return Kept(receipt, created=False)
        if (known := self._digests.get(arrival.evidence.id)) is not None:
            self.flush()  # an event takes its place in the log by itself
            return evidence.note_conflict(self._db, arrival, known)
        self._check_seq(arrival)
        appended = self._log.append(log.RECEIPT, one.statement)
        receipt = one.seal(appended)
        self._rows.append(EvidenceRow(arrival, one.judgement, appended.position, receipt))
        self._receipts[arrival.digest], self._digests[arrival.evidence.id] = receipt, arrival.digest
        return Kept(receipt, created=True)

    def flush(self) -> None:
        """Write what was taken so far."""
        self._log.flush()
        if not self._rows:
            return
        evidence.insert_all(self._db, self._rows)
        standings = [Standing(row.arrival.person, row.judgement.shown, row.position) for row in self._rows]
        latest = {one.person.id: one for one in standings}
        people.note_latest(self._db, {row.arrival.evidence.device.kid: row.position for row in self._rows})
        with tally.kept(self._db, latest.keys(), tally.after(latest.values())):
            overview.put_all(self._db, standings)
        self._rows = []

    def _check_seq(self, arrival: Arrival) -> None:
        kid, seq = arrival.evidence.device.kid, arrival.evidence.seq
        highest = self._seqs.get(kid, -1)
        if seq <= highest:
            self.flush()  # those of this batch count as well
            _flag_odd_seq(self._db, arrival)
        self._seqs[kid] = max(seq, highest)


def _ask_highest_seqs(db: Connection, kids: set[str]) -> Asked[dict[str, int]]:
    rows = db.ask(
        f"SELECT kid, MAX(seq) AS highest FROM evidence WHERE kid IN ({marks(tuple(kids))}) GROUP BY kid",  # noqa: S608 - marks only
        tuple(kids),
    )
    return lambda: {row["kid"]: row["highest"] for row in rows}


def _flag_odd_seq(db: Connection, arrival: Arrival) -> None:
    """Leave an event when this key's numbers do not count up as one computer's do. Nothing is refused for it.

    Two continuations of one state: a number that was used before, or a lower number than one seen already on a check
    that ended later. (What merely waited longer in the spool ended earlier.)
    """
    found = arrival.evidence
    kid, seq = found.device.kid, found.seq
    used = one_or_none(db, "SELECT digest FROM evidence WHERE kid = ? AND seq = ? LIMIT 1", kid, seq)
    if used is not None:
        detail = f"number {seq} was used before, by {used['digest']}: {_TWO}"
        events.add(db, event_of(arrival, "seq-repeated", detail))
        return
    sql = "SELECT seq, digest, finished_at FROM evidence WHERE kid = ? ORDER BY seq DESC LIMIT 1"
    top = one_or_none(db, sql, kid)
    if top is not None and top["seq"] > seq and from_text(top["finished_at"]) < found.finished_at:
        detail = (
            f"number {seq} was measured after number {top['seq']}, {top['digest']}: {_TWO}, or a clock was set back"
        )
        events.add(db, event_of(arrival, "seq-backwards", detail))

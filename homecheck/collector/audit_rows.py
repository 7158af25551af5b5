"""What a row says against what was signed: every column that a list or a page shows follows from signed bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from homecheck.appraisal import AttestationResult
from homecheck.collector.audit_defect import Defect, Wrong
from homecheck.collector.audit_policies import JudgedBy
from homecheck.collector.audit_results import Judgements, check_findings, check_results
from homecheck.collector.store import tally
from homecheck.collector.store.connection import Connection, Row, one_or_none
from homecheck.collector.store.packing import unpacked
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.receipt import Receipt, entry_of_verified
from homecheck.signing import EVIDENCE, RECEIPT, KeyLookup, digest, verify
from homecheck.standards.rfc_3339 import to_text

SKEW_SECONDS: Final = 0.002  # the row's was computed before the time was written down in milliseconds


@dataclass(frozen=True)
class CheckedReceipt:
    """One row of evidence: its receipt, where that is genuine, what of it stands in the log, and what is wrong.

    `judged_by` are the policies that what was signed about it names; `evidence` and `newest`, what was sent and how it
    was judged last, are None where that cannot be told.
    """

    receipt: Receipt | None
    entry: bytes
    defects: tuple[Defect, ...]
    judged_by: frozenset[JudgedBy]
    evidence: Evidence | None
    newest: AttestationResult | None


def name_of(row: Row) -> str:
    """Return how a row of evidence, or an event, is named."""
    if "digest" in row.keys():  # noqa: SIM118 - a Row iterates over its values
        return f"evidence {row['digest']} (id {row['id']})"
    return f"event {row['id']} ({row['kind']}, {row['at']})"


def check_evidence(
    db: Connection, row: Row, collector: KeyLookup, device: KeyLookup, judged_again: int
) -> CheckedReceipt:
    """Check one row of evidence, judged once more so often by the events, against what was signed about it."""
    defects: list[Defect] = []

    def wrong(kind: Wrong, message: str) -> None:
        defects.append(Defect(kind, name_of(row), message, row["position"]))

    receipt, entry = _genuine(lambda: _receipt(unpacked(row["receipt"]), collector), "receipt", wrong) or (None, b"")
    envelope = unpacked(row["envelope"])
    evidence = _genuine(lambda: Evidence.from_bytes(verify(envelope, EVIDENCE, device)), "envelope", wrong)
    if (real := digest(envelope)) != row["digest"]:
        wrong("digest", f"the stored envelope has the digest {real}")
    if receipt is not None and receipt.envelope != real:
        wrong("digest", f"the receipt was given for {receipt.envelope}, the stored envelope is {real}")
    judgements = None if receipt is None else check_results(db, row, receipt, collector, judged_again, wrong)
    newest = judgements.newest if judgements else None
    for column, said in (
        *_of_receipt(receipt, row),
        *_of_result(newest),
        *_of_evidence(evidence),
        *_of_person(evidence, judgements),
    ):
        if not _same(row[column], said):
            wrong("changed", f"{column}: the row says {row[column]!r:.80}, what was signed says {said!r:.80}")
    if newest is not None:
        check_findings(db, row["position"], newest, wrong)
    every = judgements.every if judgements and receipt else ()
    judged_by = frozenset(
        JudgedBy(row["program"], one.policy_digest, one.policy_name, one.policy_version) for one in every
    )
    return CheckedReceipt(receipt, entry, tuple(defects), judged_by, evidence, newest)


def events_without_place(db: Connection) -> Iterator[Defect]:
    """Yield the events that no entry of the log is of."""
    for row in db.execute("SELECT * FROM event WHERE position IS NULL ORDER BY id"):
        yield Defect("inserted", name_of(row), "it has no place in the log")


def last_received(db: Connection) -> Iterator[Defect]:
    """Yield the people whose newest evidence is not the one that the lists show."""
    rows = db.execute(
        "SELECT id, latest, newest FROM (SELECT id, latest,"
        " (SELECT MAX(position) FROM evidence WHERE evidence.person = person.id) AS newest FROM person) AS compared"
        " WHERE COALESCE(latest, -1) <> COALESCE(newest, -1)"
    )
    for row in rows:
        message = f"the lists show the entry {row['latest']}, the newest is {row['newest']}"
        yield Defect("changed", f"person {row['id']}", message)


def miscounted(db: Connection) -> Iterator[Defect]:
    """Yield that the numbers of the fleet page are not those of the people behind them."""
    if number := tally.wrong(db):
        message = f"{number} of its numbers are not those of a count; mend them: homecheck collector recount"
        yield Defect("changed", "fleet page", message)


def _receipt(signed: bytes, keys: KeyLookup) -> tuple[Receipt, bytes]:
    payload = verify(signed, RECEIPT, keys)
    receipt = Receipt.from_bytes(payload)
    return receipt, entry_of_verified(signed, payload, receipt)


def _genuine(read: Callable[[], Any], part: str, wrong: Callable[[Wrong, str], None]) -> Any:
    try:
        return read()
    except Refused as error:
        wrong("signature", f"the {part} is not genuine ({error.reason}): {error.message}")
        return None


def _of_receipt(receipt: Receipt | None, row: Row) -> Iterator[tuple[str, Any]]:
    if receipt is None:
        return
    yield "position", receipt.position
    yield "id", receipt.evidence_id
    yield "program", receipt.program
    yield "received_at", to_text(receipt.received_at)
    yield "freshness", receipt.freshness
    yield "clock_skew", receipt.received_at.timestamp() - row["iat"]


def _of_result(judged: AttestationResult | None) -> Iterator[tuple[str, Any]]:
    if judged is None:
        return
    yield "policy_digest", judged.policy_digest
    yield "policy_name", judged.policy_name
    yield "policy_version", judged.policy_version
    yield "verdict", judged.verdict.word


def _of_evidence(evidence: Evidence | None) -> Iterator[tuple[str, Any]]:
    if evidence is None:
        return
    yield "id", evidence.id
    yield "kid", evidence.device.kid
    yield "seq", evidence.seq
    yield "iat", evidence.iat
    yield "finished_at", to_text(evidence.finished_at)


def _of_person(evidence: Evidence | None, judgements: Judgements | None) -> set[tuple[str, str]]:
    """Return the people whom evidence and results name: one and the same."""
    named = set(judgements.subjects) if judgements else set()
    if evidence is not None and evidence.sub is not None:
        named.add(evidence.sub)
    return {("person", one) for one in named}


def _same(stored: object, said: object) -> bool:
    if isinstance(stored, float) and isinstance(said, float):
        return math.isclose(stored, said, rel_tol=0, abs_tol=SKEW_SECONDS)
    return stored == said


def evidence_at(db: Connection, position: int) -> Row | None:
    """Return the row of evidence at a place of the log, or None."""
    return one_or_none(db, "SELECT * FROM evidence WHERE position = ?", position)


def event_at(db: Connection, position: int) -> Row | None:
    """Return the event at a place of the log, or None."""
    return one_or_none(db, "SELECT * FROM event WHERE position = ?", position)


def judged_again(db: Connection) -> Counter[str]:
    """Return how often events say that evidence was judged once more, by its digest."""
    rows = db.execute("SELECT about, COUNT(*) FROM event WHERE kind = 'judged-again' GROUP BY about")
    return Counter({row[0]: row[1] for row in rows})


def first_event(db: Connection, older: int) -> int:
    """Return the first of the `older` entries that is of an event, or `older`: an upgrade entered those last."""
    (first,) = db.execute(
        "SELECT MIN(position) FROM log_entry WHERE kind = 'event' AND position < ?", (older,)
    ).fetchone()
    return older if first is None else int(first)


def rows_about(db: Connection, position: int) -> str:
    """Return which tables hold something about a place of the log."""
    return ", ".join(table for table, sql in _ABOUT.items() if one_or_none(db, sql, position) is not None)


_ABOUT: Final = {
    "evidence": "SELECT 1 FROM evidence WHERE position = ?",
    "event": "SELECT 1 FROM event WHERE position = ?",
    "finding": "SELECT 1 FROM finding WHERE position = ?",
    "observation": "SELECT 1 FROM observation WHERE position = ?",
    "result": "SELECT 1 FROM result WHERE position = ?",
}


def when(db: Connection, first: int, last: int) -> str:
    """Return between which times entries were made, as far as those beside them tell."""
    times = one_or_none(db, _BESIDE, first, last)
    assert times is not None  # an aggregate always has its row
    return f"made after {times['earliest'] or 'the beginning'}, before {times['latest'] or 'now'}"


_BESIDE: Final = """
WITH dated AS (SELECT position, received_at AS at FROM evidence UNION ALL SELECT position, at FROM event)
SELECT (SELECT at FROM dated WHERE position < ? ORDER BY position DESC LIMIT 1) AS earliest,
       (SELECT at FROM dated WHERE position > ? ORDER BY position LIMIT 1) AS latest
"""

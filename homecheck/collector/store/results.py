"""Signed results, byte for byte: every one that was made of a piece of evidence is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from homecheck.collector.store.database import Connection, one_or_none
from homecheck.collector.store.months import ODD, month_of
from homecheck.standards.rfc_3339 import from_text, to_text


@dataclass(frozen=True)
class StoredResult:
    """One signed result; `number` counts the appraisals of its evidence from 0."""

    number: int
    made_at: datetime
    document: bytes


def add(db: Connection, position: int, made: StoredResult, month: int | None = None) -> None:
    """Store a result of the evidence at `position`, inside a transaction; `month` is that of its id, where known."""
    month = month_at(db, position) if month is None else month
    db.execute(
        "INSERT INTO result (position, number, made_at, document, month) VALUES (?, ?, ?, ?, ?)",
        (position, made.number, to_text(made.made_at), made.document, month),
    )


def month_at(db: Connection, position: int) -> int:
    """Return the month of the evidence at `position`, by its id."""
    row = one_or_none(db, "SELECT id FROM evidence WHERE position = ?", position)
    return ODD if row is None else month_of(row["id"])


def every(db: Connection, position: int) -> list[StoredResult]:
    """Return all results of the evidence at `position`, newest first."""
    rows = db.execute(
        "SELECT number, made_at, document FROM result WHERE position = ? ORDER BY number DESC", (position,)
    )
    return [StoredResult(row["number"], from_text(row["made_at"]), row["document"]) for row in rows]


def latest(db: Connection, position: int) -> StoredResult | None:
    """Return the newest result of the evidence at `position`; None when none was made yet."""
    row = one_or_none(
        db,
        "SELECT number, made_at, document FROM result WHERE position = ? ORDER BY number DESC LIMIT 1",
        position,
    )
    return None if row is None else StoredResult(row["number"], from_text(row["made_at"]), row["document"])

"""How often something happened again that has many events already; `repetitions` tells of it from time to time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from homecheck.collector.store.connection import Connection, Row
from homecheck.standards.rfc_3339 import from_text, to_text

FIRST_SECONDS: Final = 60  # after which it is told; then after twice as long, and so on
MOST_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Again:
    """One more of a kind about one thing: by whom, from where, and about whom."""

    kind: str
    about: str
    actor: str
    source_address: str
    program: str | None
    person: str | None


@dataclass(frozen=True)
class Repeated:
    """What happened `number` times from `first_at` to `last_at`; what is said of it is that of the last time."""

    latest: Again
    number: int
    first_at: datetime
    last_at: datetime
    period: int


def count(db: Connection, one: Again, at: datetime) -> None:
    """Count one more, inside a transaction."""
    due = to_text(at + timedelta(seconds=FIRST_SECONDS))
    db.execute(
        "INSERT INTO repeated (kind, about, actor, source_address, program, person, number, first_at, last_at, period,"
        " due) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT (kind, about) DO UPDATE SET"
        " number = repeated.number + 1, last_at = excluded.last_at, actor = excluded.actor,"
        " source_address = excluded.source_address, program = excluded.program, person = excluded.person,"
        " first_at = CASE WHEN repeated.number = 0 THEN excluded.first_at ELSE repeated.first_at END",
        (
            one.kind, one.about, one.actor, one.source_address, one.program, one.person, to_text(at), to_text(at),
            FIRST_SECONDS, due,
        ),
    )  # fmt: skip


def due(db: Connection, now: datetime) -> list[Repeated]:
    """Return what is to be told now, also what has not happened again since it was told last (`number` is 0)."""
    rows = db.execute("SELECT * FROM repeated WHERE due <= ? ORDER BY kind, about", (to_text(now),)).fetchall()
    return [_repeated(row) for row in rows]


def take(db: Connection, one: Repeated, now: datetime) -> Repeated | None:
    """Begin to count anew, inside a transaction, and return what was counted; None when it is over, or told already.

    Attacks are fast: it has grown since `one` was read.
    """
    key = (one.latest.kind, one.latest.about)
    period = min(2 * one.period, MOST_SECONDS)
    again = to_text(now + timedelta(seconds=period))
    # First, as it locks the row: what is read below stays until this transaction ends.
    sql = "UPDATE repeated SET period = ?, due = ? WHERE kind = ? AND about = ? AND due <= ?"
    if not db.execute(sql, (period, again, *key, to_text(now))).rowcount:
        return None
    counted = _repeated(db.execute("SELECT * FROM repeated WHERE kind = ? AND about = ?", key).fetchone())
    if not counted.number:
        db.execute("DELETE FROM repeated WHERE kind = ? AND about = ?", key)
        return None
    db.execute("UPDATE repeated SET number = 0 WHERE kind = ? AND about = ?", key)
    return counted


def _repeated(row: Row) -> Repeated:
    return Repeated(
        Again(row["kind"], row["about"], row["actor"], row["source_address"], row["program"], row["person"]),
        row["number"],
        from_text(row["first_at"]),
        from_text(row["last_at"]),
        row["period"],
    )

"""Counts over everything, for metrics: each is one query that reads no envelope."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from homecheck.collector.store import log, programs, tally
from homecheck.collector.store.database import Connection
from homecheck.collector.store.overview import NOT_CHECKED, RANKS
from homecheck.standards.rfc_3339 import from_text

DONE: Final = {"backed_up_at": "backup", "verified_at": "verify-log", "purged_at": "retention"}


def people(db: Connection) -> list[tuple[str, str, int]]:
    """Return program, verdict of the latest evidence (``none``: nothing received) and how many people have it."""
    return sorted(
        [*checked(db), *((program, "none", many) for program, many in _each(db, "rank = ?", NOT_CHECKED) if many)]
    )


def checked(db: Connection) -> list[tuple[str, str, int]]:
    """Return program, verdict of the latest evidence and how many people have it: a few kept rows for each program."""
    words = {rank: verdict.word for verdict, rank in RANKS.items()}
    return [(program, words[rank], many) for program, rank, many in tally.by_program(db)]


def overdue(db: Connection, now: datetime) -> list[tuple[str, int]]:
    """Return how many people of each program have been checked, and not again when the policy wanted it."""
    return _each(db, "due < ?", int(now.timestamp()))


def _each(db: Connection, condition: str, value: int) -> list[tuple[str, int]]:
    """Count people of each program, along an index that begins with the program."""
    sql = f"SELECT COUNT(*) FROM person WHERE program = ? AND {condition}"  # noqa: S608 - words of this module
    return [(one.id, int(db.execute(sql, (one.id, value)).fetchone()[0])) for one in programs.every(db)]


def log_size(db: Connection) -> int:
    """Return how many entries the log has."""
    return log.state(db)[0]


def last_done(db: Connection) -> list[tuple[str, float]]:
    """Return what is done again and again, and when it was last done, in Unix seconds."""
    rows = db.execute("SELECT name, value FROM setting WHERE name IN (?, ?, ?)", tuple(DONE)).fetchall()
    return [(DONE[row["name"]], from_text(row["value"]).timestamp()) for row in rows]

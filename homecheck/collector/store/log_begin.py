"""A database from before there was a log: what is in it is entered, and marked by the event behind it.

What the log cannot know is what happened to these rows before; from here on they are as fixed as all others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from homecheck.collector.store import events, log
from homecheck.collector.store.connection import Connection, Row
from homecheck.collector.store.events import Event
from homecheck.standards.rfc_3339 import from_text, to_text

BEGAN: Final = "log-began"


def enter_older_rows(db: Connection, now: datetime) -> None:
    """Enter receipts, at the positions that they name, then events, then the event that tells of it."""
    (positions,) = db.execute("SELECT next FROM sequence WHERE name = 'position'").fetchone()
    receipts = dict(db.execute("SELECT position, receipt FROM evidence").fetchall())
    for position in range(max((positions - 1, *receipts)) + 1):
        if (receipt := receipts.get(position)) is None:
            log.append(db, log.GAP, gap_statement(position))
        else:
            log.append(db, log.RECEIPT, receipt)
    for row in db.execute("SELECT * FROM event ORDER BY id").fetchall():
        appended = log.append(db, log.EVENT, events.statement(_of_then(row)))
        db.execute("UPDATE event SET position = ? WHERE id = ?", (appended.position, row["id"]))
    size = log.frontier(db).size
    db.execute("DROP TABLE sequence")
    detail = f"{size} entries are of rows from before there was a log; what happened to them earlier is not known"
    _add_then(db, Event(now, BEGAN, False, "the upgrade", "", f"{size}", detail))


def gap_statement(position: int) -> bytes:
    """Return what stands in the log for a position whose row was gone before there was a log."""
    return b'{"gap":%d}' % position


def _of_then(row: Row) -> Event:
    """Return the event in a row of that version."""
    return Event(
        from_text(row["at"]), row["kind"], bool(row["security"]), row["actor"], row["source_address"], row["about"],
        row["detail"], row["program"], row["person"],
    )  # fmt: skip


def _add_then(db: Connection, event: Event) -> None:
    """Store an event in the columns of that version: later ones are added after it."""
    position = log.append(db, log.EVENT, events.statement(event)).position
    db.execute(
        "INSERT INTO event (at, kind, security, actor, source_address, about, detail, position)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            to_text(event.at), event.kind, int(event.security), event.actor, event.source_address, event.about,
            event.detail, position,
        ),
    )  # fmt: skip

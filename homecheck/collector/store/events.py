"""What an administrator did, and what looks like an attack or a copied key. Rows are added and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.store.database import Connection, Row
from homecheck.standards.rfc_3339 import from_text, to_text

MOST_ALIKE: Final = 20  # of one kind about one thing: whoever repeats an attack must not fill the disk with it


@dataclass(frozen=True)
class Event:
    """One thing that happened. `about` is a digest, a key or a name; `actor` a user, the operator or a device key."""

    at: datetime
    kind: str
    security: bool
    actor: str
    source_address: str
    about: str
    detail: str
    program: str | None = None
    person: str | None = None


def add(db: Connection, event: Event) -> None:
    """Store an event; of security events at most `MOST_ALIKE` that are alike."""
    db.execute(
        "INSERT INTO event (at, kind, security, actor, source_address, program, person, about, detail)"
        " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?"
        " WHERE NOT ? OR (SELECT COUNT(*) FROM event WHERE kind = ? AND about = ?) < ?",
        (
            to_text(event.at), event.kind, int(event.security), event.actor, event.source_address, event.program,
            event.person, event.about, event.detail,
            int(event.security), event.kind, event.about, MOST_ALIKE,
        ),
    )  # fmt: skip


def recent(db: Connection, *, limit: int, security_only: bool = False) -> list[Event]:
    """Return events, the latest first."""
    least = 1 if security_only else 0
    rows = db.execute("SELECT * FROM event WHERE security >= ? ORDER BY id DESC LIMIT ?", (least, limit))
    return [_event(row) for row in rows]


def security_of_person(db: Connection, person: str, *, limit: int = 50) -> list[Event]:
    """Return what looked like an attack or a copied key around one person, the latest first."""
    rows = db.execute("SELECT * FROM event WHERE person = ? AND security = 1 ORDER BY id DESC LIMIT ?", (person, limit))
    return [_event(row) for row in rows]


def security_about(db: Connection, about: str) -> list[Event]:
    """Return the security events about one thing."""
    rows = db.execute("SELECT * FROM event WHERE about = ? AND security = 1 ORDER BY id DESC", (about,))
    return [_event(row) for row in rows]


def _event(row: Row) -> Event:
    return Event(
        at=from_text(row["at"]),
        kind=row["kind"],
        security=bool(row["security"]),
        actor=row["actor"],
        source_address=row["source_address"],
        about=row["about"],
        detail=row["detail"],
        program=row["program"],
        person=row["person"],
    )

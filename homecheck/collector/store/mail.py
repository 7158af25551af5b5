"""Addresses of people, and the letters that wait to be sent to them.

No letter's text is stored: it is written when it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from homecheck.collector.store.database import Connection, Row
from homecheck.collector.store.people import Person
from homecheck.collector.store.scope import Scope
from homecheck.standards.rfc_3339 import from_text, to_text

Kind = Literal["invitation", "missed"]
State = Literal["waiting", "sent", "not-needed", "given-up"]
MISSED: Final = "check-in-missed"
EVERYBODY: Final = Scope.everything()


@dataclass(frozen=True)
class Contact:
    """Where a person gets mail; `timezone` is an IANA name; it and `language` are empty where nobody has said it."""

    address: str
    timezone: str = ""
    language: str = ""


@dataclass(frozen=True)
class Letter:
    """One letter. `about` is the digest of the evidence after which a check-in is missed; empty for an invitation."""

    id: str
    kind: Kind
    person: Person
    made_at: datetime
    by: str
    about: str
    attempts: int
    next_at: datetime | None
    state: State
    error: str


@dataclass(frozen=True)
class Missed:
    """A person whose next check is overdue, with their last evidence."""

    person: Person
    digest: str
    received_at: datetime


def contact(db: Connection, person_id: str) -> Contact | None:
    """Return where a person gets mail, or None."""
    row = db.execute("SELECT address, timezone, language FROM contact WHERE person = ?", (person_id,)).fetchone()
    return None if row is None else Contact(row["address"], row["timezone"], row["language"])


def set_contact(db: Connection, person_id: str, found: Contact) -> None:
    """Remember where a person gets mail."""
    db.execute(
        "INSERT INTO contact (person, address, timezone, language) VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE"
        " SET address = excluded.address, timezone = excluded.timezone, language = excluded.language",
        (person_id, found.address, found.timezone, found.language),
    )


def forget_contact(db: Connection, person_id: str) -> bool:
    """Forget where a person gets mail; tell whether it was known."""
    return db.execute("DELETE FROM contact WHERE person = ?", (person_id,)).rowcount > 0


def put(db: Connection, one: Letter) -> None:
    """Put one letter in."""
    db.execute(
        "INSERT INTO letter (id, kind, person, made_at, made_by, about, attempts, next_at, state, error)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?, 'waiting', '')",
        (one.id, one.kind, one.person.id, to_text(one.made_at), one.by, one.about, to_text(one.next_at or one.made_at)),
    )


def due(db: Connection, now: datetime, most: int) -> list[Letter]:
    """Return the letters whose time has come, those that wait longest first."""
    sql = (
        f"{_LETTERS} WHERE letter.state = 'waiting' AND letter.next_at <= ? ORDER BY letter.next_at, letter.id LIMIT ?"
    )
    return [_letter(row) for row in db.execute(sql, (to_text(now), most))]


def recent(db: Connection, most: int, scope: Scope = EVERYBODY) -> list[Letter]:
    """Return the latest letters to people of a scope, the latest first."""
    within, values = scope.condition("person.program")
    sql = f"{_LETTERS} WHERE {within} ORDER BY letter.made_at DESC, letter.id LIMIT ?"
    return [_letter(row) for row in db.execute(sql, (*values, most))]


def claim(db: Connection, one: Letter, until: datetime) -> bool:
    """Take a letter for an attempt, so that no other worker sends it as well; False when one has it already."""
    sql = "UPDATE letter SET next_at = ? WHERE id = ? AND state = 'waiting' AND next_at = ?"
    return bool(db.execute(sql, (to_text(until), one.id, to_text(one.next_at or one.made_at))).rowcount == 1)


def put_off(db: Connection, letter_id: str, until: datetime) -> None:
    """Let a letter wait; that is no attempt."""
    db.execute("UPDATE letter SET next_at = ? WHERE id = ?", (to_text(until), letter_id))


def note_attempt(db: Connection, letter_id: str, state: State, next_at: datetime | None, error: str) -> None:
    """Remember how an attempt ended."""
    db.execute(
        "UPDATE letter SET attempts = attempts + 1, state = ?, next_at = ?, error = ? WHERE id = ?",
        (state, to_text(next_at) if next_at else None, error, letter_id),
    )


def drop_waiting(db: Connection, person_id: str) -> None:
    """Send none of the letters that wait for a person."""
    sql = "UPDATE letter SET state = 'not-needed', next_at = NULL WHERE person = ? AND state = 'waiting'"
    db.execute(sql, (person_id,))


def withdraw_invite(db: Connection, code_sha256: str) -> bool:
    """Delete an invitation whose letter did not leave and which nobody has used; tell whether there was one."""
    return db.execute("DELETE FROM invite WHERE code_sha256 = ? AND redeemed_at IS NULL", (code_sha256,)).rowcount > 0


def missed(db: Connection, program: str, received_before: datetime, most: int) -> list[Missed]:
    """Return people of a program who have a key that counts and were not heard of since, and whom nobody has noted."""
    rows = db.execute(
        "SELECT person.id, person.name, person.program, evidence.digest, evidence.received_at"
        " FROM person JOIN evidence ON evidence.position = person.latest"
        " WHERE person.program = ? AND person.received <= ? AND evidence.received_at < ?"  # the first by an index
        " AND EXISTS (SELECT 1 FROM device WHERE device.person = person.id AND device.revoked_at IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM event WHERE event.kind = ? AND event.about = evidence.digest)"
        " ORDER BY evidence.received_at LIMIT ?",
        (program, int(received_before.timestamp()), to_text(received_before), MISSED, most),
    )
    return [
        Missed(Person(row["id"], row["program"], row["name"]), row["digest"], from_text(row["received_at"]))
        for row in rows
    ]


def latest_digest(db: Connection, person_id: str) -> str | None:
    """Return the digest of the evidence received last from a person, or None."""
    row = db.execute(_LATEST, (person_id,)).fetchone()
    return None if row is None else str(row["digest"])


def latest_received(db: Connection, person_id: str) -> datetime | None:
    """Return when evidence of a person was received last, or None."""
    row = db.execute(_LATEST, (person_id,)).fetchone()
    return None if row is None else from_text(row["received_at"])


def turn(db: Connection, name: str, now: datetime, until: datetime) -> bool:
    """Tell whether it is this worker's turn to do the job `name`, which others then leave alone until a moment."""
    db.execute("INSERT INTO setting (name, value) VALUES (?, '') ON CONFLICT (name) DO NOTHING", (name,))
    sql = "UPDATE setting SET value = ? WHERE name = ? AND value <= ?"
    return bool(db.execute(sql, (to_text(until), name, to_text(now))).rowcount == 1)


_LATEST: Final = (
    "SELECT digest, received_at FROM evidence JOIN person ON evidence.position = person.latest WHERE person.id = ?"
)
_LETTERS: Final = (
    "SELECT letter.*, person.name AS person_name, person.program AS person_program"
    " FROM letter JOIN person ON person.id = letter.person"
)


def _letter(row: Row) -> Letter:
    return Letter(
        id=row["id"],
        kind=row["kind"],
        person=Person(row["person"], row["person_program"], row["person_name"]),
        made_at=from_text(row["made_at"]),
        by=row["made_by"],
        about=row["about"],
        attempts=row["attempts"],
        next_at=from_text(row["next_at"]) if row["next_at"] else None,
        state=row["state"],
        error=row["error"],
    )

"""Call-backs: who is to be called, and what became of it. The code is in no row (`homecheck.collector.callbacks`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.collector.store.people import Person
from homecheck.collector.store.scope import Scope
from homecheck.standards.rfc_3339 import from_text, to_text

State = Literal["pending", "yes", "no", "replaced"]


@dataclass(frozen=True)
class Callback:
    """One call-back. `attempts` are wrong and right answers so far; `answered_at` is set with the states yes and no."""

    id: str
    kid: str
    person: Person
    nonce: str
    phone: str
    requested_at: datetime
    expires_at: datetime
    attempts: int = 0
    state: State = "pending"
    answered_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether somebody can still be called, and answer."""
        return self.state == "pending" and now < self.expires_at


_CALLBACK: Final = "SELECT callback.*, person.name FROM callback JOIN person ON person.id = callback.person"


def add(db: Connection, one: Callback) -> None:
    """Store a new call-back. Any other that waits for the same person is replaced: one telephone, one call."""
    db.execute("UPDATE callback SET state = 'replaced' WHERE person = ? AND state = 'pending'", (one.person.id,))
    db.execute(
        "INSERT INTO callback (id, kid, program, person, nonce, phone, requested_at, expires_at, attempts, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.kid, one.person.program, one.person.id, one.nonce, one.phone, to_text(one.requested_at),
            to_text(one.expires_at), one.attempts, one.state,
        ),
    )  # fmt: skip


def update(db: Connection, one: Callback) -> None:
    """Store what became of a call-back."""
    answered_at = None if one.answered_at is None else to_text(one.answered_at)
    db.execute(
        "UPDATE callback SET attempts = ?, state = ?, answered_at = ? WHERE id = ?",
        (one.attempts, one.state, answered_at, one.id),
    )


_COUNT: Final = "SELECT COUNT(*) AS number FROM callback"


def find(db: Connection, callback_id: str) -> Callback | None:
    """Return the call-back, or None."""
    row = one_or_none(db, f"{_CALLBACK} WHERE callback.id = ?", callback_id)
    return None if row is None else _callback(row)


def of_nonce(db: Connection, kid: str, nonce: str) -> Callback | None:
    """Return the call-back of the check with this challenge, or None."""
    row = one_or_none(db, f"{_CALLBACK} WHERE kid = ? AND nonce = ?", kid, nonce)
    return None if row is None else _callback(row)


def waiting(db: Connection, scope: Scope, now: datetime) -> list[Callback]:
    """Return those that somebody is to call now, the one that ends first before the others."""
    within, values = scope.condition("callback.program")
    sql = f"{_CALLBACK} WHERE state = 'pending' AND expires_at > ? AND {within} ORDER BY expires_at, callback.id"
    return [_callback(row) for row in db.execute(sql, (to_text(now), *values))]


def count_waiting(db: Connection, scope: Scope, now: datetime) -> int:
    """Return how many wait to be called."""
    within, values = scope.condition("program")
    sql = f"{_COUNT} WHERE state = 'pending' AND expires_at > ? AND {within}"
    row = one_or_none(db, sql, to_text(now), *values)
    return int(row["number"]) if row else 0


def of_person(db: Connection, person_id: str, *, limit: int) -> list[Callback]:
    """Return a person's call-backs, newest first."""
    sql = f"{_CALLBACK} WHERE callback.person = ? ORDER BY requested_at DESC LIMIT ?"
    return [_callback(row) for row in db.execute(sql, (person_id, limit))]


def requested_before(db: Connection, person_id: str, number: int) -> datetime | None:
    """Return when the last but `number` - 1 call of a person was asked for; None when there are fewer."""
    sql = "SELECT requested_at FROM callback WHERE person = ? ORDER BY requested_at DESC LIMIT 1 OFFSET ?"
    row = one_or_none(db, sql, person_id, number - 1)
    return None if row is None else from_text(row["requested_at"])


def _callback(row: Row) -> Callback:
    return Callback(
        id=row["id"],
        kid=row["kid"],
        person=Person(row["person"], row["program"], row["name"]),
        nonce=row["nonce"],
        phone=row["phone"],
        requested_at=from_text(row["requested_at"]),
        expires_at=from_text(row["expires_at"]),
        attempts=row["attempts"],
        state=cast(State, row["state"]),
        answered_at=None if row["answered_at"] is None else from_text(row["answered_at"]),
    )

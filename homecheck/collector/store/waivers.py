"""Waivers: approved exceptions, for one person and one quantity each. Rows are added, and revoked once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from homecheck.collector.store.connection import marks
from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.collector.store.people import AT_A_TIME, Person
from homecheck.collector.store.scope import Scope
from homecheck.standards.rfc_3339 import from_text, to_text

State = Literal["counts", "not yet", "expired", "revoked"]


@dataclass(frozen=True)
class Waiver:
    """One exception: from `starts_at` on and before `expires_at`, unless it is revoked."""

    id: str
    person: Person
    quantity: str
    reason: str
    approved_by: str
    approved_at: datetime
    starts_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str = ""
    revoked_reason: str = ""

    def state(self, now: datetime) -> State:
        """Return whether it counts now, or why not."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.expires_at:
            return "expired"
        return "counts" if now >= self.starts_at else "not yet"

    def counts(self, now: datetime) -> bool:
        """Tell whether it counts now."""
        return self.state(now) == "counts"

    @property
    def last_day(self) -> date:
        """The last day on which it counts, in UTC."""
        return (self.expires_at - timedelta(milliseconds=1)).date()


_WAIVER: Final = "SELECT waiver.*, person.name AS person_name FROM waiver JOIN person ON person.id = waiver.person"


def add(db: Connection, one: Waiver) -> None:
    """Store a new waiver."""
    db.execute(
        "INSERT INTO waiver (id, program, person, quantity, reason, approved_by, approved_at, starts_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.person.program, one.person.id, one.quantity, one.reason, one.approved_by,
            to_text(one.approved_at), to_text(one.starts_at), to_text(one.expires_at),
        ),
    )  # fmt: skip


def revoke(db: Connection, waiver_id: str, by: str, reason: str, now: datetime) -> bool:
    """End a waiver now; tell whether this changed anything."""
    sql = "UPDATE waiver SET revoked_at = ?, revoked_by = ?, revoked_reason = ? WHERE id = ? AND revoked_at IS NULL"
    return db.execute(sql, (to_text(now), by, reason, waiver_id)).rowcount > 0


def find(db: Connection, waiver_id: str) -> Waiver | None:
    """Return the waiver, or None."""
    row = one_or_none(db, f"{_WAIVER} WHERE waiver.id = ?", waiver_id)
    return None if row is None else _waiver(row)


def of_person(db: Connection, person_id: str) -> list[Waiver]:
    """Return all waivers that a person has ever had, the one that ends last before the others."""
    sql = f"{_WAIVER} WHERE waiver.person = ? ORDER BY waiver.expires_at DESC, waiver.id"
    return [_waiver(row) for row in db.execute(sql, (person_id,))]


def of_people(db: Connection, ids: Sequence[str], now: datetime) -> dict[str, list[Waiver]]:
    """Return by person the waivers that count now, of at most some hundred people."""
    found: dict[str, list[Waiver]] = {}
    if not ids:
        return found
    condition = f"waiver.person IN ({marks(ids)}) AND waiver.expires_at > ?"
    sql = f"{_WAIVER} WHERE {condition} ORDER BY waiver.expires_at, waiver.id"
    for row in db.execute(sql, (*ids, to_text(now))):
        if (one := _waiver(row)).counts(now):
            found.setdefault(one.person.id, []).append(one)
    return found


def each(db: Connection, program: str = "") -> Iterator[Waiver]:
    """Yield all waivers, or those of one program, by id, some at a time."""
    last = ""
    while True:
        rows = db.execute(
            f"{_WAIVER} WHERE (? = '' OR waiver.program = ?) AND waiver.id > ? ORDER BY waiver.id LIMIT ?",
            (program, program, last, AT_A_TIME),
        ).fetchall()
        yield from map(_waiver, rows)
        if len(rows) < AT_A_TIME:
            return
        last = rows[-1]["id"]


def ending_first(
    db: Connection,
    scope: Scope,
    now: datetime | None,
    *,
    program: str = "",
    person: str = "",
    after: str = "",
    limit: int,
) -> list[Waiver]:
    """Return waivers in a scope, the one that ends first before the others; with `now` without what is over then.

    `after` is the id of the last one of the page before.
    """
    within, values = scope.condition("waiver.program")
    living, at = ("waiver.revoked_at IS NULL AND waiver.expires_at > ?", (to_text(now),)) if now else ("1 = 1", ())
    asked = {"waiver.program = ?": program, "waiver.person = ?": person, _BEHIND: after}
    more = {condition: value for condition, value in asked.items() if value}
    sql = f"{_WAIVER} WHERE {' AND '.join([within, living, *more])} ORDER BY waiver.expires_at, waiver.id LIMIT ?"
    return [_waiver(row) for row in db.execute(sql, (*values, *at, *more.values(), limit))]


_BEHIND: Final = "(waiver.expires_at, waiver.id) > (SELECT expires_at, id FROM waiver WHERE id = ?)"


def _waiver(row: Row) -> Waiver:
    return Waiver(
        id=row["id"],
        person=Person(row["person"], row["program"], row["person_name"]),
        quantity=row["quantity"],
        reason=row["reason"],
        approved_by=row["approved_by"],
        approved_at=from_text(row["approved_at"]),
        starts_at=from_text(row["starts_at"]),
        expires_at=from_text(row["expires_at"]),
        revoked_at=None if row["revoked_at"] is None else from_text(row["revoked_at"]),
        revoked_by=row["revoked_by"],
        revoked_reason=row["revoked_reason"],
    )

"""What an administrator did, and what looks like an attack or a copied key. Rows are added and never changed.

Each is an entry in the log, so that a change is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.store import log, repeated
from homecheck.collector.store.connection import Connection, Row, one_or_none
from homecheck.collector.store.repeated import Again
from homecheck.collector.store.scope import Scope
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import serialize

MOST_ALIKE: Final = 20  # of one kind about one thing: whoever repeats an attack must not fill the disk with it


_EVENTS: Final = "SELECT * FROM event"
# From one kind to the next along the index: there are some dozens among a million events.
_KINDS: Final = """
WITH RECURSIVE known (kind) AS (
    SELECT MIN(kind) FROM event UNION ALL
    SELECT (SELECT MIN(kind) FROM event WHERE event.kind > known.kind) FROM known WHERE known.kind IS NOT NULL
)
SELECT kind FROM known WHERE kind IS NOT NULL AND EXISTS (SELECT 1 FROM event WHERE event.kind = known.kind AND {})
ORDER BY kind
"""


@dataclass(frozen=True)
class By:
    """Who changes something, from where, and with which API token (its id); both are empty at the command line."""

    name: str
    source_address: str = ""
    token: str = ""


@dataclass(frozen=True)
class Event:
    """One thing that happened. `about` is a digest, a key or a name; `actor` a user, the operator or a device key.

    `token` is the id of the API token that a user worked with; `before` and `after` say what a change changed.
    """

    at: datetime
    kind: str
    security: bool
    actor: str
    source_address: str
    about: str
    detail: str
    program: str | None = None
    person: str | None = None
    token: str = ""
    before: str = ""
    after: str = ""


def add(db: Connection, event: Event) -> None:
    """Store an event, inside a transaction; of security events that are alike those after `MOST_ALIKE` are counted."""
    if event.security and _alike(db, event) >= MOST_ALIKE:
        last = Again(event.kind, event.about, event.actor, event.source_address, event.program, event.person)
        repeated.count(db, last, event.at)
    else:
        append(db, event)


def append(db: Connection, event: Event) -> None:
    """Store an event, inside a transaction, however many are like it."""
    position = log.append(db, log.EVENT, statement(event)).position
    db.execute(_INSERT, _values(event, position))


def add_all(db: Connection, many: Sequence[Event]) -> None:
    """Store many events of administrators, inside a transaction, in their order."""
    first = log.append_all(db, log.EVENT, [statement(event) for event in many])
    db.executemany(_INSERT, [_values(event, position) for position, event in enumerate(many, first)])


_INSERT: Final = (
    "INSERT INTO event (at, kind, security, actor, source_address, program, person, about, detail, position,"
    " token, value_before, value_after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _values(event: Event, position: int) -> tuple[object, ...]:
    return (
        to_text(event.at), event.kind, int(event.security), event.actor, event.source_address, event.program,
        event.person, event.about, event.detail, position, event.token, event.before, event.after,
    )  # fmt: skip


def note(
    db: Connection,
    now: datetime,
    kind: str,
    by: By,
    about: str,
    detail: str = "",
    *,
    program: str | None = None,
    person: str | None = None,
    before: str = "",
    after: str = "",
) -> None:
    """Store that somebody changed something, inside the transaction of the change."""
    add(
        db,
        Event(now, kind, False, by.name, by.source_address, about, detail, program, person, by.token, before, after),
    )


def statement(event: Event) -> bytes:
    """Return what stands in the log for an event, without what is empty of the last three: older events had none."""
    later = {"token": event.token, "before": event.before, "after": event.after}
    members = {
        "event": event.kind,
        "at": to_text(event.at),
        "security": event.security,
        "actor": event.actor,
        "source_address": event.source_address,
        "program": event.program,
        "person": event.person,
        "about": event.about,
        "detail": event.detail,
        **{name: value for name, value in later.items() if value},
    }
    return serialize(members)


@dataclass(frozen=True)
class Wanted:
    """Which events somebody asks for; what is empty is not asked for. `since` and `until` are times (RFC 3339)."""

    kind: str = ""
    actor: str = ""
    program: str = ""
    security: bool = False
    since: str = ""
    until: str = ""


def numbered(
    db: Connection, scope: Scope, wanted: Wanted = Wanted(), *, limit: int, before: int | None = None
) -> list[tuple[int, Event]]:
    """Return events with their numbers, the latest first; `before` is the number at which the last page ended."""
    within, values = scope.condition("program")
    asked = {
        "kind = ?": wanted.kind,
        "actor = ?": wanted.actor,
        "program = ?": wanted.program,
        "security = ?": 1 if wanted.security else "",
        "at >= ?": wanted.since,
        "at < ?": wanted.until,
        "id < ?": "" if before is None else before,
    }
    conditions = {condition: value for condition, value in asked.items() if value != ""}
    sql = f"{_EVENTS} WHERE {' AND '.join([within, *conditions])} ORDER BY id DESC LIMIT ?"
    rows = db.execute(sql, (*values, *conditions.values(), limit))
    return [(row["id"], from_row(row)) for row in rows]


def in_order(db: Connection) -> Iterator[tuple[int, Event]]:
    """Yield all events with their places in the log, the oldest first."""
    for row in db.execute("SELECT * FROM event ORDER BY id"):
        yield row["position"], from_row(row)


def has_signed_in(db: Connection, name: str, source_address: str) -> bool:
    """Tell whether a user has ever signed in from an address."""
    sql = "SELECT 1 FROM event WHERE kind = 'signed-in' AND about = ? AND source_address = ? LIMIT 1"
    return db.execute(sql, (name, source_address)).fetchone() is not None


def kinds(db: Connection, scope: Scope) -> list[str]:
    """Return the kinds of events that there are."""
    within, values = scope.condition("event.program")
    return [row["kind"] for row in db.execute(_KINDS.format(within), values)]


def recent(db: Connection, *, limit: int, security_only: bool = False) -> list[Event]:
    """Return events of every program, the latest first."""
    found = numbered(db, Scope.everything(), Wanted(security=security_only), limit=limit)
    return [event for _, event in found]


def security_of_person(db: Connection, person: str, *, limit: int = 50) -> list[Event]:
    """Return what looked like an attack or a copied key around one person, the latest first."""
    rows = db.execute("SELECT * FROM event WHERE person = ? AND security = 1 ORDER BY id DESC LIMIT ?", (person, limit))
    return [from_row(row) for row in rows]


def security_of_device(db: Connection, kid: str, *, limit: int = 50) -> list[Event]:
    """Return what looked like an attack or a copied key under one device key, the latest first."""
    sql = "SELECT * FROM event WHERE actor = ? AND security = 1 ORDER BY id DESC LIMIT ?"
    return [from_row(row) for row in db.execute(sql, (kid, limit))]


def security_about(db: Connection, about: str) -> list[Event]:
    """Return the security events about one thing."""
    rows = db.execute("SELECT * FROM event WHERE about = ? AND security = 1 ORDER BY id DESC", (about,))
    return [from_row(row) for row in rows]


def happened(db: Connection, kind: str, about: str) -> bool:
    """Tell whether there is an event of this kind about this thing."""
    return one_or_none(db, "SELECT 1 FROM event WHERE kind = ? AND about = ? LIMIT 1", kind, about) is not None


def _alike(db: Connection, event: Event) -> int:
    sql = "SELECT COUNT(*) FROM event WHERE kind = ? AND about = ?"
    return int(db.execute(sql, (event.kind, event.about)).fetchone()[0])


def from_row(row: Row) -> Event:
    """Return the event in a row."""
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
        token=row["token"],
        before=row["value_before"],
        after=row["value_after"],
    )

"""What has been kept for longer than its program promises, and deleting it piece by piece.

The leaves of the log stay, as in `erasure`, and an event says which entries were deleted. A person of whom nothing is
left, and who was neither invited nor enrolled in all that time, goes as well, with name, number and keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from homecheck.collector.store import erasure, overview, tally
from homecheck.collector.store.database import Connection, one_or_none
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Person
from homecheck.standards.rfc_3339 import from_text, to_text

ACTOR: Final = By("retention")
BEFORE: Final = "received before "  # begins the detail of the event that tells of deleted checks
Kind = Literal["evidence", "callback", "person"]


@dataclass(frozen=True)
class Due:
    """What one program has kept for too long: checks, calls, and people of whom nothing newer is here."""

    program: str
    days: int
    evidence: int
    callbacks: int
    people: int

    @property
    def nothing(self) -> bool:
        """Whether everything is as promised."""
        return not (self.evidence or self.callbacks or self.people)


@dataclass(frozen=True)
class Piece:
    """Some rows of one kind, of one program, that are older than `limit`."""

    kind: Kind
    program: str
    limit: str
    ids: tuple[int | str, ...]


_OLD_PERSON: Final = """
    FROM person WHERE program = ? AND created_at < ?
    AND NOT EXISTS (SELECT 1 FROM evidence WHERE evidence.person = person.id AND evidence.received_at >= ?)
    AND NOT EXISTS (SELECT 1 FROM invite WHERE invite.person = person.id AND invite.expires_at >= ?)
    AND NOT EXISTS (SELECT 1 FROM device WHERE device.person = person.id AND device.enrolled_at >= ?)
    AND NOT EXISTS (SELECT 1 FROM callback WHERE callback.person = person.id AND callback.expires_at >= ?)
"""


_FIND: Final[Mapping[Kind, str]] = {
    "evidence": "SELECT position FROM evidence WHERE program = ? AND received_at < ? ORDER BY received_at LIMIT ?",
    "callback": "SELECT id FROM callback WHERE program = ? AND expires_at < ? ORDER BY id LIMIT ?",
    "person": f"SELECT id {_OLD_PERSON} ORDER BY id LIMIT ?",
}


def due(db: Connection, now: datetime) -> list[Due]:
    """Return what is due in each program, by its id."""
    rows = db.execute("SELECT id, retention_days FROM program ORDER BY id").fetchall()
    return [due_in(db, row["id"], row["retention_days"], now) for row in rows]


def due_in(db: Connection, program: str, days: int, now: datetime) -> Due:
    """Return what is due in one program, or would be if it kept things for so many days."""

    def count(sql: str) -> int:
        return int(db.execute(sql, (program, *[_limit(days, now)] * (sql.count("?") - 1))).fetchone()[0])

    return Due(
        program,
        days,
        count("SELECT COUNT(*) FROM evidence WHERE program = ? AND received_at < ?"),
        count("SELECT COUNT(*) FROM callback WHERE program = ? AND expires_at < ?"),
        count(f"SELECT COUNT(*) {_OLD_PERSON}"),
    )


def find_some(db: Connection, now: datetime, at_most: int) -> Piece | None:
    """Return up to `at_most` rows of one kind that are due; None when everything is as promised."""
    for row in db.execute("SELECT id, retention_days FROM program ORDER BY id").fetchall():
        program, limit = row["id"], _limit(row["retention_days"], now)
        for kind, sql in _FIND.items():
            values = (program, *[limit] * (sql.count("?") - 2), at_most)
            if found := tuple(one[0] for one in db.execute(sql, values)):
                return Piece(kind, program, limit, found)
    return None


def delete(db: Connection, piece: Piece, now: datetime) -> int:
    """Delete what was found, inside a transaction, unless somebody has come back since; return how many it were."""
    match piece.kind:
        case "evidence":
            return _delete_evidence(db, piece, now)
        case "callback":
            db.executemany("DELETE FROM callback WHERE id = ?", [(one,) for one in piece.ids])  # in no entry of the log
            return len(piece.ids)
        case "person":
            return sum(_delete_person(db, piece, str(one), now) for one in piece.ids)


def limit_told(detail: str) -> int | None:
    """Return before when checks were deleted, in Unix seconds, by the detail of an erasure; None: of another kind."""
    try:
        return int(from_text(detail.removeprefix(BEFORE).rpartition(": ")[0]).timestamp())
    except ValueError:
        return None


def _delete_evidence(db: Connection, piece: Piece, now: datetime) -> int:
    one = "SELECT position, person, kid FROM evidence WHERE position = ?"
    rows = [row for position in piece.ids if (row := one_or_none(db, one, position)) is not None]
    positions, whose = [int(row["position"]) for row in rows], {row["person"] for row in rows}
    db.executemany("DELETE FROM evidence WHERE position = ?", [(one,) for one in positions])  # and what hangs on it
    latest = "DELETE FROM device_latest WHERE kid = ? AND position = ?"  # nothing older is left of such a key
    db.executemany(latest, [(row["kid"], row["position"]) for row in rows])
    newest = "UPDATE person SET latest = (SELECT MAX(position) FROM evidence WHERE person = ?) WHERE id = ?"
    db.executemany(newest, [(person, person) for person in whose])
    with tally.kept(db, whose):
        for person in whose:
            if one_or_none(db, "SELECT 1 FROM person WHERE id = ? AND latest IS NULL", person):
                overview.forget(db, person)  # else lists would go on to tell what was in the check that is gone
    if positions:
        erasure.forget(db, sorted(positions), f"{BEFORE}{piece.limit}: {{}} checks".format, piece.program, ACTOR, now)
    return len(positions)


def _delete_person(db: Connection, piece: Piece, person: str, now: datetime) -> int:
    still = f"SELECT name {_OLD_PERSON} AND id = ?"
    row = one_or_none(db, still, piece.program, *[piece.limit] * 5, person)
    if row is None:
        return 0
    erasure.erase(db, Person(person, piece.program, row["name"]), ACTOR, now)
    return 1


def _limit(days: int, now: datetime) -> str:
    return to_text(now - timedelta(days=days))

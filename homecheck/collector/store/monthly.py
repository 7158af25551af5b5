"""All evidence of one month, by its id, deleted some at a time, on either engine; `dropped_month` drops a whole one.

As in `erasure`, the leaves of the log stay without their salts, and events say which entries were deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.store import events, months
from homecheck.collector.store.connection import Connection, marks
from homecheck.collector.store.erased_entries import ERASED, named, read_runs
from homecheck.collector.store.events import Event
from homecheck.collector.store.postgres import PostgresConnection

PURGED: Final = "month-purged"
PIECE: Final = 250  # checks in one transaction, where each is deleted by itself


@dataclass(frozen=True)
class Part:
    """Where the checks of one month are, called `gone`: in a table of their own, or among others between two ids."""

    table: str
    condition: str = "1 = 1"
    values: tuple[str, ...] = ()


def part(db: Connection, month: int) -> Part:
    """Return where the checks of a month are. Names and conditions are of this module and of `months`."""
    if is_table(db, month):
        return Part(f"evidence_{int(month)}")
    return Part("evidence", "gone.id >= ? AND gone.id < ?", _bounds(month))


def is_table(db: Connection, month: int) -> bool:
    """Tell whether a month is a table of its own."""
    return isinstance(db, PostgresConnection) and month in months.there(db.execute)


def by_program(db: Connection, month: int) -> dict[str, int]:
    """Return how many checks of a month there are, by program; nothing for a program without any."""
    its = part(db, month)
    sql = f"SELECT program, COUNT(*) FROM {its.table} AS gone WHERE {its.condition} GROUP BY program ORDER BY program"  # noqa: S608
    return {row[0]: row[1] for row in db.execute(sql, its.values)}


def last_ones(db: Connection, month: int) -> int:
    """Return how many people have their last check in a month, and an earlier one beside it in another."""
    first, end = _bounds(month)
    its = part(db, month)
    if not _may_be_last(db, its):
        return 0
    sql = (
        f"SELECT COUNT(*) FROM {its.table} AS gone JOIN person"  # noqa: S608
        f" ON person.id = gone.person AND person.latest = gone.position WHERE {its.condition}"
        " AND EXISTS (SELECT 1 FROM evidence AS other WHERE other.person = person.id"
        " AND (other.id < ? OR other.id >= ?))"
    )
    return int(db.execute(sql, (*its.values, first, end)).fetchone()[0])


def _may_be_last(db: Connection, its: Part) -> bool:
    """Tell whether anybody's last check can be in a month: of an old one that is soon answered, and mostly no."""
    sql = f"SELECT MIN(position), MAX(position) FROM {its.table} AS gone WHERE {its.condition}"  # noqa: S608
    found = db.execute(sql, its.values).fetchone()
    return db.execute("SELECT 1 FROM person WHERE latest BETWEEN ? AND ? LIMIT 1", tuple(found)).fetchone() is not None


def some(db: Connection, month: int) -> list[int]:
    """Return the places in the log of the next checks of a month."""
    sql = "SELECT position FROM evidence WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
    return [row[0] for row in db.execute(sql, (*_bounds(month), PIECE))]


def delete(db: Connection, month: int, positions: Sequence[int], by: str, now: datetime) -> list[str]:
    """Delete some checks of a month inside a transaction, and return the people whose last one was among them.

    These stand as before in lists until they are looked at again.
    """
    if not positions:
        return []
    these = f"IN ({marks(positions)})"
    latest = (
        "SELECT person.id FROM evidence JOIN person ON person.id = evidence.person"  # noqa: S608 - marks only
        f" AND person.latest = evidence.position WHERE evidence.position {these}"
    )
    keys = (
        "SELECT evidence.kid FROM evidence JOIN device_latest ON device_latest.kid = evidence.kid"  # noqa: S608
        f" AND device_latest.position = evidence.position WHERE evidence.position {these}"
    )
    people = [row[0] for row in db.execute(latest, positions)]
    held = [row[0] for row in db.execute(keys, positions)]
    db.execute(f"UPDATE log_entry SET salt = NULL WHERE position {these}", positions)  # noqa: S608
    db.execute(f"DELETE FROM evidence WHERE position {these}", positions)  # noqa: S608
    find_latest(db, people)
    find_latest_of_keys(db, held)
    events.add_all(db, told(named(sorted(positions)), month, by, now))
    return people


def find_latest(db: Connection, people: Sequence[str]) -> None:
    """Put right, inside a transaction, which check is the last of some hundred people; None where none is left."""
    if people:
        db.execute(
            "UPDATE person SET latest = (SELECT MAX(position) FROM evidence WHERE evidence.person = person.id)"  # noqa: S608
            f" WHERE id IN ({marks(people)})",
            people,
        )


def find_latest_of_keys(db: Connection, keys: Sequence[str]) -> None:
    """Put right, inside a transaction, which check is the last of some hundred keys; no row where none is left."""
    if keys:
        these = f"kid IN ({marks(keys)})"
        db.execute(f"DELETE FROM device_latest WHERE {these}", keys)  # noqa: S608 - marks only, here and below
        found = f"SELECT kid, MAX(position) FROM evidence WHERE {these} GROUP BY kid"  # noqa: S608
        db.execute(f"INSERT INTO device_latest {found}", keys)


def told(named: Iterable[tuple[str, int]], month: int, by: str, now: datetime) -> list[Event]:
    """Return the events that name entries, which belong to no program: what was beside them is gone too."""
    return [Event(now, ERASED, False, by, "", about, _detail(month)) for about, _ in named]


def note(db: Connection, month: int, found: dict[str, int], by: str, now: datetime) -> None:
    """Leave an event in each program that a month was deleted, inside a transaction."""
    about = written(month)
    made = [
        Event(now, PURGED, False, by, "", about, f"all checks of {about}, {number} when it began", program)
        for program, number in found.items()
    ]
    events.add_all(db, made)


def runs_told(db: Connection, month: int) -> list[tuple[int, int]]:
    """Return the runs of entries that events say were deleted with a month, ascending."""
    sql = "SELECT about FROM event WHERE kind = ? AND detail = ?"
    rows = db.execute(sql, (ERASED, _detail(month)))
    return sorted(run for row in rows for run in read_runs(row["about"]))


def written(month: int) -> str:
    """Return a month as people write it, like 2026-11."""
    return f"{month // 100:04}-{month % 100:02}"


def _bounds(month: int) -> tuple[str, str]:
    return months.first_id(month), months.first_id(months.following(month))


def _detail(month: int) -> str:
    return f"checks of {written(month)}"

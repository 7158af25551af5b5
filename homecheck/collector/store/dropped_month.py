"""A month that is a table of its own (PostgreSQL) is dropped in a moment in which nobody uploads or reads.

Which entries of the log these are is found out before; inside the moment it is enough to see that nothing has changed
since. What takes longer comes after it, some at a time, while others write: people and keys whose last check is gone,
and the salts of the entries. The events of the drop say which entries went, so whoever comes later can go on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.store import erased_entries, events, monthly, months
from homecheck.collector.store.connection import Connection, beside

Runs = Sequence[tuple[int, int]]  # of entries of the log: from the first to the last, ascending
SALTS_AT_ONCE: Final = 50_000  # in one transaction
# What is put together here is the name of a month's table.
_RUNS: Final = """
SELECT MIN(position), MAX(position) FROM
    (SELECT position, position - ROW_NUMBER() OVER (ORDER BY position) AS run FROM {table}) AS numbered
GROUP BY run ORDER BY 1
"""
_STATE: Final = "SELECT COUNT(*), SUM(position) FROM {table}"
# Those of one program and day count under the same numbers of the fleet page, so that few of these are written.
_PEOPLE: Final = "SELECT id, latest FROM person WHERE latest BETWEEN ? AND ? ORDER BY program, latest"
_KEYS: Final = "SELECT kid, position FROM device_latest WHERE position BETWEEN ? AND ? ORDER BY kid"


@dataclass(frozen=True)
class Seen:
    """A month as it was seen: the runs of its entries, and how many there are with which sum.

    Both stay the same only while nothing is added to it and nothing taken from it: what is added has a higher place
    than all before.
    """

    month: int
    runs: Runs
    state: tuple[int, int]


def look(db: Connection, month: int) -> Seen:
    """Return a month as it is at one moment; nobody waits for this."""
    runs = tuple((row[0], row[1]) for row in db.execute(_RUNS.format(table=_table(month))))
    many = [last - first + 1 for first, last in runs]
    return Seen(month, runs, (sum(many), sum(map(_sum, runs))))


def drop(db: Connection, seen: Seen, by: str, now: datetime) -> bool:
    """Drop a month inside a transaction that nobody else writes beside; tell whether it was as it was seen.

    Raises Held where others read it for longer than a moment.
    """
    if _state(db, seen.month) != seen.state:
        return False
    if seen.runs:
        events.add_all(db, monthly.told(erased_entries.named_runs(seen.runs), seen.month, by, now))
    months.drop(db.execute, seen.month)
    return True


def people_left(db: Connection, runs: Runs) -> list[str]:
    """Return the people who still stand by a check among these entries."""
    return _among(db, _PEOPLE, runs)


def keys_left(db: Connection, runs: Runs) -> list[str]:
    """Return the keys whose last check is among these entries."""
    return _among(db, _KEYS, runs)


def destroy_salts(db: Connection, runs: Runs) -> None:
    """Destroy the salts of these entries, as far as they are there."""
    for some in _pieces(runs):
        with beside(db):
            db.executemany("UPDATE log_entry SET salt = NULL WHERE position BETWEEN ? AND ? AND salt IS NOT NULL", some)


def _among(db: Connection, sql: str, runs: Runs) -> list[str]:
    if not runs:
        return []
    found = db.execute(sql, (runs[0][0], max(last for _, last in runs))).fetchall()
    at = [(row[0], bisect_right(runs, (row[1], float("inf"))) - 1, row[1]) for row in found]
    return [name for name, run, position in at if run >= 0 and position <= runs[run][1]]


def _pieces(runs: Runs) -> Iterator[list[tuple[int, int]]]:
    """Yield runs in pieces of at most `SALTS_AT_ONCE` entries; a longer run is parted."""
    piece: list[tuple[int, int]] = []
    room = SALTS_AT_ONCE
    for first, last in runs:
        at = first
        while at <= last:
            end = min(last, at + room - 1)
            piece.append((at, end))
            room -= end - at + 1
            at = end + 1
            if not room:
                yield piece
                piece, room = [], SALTS_AT_ONCE
    if piece:
        yield piece


def _sum(run: tuple[int, int]) -> int:
    first, last = run
    return (first + last) * (last - first + 1) // 2


def _state(db: Connection, month: int) -> tuple[int, int]:
    many, total = db.execute(_STATE.format(table=_table(month))).fetchone()
    return int(many), int(total or 0)


def _table(month: int) -> str:
    return f"evidence_{int(month)}"

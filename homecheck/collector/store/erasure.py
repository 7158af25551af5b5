"""Erasing one person: everything that is about them, and the salts of their entries in the log.

The leaves stay, so the log still verifies, and nobody can tell any more what they are of. An event says which entries
were erased, when and by whom; it names nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from homecheck.collector.store import events, tally
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.events import By, Event
from homecheck.collector.store.people import Person

ERASED: Final = "erased"
RUNS_NAMED: Final = 100  # of entries, by one event: an index of PostgreSQL takes no row of more than 2,704 bytes

_DELETE: Final = (  # findings and observations go with their evidence
    "DELETE FROM callback WHERE person = ?",
    "DELETE FROM waiver WHERE person = ?",
    "DELETE FROM invite WHERE person = ?",
    "DELETE FROM evidence WHERE person = ?",
    "DELETE FROM device WHERE person = ?",
    "DELETE FROM event WHERE person = ?",
    "DELETE FROM person WHERE id = ?",
)


def erase(db: Connection, who: Person, by: By, now: datetime) -> list[int]:
    """Erase a person from one program, inside a transaction, and return the entries of the log that were theirs."""
    found = db.execute(
        "SELECT position FROM evidence WHERE person = ? UNION SELECT position FROM event WHERE person = ?",
        (who.id, who.id),
    )
    positions = sorted(row[0] for row in found)
    with tally.kept(db, [who.id]):
        for statement in _DELETE:
            db.execute(statement, (who.id,))
    forget(db, positions, "all about one person: {} entries".format, who.program, by, now)
    return positions


def forget(
    db: Connection, positions: Sequence[int], detail: Callable[[int], str], program: str, by: By, now: datetime
) -> None:
    """Destroy the salts of entries whose rows are gone, and leave events that say so, inside a transaction.

    `detail` says what so many entries were.
    """
    db.executemany("UPDATE log_entry SET salt = NULL WHERE position = ?", [(position,) for position in positions])
    told = [
        Event(now, ERASED, False, by.name, by.source_address, about, detail(number), program, token=by.token)
        for about, number in named(positions)
    ]
    events.add_all(db, told)


def named(positions: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Yield what events name of positions, ascending, some runs each, with how many positions these are.

    Nothing is named once as well: somebody may be erased of whom the log holds nothing.
    """
    yield from named_runs(_runs(positions))


def named_runs(runs: Sequence[tuple[int, int]]) -> Iterator[tuple[str, int]]:
    """Yield the same of runs, each from its first position to its last."""
    for at in range(0, max(len(runs), 1), RUNS_NAMED):
        part = runs[at : at + RUNS_NAMED]
        yield _written(part), sum(last - first + 1 for first, last in part)


def read_runs(about: str) -> list[tuple[int, int]]:
    """Return the runs in ``0-3 7``. ValueError for what names none."""
    parts = (word.partition("-") for word in about.split())
    return [(int(first), int(last or first)) for first, _, last in parts]


def ranges(positions: Iterable[int]) -> str:
    """Return positions, ascending, as ``0-3 7 9-10``."""
    return _written(_runs(positions))


def _runs(positions: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for one in positions:
        if runs and runs[-1][1] == one - 1:
            runs[-1] = (runs[-1][0], one)
        else:
            runs.append((one, one))
    return runs


def _written(runs: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)

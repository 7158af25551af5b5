"""What was erased: the events that say so, held against the entries that have lost their salt, one for one.

An erasure takes the row and the salt of each of its entries, and leaves an event that names them. Half of that is none:
a salt without its row still tells what a leaf was of to whoever kept
a copy; a row without its salt is proven by nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from homecheck.collector.audit_defect import Defect
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.erased_entries import ERASED, read_runs

COUNTED: Final = "all about one person: "
OF_ERASED: Final = {  # what goes with its evidence
    "finding": "SELECT DISTINCT position FROM finding",
    "observation": "SELECT DISTINCT position FROM observation",
    "result": "SELECT DISTINCT position FROM result",
}
OF_PERSON: Final = {
    "callback": "SELECT id, person FROM callback ORDER BY id",
    "device": "SELECT kid, person FROM device ORDER BY kid",
    "evidence": "SELECT digest, person FROM evidence ORDER BY position",
    "invite": "SELECT code_sha256, person FROM invite ORDER BY code_sha256",
}


@dataclass(frozen=True)
class Erasures:
    """The runs of entries (first, last) that events say were erased, ascending, and what is wrong with the events."""

    runs: tuple[tuple[int, int], ...]
    defects: tuple[Defect, ...]

    @classmethod
    def of(cls, db: Connection) -> Erasures:
        """Read the events. One that makes no sense erases what it can mean, and is a defect."""
        runs: list[tuple[int, int]] = []
        defects: list[Defect] = []
        for row in db.execute("SELECT * FROM event WHERE kind = ? ORDER BY position", (ERASED,)).fetchall():
            what = f"event {row['id']} ({ERASED}, {row['at']})"
            try:
                found = _runs(row["about"], row["position"] or 0)
            except ValueError as error:
                defects.append(Defect("changed", what, f"it names no entries that can be: {error}", row["position"]))
                continue
            counted = sum(last - first + 1 for first, last in found)
            if row["detail"].startswith(COUNTED) and row["detail"] != f"{COUNTED}{counted} entries":
                message = f"it names {counted} entries and says {row['detail']!r:.80}"
                defects.append(Defect("changed", what, message, row["position"]))
            runs += found
        runs.sort()
        return cls(tuple(runs), (*defects, *_twice(runs)))

    def cover(self, position: int) -> bool:
        """Tell whether an event says that the entry was erased."""
        at = bisect_right(self.runs, (position, float("inf"))) - 1
        return at >= 0 and position <= self.runs[at][1]


def _runs(about: str, before: int) -> list[tuple[int, int]]:
    """Return the runs in ``0-3 7``, all `before` the event itself. ValueError for what is none."""
    found = read_runs(about)
    for first, last in found:
        if not 0 <= first <= last < before:
            raise ValueError(f"{first}-{last} is not before entry {before}")
    return found


def _twice(runs: Sequence[tuple[int, int]]) -> Iterator[Defect]:
    for (_, last), (first, _) in pairwise(runs):
        if first <= last:
            yield Defect("changed", f"entry {first}", "two events say that it was erased, which happens once", first)


def left_behind(db: Connection) -> Iterator[Defect]:
    """Yield what is still there of entries that were erased, and of people who are gone."""
    erased = {row[0] for row in db.execute("SELECT position FROM log_entry WHERE salt IS NULL")}
    for table, sql in OF_ERASED.items():
        for position in sorted(erased.intersection(row[0] for row in db.execute(sql))):
            yield Defect("inserted", f"{table} of entry {position}", "it is there, and the entry was erased", position)
    people = {row[0] for row in db.execute("SELECT id FROM person")}
    for table, sql in OF_PERSON.items():
        for name, person in db.execute(sql):
            if person not in people:
                yield Defect("inserted", f"{table} {name:.80}", "it is about a person who is not there")

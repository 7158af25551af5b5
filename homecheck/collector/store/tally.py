"""How many people stand how, kept with each change: the fleet page adds up some thousand numbers instead of everybody.

A person counts once under each kind of `GROUPS`, by the check received last, and once under each requirement that is
not plainly met (`CONCERN`; as `NEAR` too where the value is near its limit). The day is that of the receipt, in UTC.
`tally` has a number for each day, `tally_total` their sums: a check like the last one changes nothing there. All of it
follows from the tables `person` and `concern`, and can be counted anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from homecheck.collector.store.connection import Asked, Connection, insert_rows, marks
from homecheck.collector.store.overview import RANKS, Standing
from homecheck.collector.store.scope import Scope

DAY: Final = 86_400  # seconds
GROUPS: Final = ("link", "region", "hour", "system", "software")
CONCERN: Final = "concern"
NEAR: Final = "near"
AT_ONCE: Final = 200  # people in one statement

Cell = tuple[str, str, str, int, int]  # program, kind, name, rank, day
_WORDS: Final = {verdict.word: rank for verdict, rank in RANKS.items()}
_RANK: Final = " ".join(f"WHEN '{word}' THEN {rank}" for word, rank in _WORDS.items())
# Statements are put together here from words of this module, and from marks.
_STANDING: Final = (
    f"SELECT person.id, person.program, person.received / {DAY}, rank, {', '.join(GROUPS)},"  # noqa: S608
    f" concern.program, concern.received / {DAY}, verdict, quantity, margin IS NOT NULL"
    " FROM person LEFT JOIN concern ON concern.person = person.id"
)
_OF_PERSON: Final = 3 + len(GROUPS)  # columns behind the id that are the person's
_COLUMNS: Final = "program, kind, name, rank, day, people"
_KINDS: Final = (
    *((kind, f"CAST({kind} AS TEXT)", "rank", "person", "received IS NOT NULL") for kind in GROUPS),
    (CONCERN, "quantity", f"CASE verdict {_RANK} END", "concern", "1 = 1"),
    (NEAR, "quantity", f"CASE verdict {_RANK} END", "concern", "margin IS NOT NULL"),
)


def _counted(where: dict[str, str] | None = None) -> str:
    """Return what counts everybody; `where`: by table, a condition on whom to count."""
    return " UNION ALL ".join(
        f"SELECT program, '{kind}' AS kind, {name} AS name, {rank} AS rank, received / {DAY} AS day, COUNT(*) AS people"  # noqa: S608
        f" FROM {table} WHERE {condition} AND {(where or {}).get(table, '1 = 1')} GROUP BY 1, 3, 4, 5"
        for kind, name, rank, table, condition in _KINDS
    )


_COUNT: Final = _counted()
_AMONG: Final = "IN (SELECT id FROM leaving)"
_LEAVING: Final = _counted({"person": f"id {_AMONG}", "concern": f"person {_AMONG}"})
_TOTAL: Final = "program, kind, name, rank, people"
_SUM: Final = "SUM(CAST(people AS INTEGER))"  # PostgreSQL sums larger ones as numeric, slowly
_COUNT_TOTAL: Final = "SELECT program, kind, name, rank, SUM(people) FROM tally GROUP BY program, kind, name, rank"
_ADD_TOTAL: Final = (
    "ON CONFLICT (program, kind, name, rank) DO UPDATE SET people = tally_total.people + excluded.people"
)
_ADD: Final = "ON CONFLICT (program, kind, name, rank, day) DO UPDATE SET people = tally.people + excluded.people"


def first_moment(now: datetime, days: int) -> int:
    """Return when a period of so many days begins, in Unix seconds: today and the whole days before it, in UTC."""
    return (int(now.timestamp()) // DAY - days) * DAY


@dataclass(frozen=True)
class Alike:
    """People who have something in common: a kind of `GROUPS`, and a condition on the name that they have there."""

    kind: str = GROUPS[0]
    condition: str = "1 = 1"
    values: tuple[str, ...] = ()


@contextmanager
def kept(db: Connection, people: Collection[str], after: Stand | None = None) -> Iterator[None]:
    """Keep the numbers right while something inside changes how these people stand; all in one transaction.

    `after` is how they stand then, where that is known; else they are asked.
    """
    before = _ask(db, people)
    yield
    change = (after or _ask(db, people)()).less(before())
    insert_rows(db, f"tally ({_COLUMNS})", [(*cell, number) for cell, number in change.items()], _ADD)
    total = _without_day(change).items()  # nothing, where somebody stands as before and only the day is another
    insert_rows(db, f"tally_total ({_TOTAL})", [(*cell, number) for cell, number in total if number], _ADD_TOTAL)


def leave(db: Connection, people: Collection[str]) -> None:
    """Count people no more, inside a transaction, in which they come to stand as not checked.

    The server does it in two statements, however many numbers these people count under.
    """
    if not people:
        return
    leaving = f"WITH leaving (id) AS (VALUES {', '.join(['(?)'] * len(people))}), less AS ({_LEAVING})"
    # "WHERE": without it SQLite takes ON for that of a join.
    days = f"SELECT {_COLUMNS.replace('people', '-people')} FROM less WHERE 1 = 1"  # noqa: S608
    total = f"SELECT program, kind, name, rank, -{_SUM} FROM less WHERE 1 = 1 GROUP BY program, kind, name, rank"  # noqa: S608
    db.execute(f"{leaving} INSERT INTO tally ({_COLUMNS}) {days} {_ADD}", tuple(people))
    db.execute(f"{leaving} INSERT INTO tally_total ({_TOTAL}) {total} {_ADD_TOTAL}", tuple(people))


@dataclass(frozen=True)
class Stand:
    """How some people stand: program, day, rank and names by `GROUPS` of each, and program, day, verdict, requirement
    and whether it is near of each concern, with how many people that is so of."""

    people: Counter[tuple[Any, ...]]
    concerns: Counter[tuple[Any, ...]]

    def less(self, other: Stand) -> Counter[Cell]:
        """Return by how much each number differs from what `other` comes to."""
        people, concerns = Counter(self.people), Counter(self.concerns)
        people.subtract(other.people)
        concerns.subtract(other.concerns)
        return Stand(people, concerns).cells()

    def cells(self) -> Counter[Cell]:
        """Return the numbers; nothing for what comes to 0."""
        found: Counter[Cell] = Counter()
        for (program, day, rank, *names), number in self.people.items():
            if number:
                for kind, name in zip(GROUPS, names, strict=True):
                    found[program, kind, str(name), rank, day] += number
        for (program, day, verdict, quantity, near), number in self.concerns.items():
            for kind in (CONCERN, NEAR) if near else (CONCERN,):
                found[program, kind, quantity, _WORDS[verdict], day] += number
        return Counter({cell: number for cell, number in found.items() if number})


def after(standings: Iterable[Standing]) -> Stand:
    """Return how people stand once `overview.put_all` has put this, each person's check received last."""
    found = Stand(Counter(), Counter())
    for one in standings:
        seen, program = one.seen, one.person.program
        day = int(seen.received_at.timestamp()) // DAY
        found.people[program, day, RANKS[seen.verdict], *(getattr(seen, name) for name in GROUPS)] += 1
        for concern in seen.concerns:
            found.concerns[program, day, concern.verdict.word, concern.quantity, concern.margin is not None] += 1
    return found


def _ask(db: Connection, people: Collection[str]) -> Asked[Stand]:
    """Ask how these people stand now; of whom nothing was received does not."""
    everybody = list(people)
    parts = [everybody[at : at + AT_ONCE] for at in range(0, len(everybody), AT_ONCE)]
    with db.together():
        asked = [db.ask(f"{_STANDING} WHERE person.id IN ({marks(ids)})", ids) for ids in parts]

    def answer() -> Stand:
        rows = [tuple(row) for part in asked for row in part]
        standing = {who: tuple(of_person) for who, *of_person in (row[: _OF_PERSON + 1] for row in rows)}
        concerns = (row[_OF_PERSON + 1 :] for row in rows)
        return Stand(
            Counter(one for one in standing.values() if one[1] is not None),
            Counter(one for one in concerns if one[0] is not None),
        )

    return answer


def _without_day(cells: Counter[Cell]) -> Counter[tuple[str, str, str, int]]:
    found: Counter[tuple[str, str, str, int]] = Counter()
    for (program, kind, name, rank, _), number in cells.items():
        found[program, kind, name, rank] += number
    return found


def counts(db: Connection, scope: Scope, program: str, since: int) -> Counter[tuple[str, str, int]]:
    """Return how many people there are by kind, name and rank, of one program or of all in a scope.

    `since`: whose last check came on that day or later, in days since 1970; 0 is everybody.
    """
    table, conditions, values = _chosen(scope, program, since)
    sql = f"SELECT kind, name, rank, {_SUM} FROM {table} WHERE {conditions} GROUP BY program, kind, name, rank"  # noqa: S608
    found: Counter[tuple[str, str, int]] = Counter()
    for kind, name, rank, people in db.execute(sql, values):
        found[kind, name, rank] += int(people)
    return +found


def by_rank(db: Connection, scope: Scope, program: str, alike: Alike, since: int) -> Counter[int]:
    """Return how many of the people who have something in common were checked last on a day or later, by rank."""
    table, conditions, values = _chosen(scope, program, since)
    conditions += f" AND program IN (SELECT id FROM program) AND kind = ? AND {alike.condition}"  # noqa: S608
    values += [alike.kind, *alike.values]
    sql = f"SELECT rank, {_SUM} FROM {table} WHERE {conditions} GROUP BY rank"  # noqa: S608
    return Counter({rank: int(people) for rank, people in db.execute(sql, values) if people})


def by_program(db: Connection) -> list[tuple[str, int, int]]:
    """Return program, rank and how many people of it have that rank, of those who were checked."""
    sql = f"SELECT program, rank, {_SUM} FROM tally_total WHERE kind = ? GROUP BY program, rank"  # noqa: S608
    return [(program, rank, int(people)) for program, rank, people in db.execute(sql, (GROUPS[0],)) if people]


def _chosen(scope: Scope, program: str, since: int) -> tuple[str, str, list[Any]]:
    """Return the table to ask, conditions and their values."""
    within, programs = scope.condition("program")
    chosen = {"program = ?": program, "day >= ?": since}
    asked = {condition: value for condition, value in chosen.items() if value}
    return "tally" if since else "tally_total", " AND ".join([within, *asked]), [*programs, *asked.values()]


def wrong(db: Connection) -> int:
    """Return how many numbers are not those of a count of everybody; 0 is as it should be."""
    days: Counter[Cell] = Counter({tuple(cell): int(people) for *cell, people in db.execute(_COUNT)})
    return _differing(db, "tally", days) + _differing(db, "tally_total", _without_day(days))


def _differing(db: Connection, table: str, right: Counter[Any]) -> int:
    there = Counter({tuple(cell): people for *cell, people in db.execute(f"SELECT * FROM {table} WHERE people <> 0")})  # noqa: S608
    return sum(right[cell] != there[cell] for cell in right.keys() | there.keys())


def recount(db: Connection) -> int:
    """Count everybody anew, inside a transaction; return how many numbers were wrong."""
    if found := wrong(db):
        db.execute("DELETE FROM tally")
        db.execute("DELETE FROM tally_total")
        db.execute(f"INSERT INTO tally ({_COLUMNS}) {_COUNT}")
        db.execute(f"INSERT INTO tally_total ({_TOTAL}) {_COUNT_TOTAL}")
    return found


def tidy(db: Connection) -> None:
    """Remove numbers that have come to 0, as those of every past day do in time, inside a transaction."""
    db.execute("DELETE FROM tally WHERE people = 0")
    db.execute("DELETE FROM tally_total WHERE people = 0")

"""Everything of one kind, some rows at a time, for whoever takes it elsewhere. Memory holds `AT_A_TIME` rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from homecheck.collector.store.database import Connection, Row
from homecheck.collector.store.evidence import Summary, summary_of, with_unmet
from homecheck.collector.store.people import AT_A_TIME, Person

_SELECT: Final = (
    "SELECT person.id AS person_id, person.program AS program_id, person.name AS person_name,"
    " evidence.position, evidence.digest, evidence.received_at, evidence.verdict, evidence.freshness,"
    " evidence.policy_name, evidence.policy_version, evidence.clock_skew, evidence.kid"
)


def people(db: Connection, program: str = "") -> Iterator[list[tuple[Person, Summary | None]]]:
    """Yield all people, or those of one program, by id, each with the check received last."""
    last = ""
    while True:
        rows = db.execute(
            f"{_SELECT} FROM person LEFT JOIN evidence ON evidence.position = person.latest"
            " WHERE (? = '' OR person.program = ?) AND person.id > ? ORDER BY person.id LIMIT ?",
            (program, program, last, AT_A_TIME),
        ).fetchall()
        checks = _checks(db, rows)
        yield [(_person(row), checks.get(row["position"])) for row in rows]
        if len(rows) < AT_A_TIME:
            return
        last = rows[-1]["person_id"]


def evidence(db: Connection, program: str = "") -> Iterator[list[tuple[Person, Summary]]]:
    """Yield all evidence, or that of one program, in the order of its receipt."""
    last = -1
    while True:
        rows = db.execute(
            f"{_SELECT} FROM evidence JOIN person ON person.id = evidence.person"
            " WHERE (? = '' OR evidence.program = ?) AND evidence.position > ? ORDER BY evidence.position LIMIT ?",
            (program, program, last, AT_A_TIME),
        ).fetchall()
        checks = _checks(db, rows)
        yield [(_person(row), checks[row["position"]]) for row in rows]
        if len(rows) < AT_A_TIME:
            return
        last = rows[-1]["position"]


def _person(row: Row) -> Person:
    return Person(row["person_id"], row["program_id"], row["person_name"])


def _checks(db: Connection, rows: list[Row]) -> dict[int, Summary]:
    """Return the evidence in these rows, by its place in the log."""
    found = [summary_of(row) for row in rows if row["position"] is not None]
    return {one.position: one for one in with_unmet(db, found)}

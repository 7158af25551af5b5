"""How each person stands, beside their row: what lists sort and filter by, and what the fleet page counts.

Everything here follows from the evidence received last and the policy it was judged by; it is written with it, in the
same transaction, so that a list of a million people opens no envelope. Moments are Unix seconds: SQL adds to them.
Whoever changes how somebody stands does it within `tally.kept`, so that the fleet page's numbers go along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Final

from homecheck.appraisal import Verdict
from homecheck.collector.overview import Overview
from homecheck.collector.store.connection import ROWS_AT_ONCE, insert_rows, marks
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import Person

NOT_CHECKED: Final = 4  # the rank of somebody of whom nothing was received; the column's default
RANKS: Final = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.WARN: 2, Verdict.PASS: 3}  # worst first


# Failing since: from the first fail on, past checks that could not be decided, until one passes.
_AS_IT_WAS: Final = 0
_SINCE_THIS_ONE: Final = 1  # unless it failed before
_NO_MORE: Final = 2
_ANEW: Final = 3  # whatever was before
_COLUMNS: Final = 12
FORGOTTEN_AT_ONCE: Final = 200  # people in one statement
_NO_PLACE: Final = -1  # not None: in a list of them PostgreSQL would take it for a text


@dataclass(frozen=True)
class Standing:
    """What one check says of how a person stands; `position` is its place in the log where it came in just now."""

    person: Person
    seen: Overview
    position: int = _NO_PLACE


def put(db: Connection, person: Person, seen: Overview) -> None:
    """Put how a person stands in the place of what stood there, inside a transaction."""
    put_all(db, [Standing(person, seen)])


def put_all(db: Connection, standings: Sequence[Standing]) -> None:
    """Put how people stand in the place of what stood there, inside a transaction; in the order of their receipt."""
    latest = {one.person.id: one for one in standings}
    since = _failing_since(standings)
    rows = [_row(one, *since[person]) for person, one in latest.items()]
    for at in range(0, len(rows), ROWS_AT_ONCE):
        _update(db, rows[at : at + ROWS_AT_ONCE])
    db.execute(f"DELETE FROM concern WHERE person IN ({marks(tuple(latest))})", tuple(latest))  # noqa: S608 - marks only
    concerns = [
        (one.person.id, one.person.program, _received(one.seen), found.quantity, found.verdict.word, found.margin)
        for one in latest.values()
        for found in one.seen.concerns
    ]
    insert_rows(db, "concern (person, program, received, quantity, verdict, margin)", concerns)


def _failing_since(standings: Sequence[Standing]) -> dict[str, tuple[int, int]]:
    """Return for each person what becomes of the moment since when they fail: how it is set, and to what."""
    since: dict[str, tuple[int, int]] = {}
    for one in standings:
        how, at = since.get(one.person.id, (_AS_IT_WAS, 0))
        if one.seen.verdict <= Verdict.WARN:
            how, at = _NO_MORE, 0
        elif one.seen.verdict is Verdict.FAIL and how in (_AS_IT_WAS, _NO_MORE):
            how, at = (_SINCE_THIS_ONE if how == _AS_IT_WAS else _ANEW), _received(one.seen)
        since[one.person.id] = how, at
    return since


def _row(one: Standing, how: int, at: int) -> tuple[object, ...]:
    seen, received = one.seen, _received(one.seen)
    due = received + int(seen.recheck.total_seconds())
    return (
        one.person.id, one.position, RANKS[seen.verdict], received, due, seen.link, seen.region, seen.system,
        seen.software, seen.hour, how, at,
    )  # fmt: skip


def _received(seen: Overview) -> int:
    return int(seen.received_at.timestamp())


def _update(db: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Change many people with one statement; both engines call the columns of VALUES column1, column2 …"""
    places = ", ".join([f"({marks(range(_COLUMNS))})"] * len(rows))
    db.execute(
        "UPDATE person SET latest = CASE column2 WHEN -1 THEN latest ELSE column2 END,"  # noqa: S608 - marks only
        " rank = column3, received = column4, due = column5, link = column6,"
        " region = column7, system = column8, software = column9, hour = column10,"
        " failing_since = CASE column11 WHEN 0 THEN failing_since WHEN 1 THEN COALESCE(failing_since, column12)"
        f" WHEN 2 THEN NULL ELSE column12 END FROM (VALUES {places}) AS changed WHERE id = column1",
        tuple(chain.from_iterable(rows)),
    )


def forget(db: Connection, person_id: str) -> None:
    """Have somebody stand as one of whom nothing was received, inside a transaction."""
    forget_all(db, [person_id])


def forget_all(db: Connection, people: Sequence[str]) -> None:
    """Have people stand as those of whom nothing was received, inside a transaction."""
    for at in range(0, len(people), FORGOTTEN_AT_ONCE):
        whom = people[at : at + FORGOTTEN_AT_ONCE]
        db.execute(
            "UPDATE person SET rank = ?, received = NULL, due = NULL, link = '', region = '', system = '',"  # noqa: S608 - marks only
            f" software = '', hour = NULL, failing_since = NULL WHERE id IN ({marks(whom)})",
            (NOT_CHECKED, *whom),
        )
        db.execute(f"DELETE FROM concern WHERE person IN ({marks(whom)})", whom)  # noqa: S608


def new_recheck(db: Connection, program: str, recheck: timedelta) -> None:
    """Let every check of a program be due after `recheck`, counted from its receipt, inside a transaction."""
    seconds = int(recheck.total_seconds())
    db.execute(
        "UPDATE person SET due = received + ? WHERE program = ? AND received IS NOT NULL AND due <> received + ?",
        (seconds, program, seconds),
    )

"""Since when somebody fails, and what lists know of them: for many checks at once as for one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.appraisal import Verdict
from homecheck.collector.overview import Concern, Overview
from homecheck.collector.store import overview, people, programs
from homecheck.collector.store.connection import Connection, transaction
from homecheck.collector.store.database import Database
from homecheck.collector.store.overview import Standing
from homecheck.collector.store.people import Person
from homecheck.collector.store.programs import PolicyVersion, Program
from homecheck.policy import parse_policy
from tests.people import POLICY_TEXT

BEGIN = datetime(2026, 7, 1, 12, tzinfo=UTC)
PASS, WARN, UNDECIDED, FAIL = Verdict.PASS, Verdict.WARN, Verdict.INCONCLUSIVE, Verdict.FAIL
ANNA, BO = Person("a", "support", "Anna"), Person("b", "support", "Bo")

# What came before, what comes now (at minute 10, 20 …), and the minute since which the person then fails.
COURSES = {
    "a first fail": ([], [FAIL], 10),
    "a second fail": ([], [FAIL, FAIL], 10),
    "a pass behind it": ([], [FAIL, PASS], None),
    "a fail behind a pass": ([], [PASS, FAIL], 20),
    "undecided behind a fail": ([], [FAIL, UNDECIDED], 10),
    "undecided alone": ([], [UNDECIDED], None),
    "a remark between two": ([], [FAIL, WARN, FAIL], 30),
    "failing before": ([FAIL], [FAIL], 0),
    "failing before, then undecided": ([FAIL], [UNDECIDED], 0),
    "failing before, undecided, then a fail": ([FAIL], [UNDECIDED, FAIL], 0),
    "failing before, then a pass": ([FAIL], [PASS], None),
    "failing before, then a pass and a fail": ([FAIL], [PASS, UNDECIDED, FAIL, FAIL], 30),
    "failing before, then two ends": ([FAIL], [PASS, FAIL, WARN], None),
}


@pytest.fixture(scope="module")
def db(new_database: Callable[[Path], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with closing(new_database(tmp_path_factory.mktemp("standings")).create()) as made:
        with transaction(made):
            policy = PolicyVersion(0, BEGIN, "a test", parse_policy(POLICY_TEXT, "a test"))
            programs.add(made, Program("support", "Support", "", 180, BEGIN, policy))
            for person in (ANNA, BO):
                people.add_person(made, person, BEGIN)
        yield made


def standing(verdict: Verdict, minute: int, *, person: Person = ANNA) -> Standing:
    concerns = () if verdict is PASS else (Concern(f"network.{minute}", verdict, 0.05), Concern("b", WARN))
    seen = Overview(
        verdict, BEGIN + timedelta(minutes=minute), timedelta(days=30), "ethernet", "SE-ÅB", "Linux", "1", 9, concerns
    )
    return Standing(person, seen, position=minute)


def stands(db: Connection, person: Person = ANNA) -> tuple[object, ...]:
    columns = "latest, rank, received, due, link, region, system, software, hour, failing_since"
    row = db.execute(f"SELECT {columns} FROM person WHERE id = ?", (person.id,)).fetchone()
    concerns = db.execute("SELECT * FROM concern WHERE person = ? ORDER BY quantity", (person.id,)).fetchall()
    return (*row, *(tuple(one) for one in concerns))


@pytest.mark.parametrize(("before", "now", "minute"), COURSES.values(), ids=COURSES)
def test_since_when_somebody_fails(
    db: Connection, before: list[Verdict], now: list[Verdict], minute: int | None
) -> None:
    checks = [standing(verdict, 10 * at) for at, verdict in enumerate(now, 1)]
    found = []
    for parts in ([checks], [[one] for one in checks]):  # all at once, and one after the other
        with transaction(db):
            overview.forget(db, ANNA.id)
            for verdict in before:
                overview.put_all(db, [standing(verdict, 0)])
            for part in parts:
                overview.put_all(db, part)
        found.append(stands(db))
    assert found[0] == found[1]
    expected = None if minute is None else int(BEGIN.timestamp()) + 60 * minute
    assert found[0][9] == expected
    assert found[0][0] == 10 * len(now)
    assert len(found[0]) == 10 + (0 if now[-1] is PASS else 2)


def test_people_of_one_batch_do_not_mix(db: Connection) -> None:
    with transaction(db):
        for person in (ANNA, BO):
            overview.forget(db, person.id)
        overview.put_all(
            db, [standing(FAIL, 1), standing(PASS, 2, person=BO), standing(FAIL, 3), standing(FAIL, 4, person=BO)]
        )
    second = int(BEGIN.timestamp())
    assert (stands(db)[0], stands(db)[9]) == (3, second + 60)
    assert (stands(db, BO)[0], stands(db, BO)[9]) == (4, second + 240)


def test_more_than_fit_into_one_statement_are_all_written(db: Connection) -> None:
    many = [Person(f"p{number}", "support", f"P {number}") for number in range(70)]
    with transaction(db):
        for person in many:
            people.add_person(db, person, BEGIN)
        overview.put_all(db, [standing(FAIL, 5, person=person) for person in many])
    assert {stands(db, person)[0] for person in many} == {5}


def test_an_appraisal_anew_leaves_the_place_in_the_log(db: Connection) -> None:
    with transaction(db):
        overview.put_all(db, [standing(PASS, 7)])
        overview.put(db, ANNA, standing(FAIL, 7).seen)
    assert stands(db)[:2] == (7, 0)

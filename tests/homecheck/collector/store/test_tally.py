"""The numbers of the fleet page, kept with each change, are those of a recount, whatever happens to people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homecheck.appraisal import Verdict
from homecheck.collector.overview import Concern, Overview
from homecheck.collector.store import erasure, overview, people, programs, tally
from homecheck.collector.store.connection import Connection, transaction
from homecheck.collector.store.database import Database
from homecheck.collector.store.events import By
from homecheck.collector.store.fleet import Fleet, fleet
from homecheck.collector.store.people import Person
from homecheck.collector.store.programs import PolicyVersion, Program
from homecheck.collector.store.scope import Scope
from homecheck.policy import parse_policy
from tests.people import POLICY_TEXT

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 7, 1, tzinfo=UTC)
EVERY = Scope.everything()
PROGRAMS = ("sales", "support")
PEOPLE = [Person(f"person-{number}", PROGRAMS[number % 2], f"Person {number}") for number in range(5)]
VERDICTS = tuple(Verdict)
Shown = tuple[dict[str, int], dict[str, Any], dict[str, Any]]  # verdicts, requirements, groups


@pytest.fixture(scope="module")
def db(new_database: Callable[[Path], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A database with two programs and nobody in them."""
    policy = PolicyVersion(0, NOW, "a test", parse_policy(POLICY_TEXT, "a test"))
    with closing(new_database(tmp_path_factory.mktemp("tally")).create()) as made:
        with transaction(made):
            for one in PROGRAMS:
                programs.add(made, Program(one, one, "", 180, NOW, policy))
        yield made


@pytest.fixture(autouse=True)
def nobody(db: Connection) -> None:
    """Begin with nobody."""
    clear(db)


def clear(db: Connection) -> None:
    with transaction(db):
        for table in ("concern", "person", "tally", "tally_total"):
            db.execute(f"DELETE FROM {table}")
        for one in PEOPLE:
            people.add_person(db, one, NOW)


def check(db: Connection, who: Person, seen: Overview) -> None:
    with transaction(db), tally.kept(db, [who.id]):
        overview.put(db, who, seen)


def seen(verdict: Verdict = Verdict.FAIL, days_ago: float = 1, *concerns: Concern, **home: Any) -> Overview:
    texts = {"link": "ethernet", "region": "SE-AB", "system": "Linux", "software": "1.0", "hour": 9, **home}
    return Overview(verdict, NOW - timedelta(days=days_ago), timedelta(days=30), concerns=concerns, **texts)


def test_who_stands_as_never_checked_counts_no_more_and_others_as_before(db: Connection) -> None:
    first, second, third, *_ = PEOPLE
    near = Concern("network.loss", Verdict.WARN, 0.05)
    check(db, first, seen(Verdict.FAIL, 1, near, Concern("room.noise", Verdict.FAIL, None)))
    check(db, second, seen(Verdict.PASS, 2, link="wifi"))
    check(db, third, seen(Verdict.FAIL, 1, near))  # in the same numbers as the first
    with transaction(db):
        tally.leave(db, [])
        tally.leave(db, [first.id, second.id, PEOPLE[4].id])  # of the last one nothing was ever received
        overview.forget_all(db, [first.id, second.id, PEOPLE[4].id])
    assert tally.wrong(db) == 0
    assert tally.by_program(db) == [("sales", 0, 1)]
    rows = db.execute("SELECT kind, name, rank, people FROM tally WHERE people <> 0 ORDER BY kind").fetchall()
    assert [tuple(row) for row in rows] == [
        ("concern", "network.loss", 2, 1), ("hour", "9", 0, 1), ("link", "ethernet", 0, 1),
        ("near", "network.loss", 2, 1), ("region", "SE-AB", 0, 1), ("software", "1.0", 0, 1), ("system", "Linux", 0, 1),
    ]  # fmt: skip


def counted_slowly(db: Connection, program: str = "", days: int = 0) -> Shown:
    """Return what the page shows, by a look at every row."""
    since = (MIDNIGHT - timedelta(days=days)).timestamp() if days else 0
    words = {0: "fail", 1: "inconclusive", 2: "warn", 3: "pass"}
    rows = [
        row
        for row in db.execute("SELECT * FROM person").fetchall()
        if row["received"] is not None and row["received"] >= since and program in ("", row["program"])
    ]
    verdicts = Counter(words[row["rank"]] for row in rows)
    groups: dict[str, Any] = {}
    for kind in ("link", "region", "hour", "system", "software"):
        names = {str(row[kind]) for row in rows}
        groups[kind] = {
            name: tuple(
                sum(str(row[kind]) == name and row["rank"] in ranks for row in rows)
                for ranks in ((0, 1, 2, 3), (0,), (1,))
            )
            for name in names
        }
    ids = {row["id"] for row in rows}
    concerns = [row for row in db.execute("SELECT * FROM concern").fetchall() if row["person"] in ids]
    requirements = {
        quantity: (
            *(sum(row["quantity"] == quantity and row["verdict"] == word for row in concerns)
              for word in ("fail", "inconclusive", "warn")),
            sum(row["quantity"] == quantity and row["margin"] is not None for row in concerns),
        )
        for quantity in {row["quantity"] for row in concerns}
    }  # fmt: skip
    return dict(verdicts), requirements, groups


def shown(found: Fleet) -> Shown:
    """Return the same of the page's numbers."""
    requirements = {one.quantity: (one.failed, one.inconclusive, one.warned, one.near) for one in found.requirements}
    groups = {
        kind: {one.name: (one.people, one.failed, one.inconclusive) for one in its}
        for kind, its in found.groups.items()
    }
    return found.verdicts, requirements, groups


concerns = st.lists(
    st.builds(
        Concern,
        st.sampled_from(("network.download", "room.noise", "ü")),
        st.sampled_from(VERDICTS),
        st.sampled_from((None, 0.0, -0.05)),
    ),
    max_size=3,
    unique_by=lambda one: one.quantity,
)
checks = st.builds(
    lambda verdict, days, found, home: seen(verdict, days, *found, **home),
    st.sampled_from(VERDICTS),
    st.sampled_from((0.0, 0.5, 0.500001, 7.0, 7.499, 7.51, 30.0, 90.6)),
    concerns,
    st.fixed_dictionaries(
        {
            "link": st.sampled_from(("ethernet", "wifi", "")),
            "region": st.sampled_from(("SE-AB", "ES", "")),
            "system": st.sampled_from(("Linux", "", "ü")),
            "hour": st.integers(0, 23),
        }
    ),
)
changes = st.lists(
    st.tuples(st.sampled_from(("check", "upload", "upload", "forget", "erase")), st.integers(0, 4), checks), max_size=25
)


def change(db: Connection, what: str, who: Person, found: Overview) -> None:
    if people.person(db, who.id) is None:
        people.add_person(db, who, NOW)
    if what == "check":
        check(db, who, found)
    elif what == "upload":  # what comes of it is told, and not asked
        one = overview.Standing(who, found)
        with transaction(db), db.together(), tally.kept(db, [who.id], tally.after([one])):
            overview.put_all(db, [one])
    elif what == "forget":
        with transaction(db), tally.kept(db, [who.id]):
            overview.forget(db, who.id)
    else:
        with transaction(db):
            erasure.erase(db, who, By("a test"), NOW)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_what_is_kept_is_what_a_slow_count_finds(db: Connection, many: list[tuple[str, int, Overview]]) -> None:
    clear(db)
    for what, number, found in many:
        change(db, what, PEOPLE[number], found)
    for program in ("", *PROGRAMS):
        for days in (0, 7, 30, 90):
            assert shown(fleet(db, EVERY, NOW, program, days)) == counted_slowly(db, program, days)
    with transaction(db):
        assert tally.recount(db) == 0


def test_a_period_is_of_whole_days_in_utc(db: Connection) -> None:
    check(db, PEOPLE[0], seen(days_ago=7.5))  # at midnight, when the period begins
    check(db, PEOPLE[1], seen(days_ago=7.501))
    assert fleet(db, EVERY, NOW, days=7).people == 1
    assert fleet(db, EVERY, NOW).people == 2


def test_people_who_change_together_are_counted_together(db: Connection) -> None:
    with transaction(db), tally.kept(db, [one.id for one in PEOPLE]):
        for one in PEOPLE:
            overview.put(db, one, seen(Verdict.WARN))
            overview.put(db, one, seen(Verdict.FAIL))
    assert fleet(db, EVERY, NOW).verdicts == {"fail": 5}


def test_a_change_that_is_undone_leaves_the_numbers(db: Connection) -> None:
    check(db, PEOPLE[0], seen(Verdict.PASS))

    def fails() -> None:
        with transaction(db), tally.kept(db, [PEOPLE[0].id]):
            overview.put(db, PEOPLE[0], seen(Verdict.FAIL))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert fleet(db, EVERY, NOW).verdicts == {"pass": 1}


def test_the_same_check_again_writes_nothing(db: Connection) -> None:
    check(db, PEOPLE[0], seen(Verdict.FAIL, 1, Concern("room.noise", Verdict.FAIL, -0.05)))
    with transaction(db):
        db.execute("UPDATE tally SET people = people + 10")
        db.execute("UPDATE tally_total SET people = people + 10")
    check(db, PEOPLE[0], seen(Verdict.FAIL, 1, Concern("room.noise", Verdict.FAIL, -0.01)))
    assert {row[0] for row in db.execute("SELECT people FROM tally UNION SELECT people FROM tally_total")} == {11}


def test_a_recount_says_how_many_numbers_were_wrong_and_mends_them(db: Connection) -> None:
    check(db, PEOPLE[0], seen(Verdict.FAIL, 1, Concern("room.noise", Verdict.FAIL)))
    with transaction(db):
        db.execute("UPDATE tally SET people = 7 WHERE kind = 'link'")
        db.execute("DELETE FROM tally WHERE kind = 'hour'")
        db.execute("INSERT INTO tally VALUES ('sales', 'link', 'wifi', 0, 20000, 3)")
        db.execute("UPDATE tally_total SET people = 2 WHERE kind IN ('concern', 'system')")
    with transaction(db):
        assert tally.recount(db) == 5
    assert shown(fleet(db, EVERY, NOW)) == counted_slowly(db)
    with transaction(db):
        assert tally.recount(db) == 0


def test_numbers_that_came_to_nothing_are_removed(db: Connection) -> None:
    check(db, PEOPLE[0], seen(days_ago=40))
    check(db, PEOPLE[0], seen(days_ago=1))
    days = "SELECT COUNT(DISTINCT day) FROM tally"
    assert db.execute(days).fetchone()[0] == 2
    with transaction(db):
        tally.tidy(db)
    assert db.execute(days).fetchone()[0] == 1
    assert fleet(db, EVERY, NOW).people == 1

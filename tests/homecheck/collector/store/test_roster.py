"""The list of people and the counts of the fleet, on both engines, with rows whose answers are known by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from homecheck.appraisal import Verdict
from homecheck.collector.overview import Concern, Overview
from homecheck.collector.store import fleet, mail, overview, people, programs, roster, tally
from homecheck.collector.store.connection import Connection, transaction
from homecheck.collector.store.database import Database
from homecheck.collector.store.people import Invite, Person
from homecheck.collector.store.programs import PolicyVersion, Program
from homecheck.collector.store.roster import ORDERS, Filter
from homecheck.collector.store.scope import Scope
from homecheck.policy import parse_policy
from tests.people import POLICY_TEXT

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVERY = Scope.everything()


@dataclass
class Office:
    """A database with people."""

    db: Connection

    def names(self, order: str = "worst", **wanted: str) -> list[str]:
        rows = roster.people(self.db, EVERY, Filter(**wanted), NOW, ORDERS[order], limit=100)
        return [row.person.name for row in rows]

    def check(self, name: str, verdict: Verdict, days_ago: float, *concerns: Concern, **home: str) -> None:
        texts = {"link": "ethernet", "region": "SE-AB", "system": "Linux", "software": "1.0", **home}
        seen = Overview(verdict, NOW - days_ago * DAY, 30 * DAY, hour=9, concerns=concerns, **texts)
        with transaction(self.db), tally.kept(self.db, [name]):
            overview.put(self.db, Person(name, "sales" if name == "Bo" else "support", name), seen)


NewDatabase = Callable[[Path], Database]


@pytest.fixture(scope="module")
def house(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office that nobody changes."""
    with closing(new_database(tmp_path_factory.mktemp("house")).create()) as db:
        yield furnished(db)


@pytest.fixture
def office(new_database: NewDatabase, tmp_path: Path) -> Iterator[Office]:
    """An office of a test's own."""
    with closing(new_database(tmp_path).create()) as db:
        yield furnished(db)


def furnished(db: Connection) -> Office:
    """Anna and Bo pass, Cy fails since two checks, Dee is undecided; Eve is invited, Finn's invitation has lapsed."""
    policy = PolicyVersion(0, NOW, "a test", parse_policy(POLICY_TEXT, "a test"))
    made = Office(db)
    with transaction(db):
        for program in ("support", "sales"):
            programs.add(db, Program(program, program.title(), "", 180, NOW, policy))
        for name in ("Anna", "Bo", "Cy", "Dee", "Eve", "Finn"):
            person = Person(name, "sales" if name == "Bo" else "support", name)
            people.add_person(db, person, NOW)
            ends = NOW - DAY if name == "Finn" else NOW + DAY
            if name in ("Eve", "Finn"):
                people.add_invite(db, Invite(name, person, ends, None, None), NOW - 3 * DAY, "ada")
    made.check("Anna", Verdict.PASS, 40, Concern("network.download", Verdict.PASS, 0.04))
    made.check("Bo", Verdict.PASS, 2, link="wifi", region="ES-MD")
    made.check("Cy", Verdict.FAIL, 20, Concern("network.download", Verdict.FAIL))
    made.check("Cy", Verdict.FAIL, 10, Concern("network.download", Verdict.FAIL, -0.05), link="wifi")
    made.check("Dee", Verdict.INCONCLUSIVE, 1, Concern("room.noise", Verdict.INCONCLUSIVE), region="")
    return made


def test_each_order_is_what_it_says(house: Office) -> None:
    assert house.names("worst") == ["Cy", "Dee", "Anna", "Bo", "Eve", "Finn"]
    assert house.names("name") == ["Anna", "Bo", "Cy", "Dee", "Eve", "Finn"]
    assert house.names("latest") == ["Dee", "Bo", "Cy", "Anna"]
    assert house.names("due") == ["Anna", "Cy", "Bo", "Dee"]
    assert house.names("failing") == ["Cy"]


@pytest.mark.parametrize("order", list(ORDERS))
def test_pages_of_one_hold_everybody_once_in_order(house: Office, order: str) -> None:
    found, behind = [], ()
    while rows := roster.people(house.db, EVERY, Filter(), NOW, ORDERS[order], behind=behind, limit=1):
        found.append(rows[0].person.name)
        behind = rows[0].place
    assert found == house.names(order)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"verdict": "fail"}, ["Cy"]),
        ({"verdict": "none"}, ["Eve", "Finn"]),
        ({"verdict": "nonsense"}, []),
        ({"program": "sales"}, ["Bo"]),
        ({"program": "nonsense"}, []),
        ({"state": "overdue"}, ["Anna"]),
        ({"state": "waiting"}, ["Eve"]),
        ({"state": "lapsed"}, ["Finn"]),
        ({"state": "nonsense"}, []),
        ({"link": "wifi"}, ["Cy", "Bo"]),
        ({"region": "ES"}, ["Bo"]),
        ({"region": "ES-MD"}, ["Bo"]),
        ({"region": "E"}, []),
        ({"region": "unknown"}, ["Dee", "Eve", "Finn"]),
        ({"name": "AN"}, ["Anna"]),
        ({"name": "%"}, []),
        ({"name": "_"}, []),
        ({"name": "!"}, []),
        ({"hour": "9", "verdict": "pass"}, ["Anna", "Bo"]),
        ({"hour": "unknown"}, []),
        ({"hour": "0"}, []),
        ({"days": "7"}, ["Dee", "Bo"]),
        ({"quantity": "network.download", "outcome": "fail"}, ["Cy"]),
        ({"quantity": "network.download", "outcome": "near"}, ["Cy", "Anna"]),
        ({"quantity": "room.noise", "outcome": "inconclusive"}, ["Dee"]),
        ({"quantity": "room.noise"}, []),
        ({"system": "Linux", "software": "1.0", "link": "wifi", "verdict": "fail"}, ["Cy"]),
    ],
)
def test_a_filter_lets_through_whom_it_names(house: Office, wanted: dict[str, str], names: list[str]) -> None:
    assert house.names(**wanted) == names


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("looked_at", [1, 2, 5_000])
def test_a_page_is_the_same_whether_few_are_looked_at_first_or_everybody_is_sorted(
    house: Office, order: str, looked_at: int
) -> None:
    filters = (
        {"link": "wifi"}, {"region": "SE"}, {"state": "overdue"}, {"state": "waiting"}, {"state": "lapsed"},
        {"verdict": "fail", "state": "lapsed"}, {"verdict": "none", "state": "waiting"}, {"name": "a"}, {"days": "15"},
        {"program": "support", "hour": "9"}, {"program": "support"}, {"verdict": "pass"},
        {"program": "support", "verdict": "fail"}, {"quantity": "network.download", "outcome": "near"},
    )  # fmt: skip
    for wanted in (Filter(**fields) for fields in filters):
        for limit in (1, 2):
            everybody = paged(house, wanted, order, limit, looked_at=0)
            assert paged(house, wanted, order, limit, looked_at=looked_at) == everybody, wanted
            assert sorted(everybody) == sorted(set(everybody))


def paged(house: Office, wanted: Filter, order: str, limit: int, *, looked_at: int) -> list[str]:
    """Return the names on all pages of a list."""
    found: list[str] = []
    behind: tuple[Any, ...] = ()
    while rows := roster.people(
        house.db, EVERY, wanted, NOW, ORDERS[order], behind=behind, limit=limit, looked_at=looked_at
    ):
        found += [row.person.name for row in rows]
        behind = rows[-1].place
    return found


def test_whose_invitation_waits_for_the_morning_is_invited_and_has_not_let_it_lapse(office: Office) -> None:
    leaves = NOW + timedelta(hours=9)
    finn = people.person(office.db, "Finn")
    assert finn is not None
    assert office.names(state="lapsed") == ["Finn"]
    with transaction(office.db):
        mail.put(office.db, mail.Letter("letter_1", "invitation", finn, NOW, "ada", "", 0, leaves, "waiting", ""))
    assert (office.names(state="waiting"), office.names(state="lapsed")) == (["Eve", "Finn"], [])
    found = roster.counts(office.db, EVERY, Filter(), NOW).states
    assert (found["waiting"], found["lapsed"]) == (2, 0)
    (row,) = roster.people(office.db, EVERY, Filter(name="finn"), NOW, ORDERS["name"], limit=2)
    assert (row.letter_at, row.invited_until) == (leaves, None)


def test_counts_leave_out_their_own_part_of_the_filter(house: Office) -> None:
    found = roster.counts(house.db, EVERY, Filter(verdict="fail"), NOW)
    assert found.verdicts == {"fail": 1, "inconclusive": 1, "pass": 2, "none": 2}
    assert found.total == 6
    assert found.states == {"overdue": 0, "waiting": 0, "lapsed": 0, "waived": 0}  # of those who fail
    everybody = roster.counts(house.db, EVERY, Filter(state="overdue"), NOW)
    assert everybody.verdicts == {"pass": 1}
    assert everybody.states == {"overdue": 1, "waiting": 1, "lapsed": 1, "waived": 0}


@pytest.mark.parametrize(
    "wanted",
    [
        {}, {"program": "sales"}, {"link": "wifi"}, {"link": "unknown"}, {"region": "ES"}, {"region": "SE-AB"},
        {"region": "unknown"}, {"region": "E"}, {"region": "%"}, {"hour": "9"}, {"hour": "unknown"},
        {"days": "7"}, {"days": "7", "link": "wifi", "program": "support"}, {"link": "wifi", "region": "SE"},
        {"name": "n"}, {"quantity": "network.download", "outcome": "near"}, {"state": "overdue"}, {"state": "waiting"},
        {"program": "nonsense"}, {"hour": "9", "days": "10"}, {"system": "Linux"},
    ],
)  # fmt: skip
def test_counts_are_as_many_as_the_list_has(house: Office, wanted: dict[str, str]) -> None:
    found = roster.counts(house.db, EVERY, Filter(**wanted), NOW)
    lists = {word: len(house.names(**wanted, verdict=word)) for word in roster.VERDICTS}
    assert found.verdicts == {word: number for word, number in lists.items() if number}
    if "state" not in wanted:
        assert found.states == {state: len(house.names(**wanted, state=state)) for state in roster.STATES}


@pytest.mark.parametrize("verdict", [*roster.VERDICTS, "nonsense"])
@pytest.mark.parametrize("more", [{}, {"name": "n"}, {"link": "unknown"}, {"link": "wifi", "region": "ES"}])
def test_states_of_a_verdict_are_as_many_as_the_list_has(house: Office, verdict: str, more: dict[str, str]) -> None:
    found = roster.counts(house.db, EVERY, Filter(verdict=verdict, **more), NOW)
    assert found.states == {state: len(house.names(verdict=verdict, state=state, **more)) for state in roster.STATES}


def since(office: Office, name: str) -> datetime | None:
    (row,) = roster.people(office.db, EVERY, Filter(name=name), NOW, ORDERS["name"], limit=2)
    return row.failing_since


def test_failing_since_is_the_first_fail_after_the_last_pass(office: Office) -> None:
    assert since(office, "Cy") == NOW - 20 * DAY
    office.check("Cy", Verdict.INCONCLUSIVE, 5)
    assert since(office, "Cy") == NOW - 20 * DAY  # what could not be decided ends nothing
    office.check("Cy", Verdict.FAIL, 4)
    assert since(office, "Cy") == NOW - 20 * DAY
    office.check("Cy", Verdict.WARN, 3)
    assert since(office, "Cy") is None
    office.check("Cy", Verdict.INCONCLUSIVE, 2)
    assert since(office, "Cy") is None
    office.check("Cy", Verdict.FAIL, 1)
    assert since(office, "Cy") == NOW - DAY


def test_what_was_of_concern_before_is_gone_after_the_next_check(office: Office) -> None:
    office.check("Cy", Verdict.PASS, 0)
    assert office.names(quantity="network.download", outcome="fail") == []


def test_another_policy_moves_when_checks_are_due(office: Office) -> None:
    policy = parse_policy(POLICY_TEXT.replace('version = "3"', 'version = "4"\nrecheck = "7d"'), "a test")
    with transaction(office.db):
        programs.publish(office.db, "support", PolicyVersion(0, NOW, "a test", policy))
    assert office.names(state="overdue") == ["Cy", "Anna"]  # 10 and 40 days ago; Bo is of another program


def test_erasing_somebody_takes_their_concerns_along(office: Office) -> None:
    with transaction(office.db):
        office.db.execute("DELETE FROM person WHERE id = ?", ("Cy",))
    assert office.db.execute("SELECT COUNT(*) FROM concern WHERE person = ?", ("Cy",)).fetchone()[0] == 0


def test_the_fleet_counts_everybody_who_was_checked_once(house: Office) -> None:
    found = fleet.fleet(house.db, EVERY, NOW)
    assert found.people == 4
    assert found.verdicts == {"fail": 1, "inconclusive": 1, "pass": 2}
    download, noise = found.requirements
    assert (download.quantity, download.failed, download.inconclusive, download.near) == ("network.download", 1, 0, 2)
    assert (noise.quantity, noise.failed, noise.inconclusive, noise.near) == ("room.noise", 0, 1, 0)
    assert [(one.name, one.people, one.failed) for one in found.groups["link"]] == [("ethernet", 2, 0), ("wifi", 2, 1)]
    assert found.groups["link"][1].share == 0.5
    assert [one.name for one in found.groups["region"]] == ["SE-AB", "", "ES-MD"]
    assert [(one.name, one.people) for one in found.groups["hour"]] == [("9", 4)]


def test_the_fleet_of_a_program_and_of_a_period(house: Office) -> None:
    assert fleet.fleet(house.db, EVERY, NOW, "sales").verdicts == {"pass": 1}
    assert fleet.fleet(house.db, EVERY, NOW, days=7).verdicts == {"inconclusive": 1, "pass": 1}
    assert fleet.fleet(house.db, EVERY, NOW, "nonsense").requirements == ()


def test_every_number_of_the_fleet_is_that_of_the_list_behind_it(house: Office) -> None:
    for days in ("", "7", "30"):
        found = fleet.fleet(house.db, EVERY, NOW, days=int(days or 0))
        for one in found.requirements:
            for outcome, number in (
                ("fail", one.failed), ("inconclusive", one.inconclusive), ("warn", one.warned), ("near", one.near),
            ):  # fmt: skip
                assert len(house.names(quantity=one.quantity, outcome=outcome, days=days)) == number
        for column, groups in found.groups.items():
            for group in groups:
                behind = {column: group.name or "unknown", "days": days}
                behind["days"] = days or "9999"  # of those who were checked at all
                assert len(house.names(**behind)) >= group.people
                assert len(house.names(**behind, verdict="fail")) == group.failed


def test_places_are_in_order(house: Office) -> None:
    rows = roster.people(house.db, EVERY, Filter(), NOW, ORDERS["worst"], limit=100)
    assert all(one.place < other.place for one, other in pairwise(rows))


def test_another_scope_hides_people_counts_and_the_fleet(house: Office) -> None:
    for scope in (Scope.of(()), Scope.of(["elsewhere"])):
        assert roster.people(house.db, scope, Filter(), NOW, ORDERS["worst"], limit=100) == []
        assert roster.counts(house.db, scope, Filter(), NOW).total == 0
        assert fleet.fleet(house.db, scope, NOW).people == 0

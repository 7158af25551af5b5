"""The place as its person meets it: typed names, choices, and files of answers."""

from __future__ import annotations

from typing import Any

import pytest

from homecheck.agent import run_probe
from homecheck.measurement import CheckSetup, Need, Probe
from probes.place import IS_IT, NOT_FOUND, TRIES, WHERE, WHICH_PART, Place


class Person:
    """Somebody who types and chooses what a test says."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.heard: list[str] = []

    def _next(self, text: str) -> Any:
        self.heard.append(text)
        return self.answers.pop(0)

    def tell(self, text: str) -> None:
        self.heard.append(text)

    def confirm(self, text: str) -> None:
        raise AssertionError(text)

    def enter(self, text: str) -> str:
        return str(self._next(text))

    def ask(self, question: str) -> bool:
        return bool(self._next(question))

    def count(self, question: str, most: int) -> int:
        answer = int(self._next(question))
        assert answer <= most
        return answer


def run(person: Person | None, *regions: str, declared: str | None = None, zone: str | None = "America/Chicago") -> Any:
    probe = Place(person, declared, regions, lambda: zone)
    assert isinstance(probe, Probe)
    return {found.quantity.name: found for found in run_probe(probe)[0].measurements}


def region(person: Person, *regions: str) -> Any:
    found = run(person, *regions)["place.region"]
    return found.value if found.failure is None else found.failure.code


def test_a_place_is_typed_and_confirmed() -> None:
    person = Person("Texas, United States", True)
    found = run(person)
    assert found["place.region"].value == "US-TX"
    assert found["place.region"].details == {"timezone": "America/Chicago"}
    assert found["place.timezone"].value == "America/Chicago"
    assert person.heard == [WHERE, IS_IT.format(name="Texas, United States")]


def test_a_name_of_two_places_is_chosen_from() -> None:
    person = Person("Georgia", 2, True)
    assert region(person) == "US-GA"
    assert "1  Georgia (GE)" in person.heard[1]
    assert "2  Georgia, United States (US-GA)" in person.heard[1]


def test_who_names_none_of_them_is_asked_again() -> None:
    assert region(Person("Georgia", 0, "Sweden", True)) == "SE"
    assert region(Person("Sweden", False, "Norway", True)) == "NO"


def test_a_name_that_nobody_knows_is_said_to_be_none() -> None:
    person = Person("Narnia", "Sweden", True)
    assert region(person) == "SE"
    assert person.heard[1] == NOT_FOUND.format(typed="Narnia")


def test_the_part_is_asked_for_where_a_policy_speaks_of_parts() -> None:
    person = Person("United States", "texas", True)
    assert region(person, "US-TX", "US-FL") == "US-TX"
    assert person.heard[1] == WHICH_PART.format(country="United States")
    assert region(Person("United States", True), "US", "CA") == "US"


def test_who_names_nothing_is_not_asked_for_ever() -> None:
    assert region(Person(*[""] * TRIES)) == "not_declared"
    assert region(Person(*["Narnia"] * TRIES)) == "not_declared"


def test_without_a_person_it_is_not_guessed() -> None:
    found = run(None)
    assert found["place.region"].failure.code == "needs_person"
    assert found["place.region"].failure.at_fault == "person"
    assert found["place.timezone"].value == "America/Chicago"


def test_a_file_of_answers_declares_it() -> None:
    person = Person()
    assert run(person, declared="US-TX")["place.region"].value == "US-TX"
    assert person.heard == []


def test_a_computer_without_a_time_zone_says_so() -> None:
    found = run(None, declared="US-TX", zone=None)
    assert found["place.timezone"].failure.code == "no_time_zone"
    assert found["place.region"].details == {}


def test_nobody_is_asked_where_no_policy_wants_to_know() -> None:
    person = Person()
    probe = Place.for_check(CheckSetup(person=person))
    assert probe.needs == frozenset()
    list(probe.run())
    assert person.heard == []
    assert Place.for_check(CheckSetup(person=person, regions=())).needs == {Need.PERSON}


@pytest.mark.parametrize(("name", "expected"), [("Europe/Stockholm", "Europe/Stockholm"), ("local", None), ("", None)])
def test_the_time_zone_is_one_of_the_tz_database(
    name: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tzlocal.get_localzone_name", lambda: name)
    assert Place().time_zone() == expected

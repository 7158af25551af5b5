"""Names and codes as the standard has them; what is expected was looked up by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.standards.iso_3166 import MOST_FOUND, find, inside, known, name_of


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("US-TX", ["US-TX"]),
        ("us tx", ["US-TX"]),
        ("Texas", ["US-TX"]),
        (" texas ,  United States ", ["US-TX"]),
        ("tx, usa", ["US-TX"]),
        ("SE", ["SE"]),
        ("sverige", ["SE"]),
        ("Deutschland", ["DE"]),
        ("日本", ["JP"]),
        ("Bayern", ["DE-BY"]),
        ("Île-de-France", ["FR-IDF"]),
        ("ile de france", ["FR-IDF"]),
        ("Bolivia", ["BO"]),
        ("UK", ["GB"]),
        ("Georgia", ["GE", "US-GA"]),
        ("Georgia, United States", ["US-GA"]),
        ("Punjab", ["IN-PB", "PK-PB"]),
        ("Narnia", []),
        ("Texas, Sweden", []),
        ("", []),
        (",", []),
        ("-", []),
    ],
)
def test_a_place_is_found_by_code_and_by_name(typed: str, codes: list[str]) -> None:
    assert find(typed) == codes


def test_parts_of_one_country_can_be_looked_for() -> None:
    assert find("Georgia", "US") == find("ga", "US") == ["US-GA"]
    assert find("Sweden", "US") == find("Bayern", "US") == []


def test_a_part_lies_in_its_country_and_a_country_in_none_of_its_parts() -> None:
    assert inside("US-TX", "US")
    assert inside("US-TX", "US-TX")
    assert inside("SE", "SE")
    assert not inside("US", "US-TX")
    assert not inside("US-TX", "US-T")
    assert not inside("USA", "US")


def test_names_are_for_people() -> None:
    assert name_of("US-TX") == "Texas, United States"
    assert name_of("SE") == "Sweden"
    assert name_of("US-ZZ") == "US-ZZ"
    assert known("US-TX")
    assert known("SE")
    assert not known("US-ZZ")
    assert not known("")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_typed_a_few_known_places_come_back(typed: str) -> None:
    found = find(typed)
    assert len(found) <= MOST_FOUND
    assert all(map(known, found))

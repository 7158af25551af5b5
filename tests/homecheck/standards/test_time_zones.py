from __future__ import annotations

from zoneinfo import available_timezones

import pytest

from homecheck.standards.iso_3166 import known
from homecheck.standards.time_zones import countries_of


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("America/Chicago", "US"),
        ("US/Central", "US"),  # a link
        ("Europe/Stockholm", "SE"),  # a zone of its own in zone.tab, shared with Berlin in zone1970.tab
        ("Europe/Berlin", "SE"),
        ("Asia/Calcutta", "IN"),
        ("Asia/Manila", "PH"),
    ],
)
def test_the_countries_of_a_zone(zone: str, country: str) -> None:
    assert country in countries_of(zone)


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+5", "", "Mars/Olympus"])
def test_a_zone_that_names_no_place_is_in_no_country(zone: str) -> None:
    assert countries_of(zone) == frozenset()


def test_every_country_of_every_zone_is_one() -> None:
    assert all(known(country) for zone in available_timezones() for country in countries_of(zone))

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from homecheck.corroboration import Standing
from homecheck.measurement import Measurement
from homecheck.observation import Region, SessionObservation
from homecheck.whereabouts import located
from probes.place import REGION

MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


def standing(declared: str, zone: str | None, *regions: Region | None) -> Standing | None:
    found = Measurement(REGION, declared, details={"timezone": zone} if zone else {})
    seen = [SessionObservation("s", "n", MOMENT, MOMENT, "192.0.2.1", region=region) for region in regions]
    return located({found.quantity.name: found}, seen).get("place.region")


@pytest.mark.parametrize(
    ("declared", "zone", "regions"),
    [
        ("US-TX", "America/Chicago", [Region("US", "TX")]),
        ("US-TX", None, [Region("US")]),  # the file knows the country alone
        ("US", "America/Chicago", [Region("US", "CA")]),
        ("SE", "Europe/Berlin", [Region("SE", "AB")]),
        ("SE", "UTC", [Region("SE")]),
        ("US-TX", "America/Chicago", [Region("US", "CA"), Region("US", "TX")]),  # a second attempt
    ],
)
def test_a_region_that_the_address_confirms_is_corroborated(
    declared: str, zone: str | None, regions: list[Region]
) -> None:
    found = standing(declared, zone, *regions)
    assert found is not None
    assert (found.trust, found.differs) == ("corroborated", False)


@pytest.mark.parametrize(
    ("declared", "zone", "regions", "saw"),
    [
        ("US-TX", "America/Chicago", [Region("US", "CA")], "the address is of California, United States (US-CA)"),
        ("US-TX", "Asia/Manila", [], "the time zone is Asia/Manila"),
        ("US-TX", "Asia/Manila", [Region("US", "TX")], "the time zone is Asia/Manila"),
        ("SE", "Asia/Manila", [Region("PH")], "the address is of Philippines (PH) and the time zone is Asia/Manila"),
    ],
)
def test_a_disagreement_is_named_and_contradicts_nothing(
    declared: str, zone: str, regions: list[Region], saw: str
) -> None:
    assert standing(declared, zone, *regions) == Standing("self-reported", saw, differs=True)


def test_without_a_file_of_addresses_it_is_the_persons_word() -> None:
    assert standing("US-TX", "America/Chicago") is None
    assert standing("US-TX", "America/Chicago", None, Region()) is None
    assert standing("US-TX", None) is None
    assert located({}, []) == {}

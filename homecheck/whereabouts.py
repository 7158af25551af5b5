"""Whether the region that a person declares agrees with the computer's time zone and with what the far end sees.

Neither proves anything: a time zone is a setting, and files of addresses are often wrong, above all about the part of a
country and behind a VPN. A disagreement is therefore shown beside the declaration, and never counts as a contradiction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from homecheck.corroboration import Standing
from homecheck.measurement import Measurement
from homecheck.observation import Region, SessionObservation
from homecheck.standards.iso_3166 import name_of
from homecheck.standards.time_zones import countries_of

QUANTITY: Final = "place.region"
TIMEZONE: Final = "timezone"  # the detail of it that holds the computer's time zone


def located(measured: Mapping[str, Measurement], seen: Iterable[SessionObservation]) -> dict[str, Standing]:
    """Return the standing of the declared region, if there is one and anything speaks for or against it.

    `measured` is by the names of quantities.
    """
    found = measured.get(QUANTITY)
    if found is None or not isinstance(found.value, str):
        return {}
    regions = [session.region for session in seen if session.region is not None and session.region.country]
    zone = found.details.get(TIMEZONE)
    against = [*_by_address(found.value, regions), *_by_time_zone(found.value, zone if isinstance(zone, str) else "")]
    if against:
        return {QUANTITY: Standing("self-reported", " and ".join(against), differs=True)}
    return {QUANTITY: Standing("corroborated", f"the address is of {regions[-1]}")} if regions else {}


def _by_address(declared: str, regions: Sequence[Region]) -> list[str]:
    """Return what the addresses say against `declared`; one of two attempts that agrees is enough."""
    if not regions or any(_agrees(declared, region) for region in regions):
        return []
    return [f"the address is of {name_of(str(regions[-1]))} ({regions[-1]})"]


def _agrees(declared: str, region: Region) -> bool:
    """Compare as far as both are known: a country agrees with its parts."""
    country, _, part = declared.partition("-")
    return country == region.country and (not part or region.subdivision in (None, part))


def _by_time_zone(declared: str, zone: str) -> list[str]:
    countries = countries_of(zone)
    return [f"the time zone is {zone}"] if countries and declared.partition("-")[0] not in countries else []

"""Which countries keep the time of an IANA time zone: ``zone1970.tab`` and the links of the tz database (RFC 6557).

Read from the tzdata package, so that every system gives the same answer.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def countries_of(zone: str) -> frozenset[str]:
    """Return the ISO 3166-1 codes of the countries that `zone` is used in; none for one that names no place (UTC)."""
    return _countries().get(_links().get(zone, zone), frozenset()) | _countries().get(zone, frozenset())


@cache
def _countries() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for table in ("zone.tab", "zone1970.tab"):  # the first names each country's own zone, the second who shares one
        for line in _lines(table):
            if not line.startswith("#"):
                codes, _, zone = line.split("\t")[:3]
                found[zone] = found.get(zone, frozenset()) | frozenset(codes.split(","))
    return found


@cache
def _links() -> dict[str, str]:
    """Return the zone behind every other name, as ``US/Central``."""
    return {alias: zone for kind, zone, alias in (line.split() for line in _lines("tzdata.zi") if line[:2] == "L ")}


def _lines(name: str) -> list[str]:
    return (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8").splitlines()

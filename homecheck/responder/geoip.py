"""In which country and subdivision an address is used, by a file in MaxMind's DB format that the operator brings.

Files of this shape are published by MaxMind (GeoLite2 City), DB-IP and others. None is shipped: their licences ask for
keeping them up to date. Nothing is looked up outside this computer.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, Final

from homecheck.errors import SetupError
from homecheck.observation import Region

_COUNTRY: Final = re.compile(r"[A-Z]{2}")  # ISO 3166-1
_SUBDIVISION: Final = re.compile(r"[A-Z0-9]{1,3}")  # the second part of ISO 3166-2


class GeoIp:
    """An open file. Raises SetupError for one that is none."""

    def __init__(self, path: Path) -> None:
        import maxminddb  # here, because only operators who give a file need it

        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)  # the file may be replaced meanwhile
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            raise SetupError(
                f"{path}: {error}", "Give a city or country file in MaxMind's DB format (.mmdb) as --geoip."
            ) from None

    def __call__(self, source: str) -> Region:
        """Return what the file says about an address."""
        address = _plain(source)
        if address is None or (address.version == 6 and self._reader.metadata().ip_version == 4):
            return Region()
        return region_of(self._reader.get(address))


def region_of(record: Any) -> Region:
    """Return the region in a record, as far as it has codes of ISO 3166."""
    country = _code(record, "country", _COUNTRY)
    subdivisions = record.get("subdivisions") if isinstance(record, dict) else None
    first = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    subdivision = _code({"subdivision": first}, "subdivision", _SUBDIVISION)
    return Region(country, subdivision if country else None)


def _code(record: Any, name: str, pattern: re.Pattern[str]) -> str | None:
    place = record.get(name) if isinstance(record, dict) else None
    code = place.get("iso_code") if isinstance(place, dict) else None
    return code if isinstance(code, str) and pattern.fullmatch(code) else None


def _plain(source: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address without its zone, and the one of IPv4 that an address of IPv6 may only wrap."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address

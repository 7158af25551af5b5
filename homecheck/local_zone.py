"""The time zone that this computer is set to, by its name in the tz database."""

from __future__ import annotations

from functools import cache
from importlib import resources


def local_zone() -> str | None:
    """Return the name; None where the system names none that the tz database knows."""
    import tzlocal  # here: it reads the registry or files of the system

    try:
        name = tzlocal.get_localzone_name()
    except (OSError, LookupError, ValueError):  # ZoneInfoNotFoundError is a LookupError
        return None
    return name if name in _zones() else None


@cache
def _zones() -> frozenset[str]:
    """Return the names in the package tzdata; `zoneinfo.available_timezones` opens a thousand files for the same."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())

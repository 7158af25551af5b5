"""When an operating system gets its last security updates: the system's own word, else the table in os_support.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from homecheck.errors import ProbeError
from homecheck.instruments.host.facts import OperatingSystem


@cache
def support_table() -> Mapping[str, Mapping[str, Any]]:
    """Return the table: family, version, and the last day (per edition on Windows)."""
    text = resources.files("homecheck.instruments.host").joinpath("os_support.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def end_of_support(system: OperatingSystem) -> tuple[date, str]:
    """Return the last day of updates and who says so. Raises ProbeError ``os_not_known``; it never guesses."""
    if system.end is not None:
        return system.end, "SUPPORT_END in os-release"
    found = support_table().get(system.family, {}).get(system.version)
    if isinstance(found, Mapping):
        found = found.get(system.edition)
    if not isinstance(found, date):
        raise ProbeError(
            "os_not_known",
            "Update homecheck: its table may be older than your system.",
            message=f"{system.name} is not in homecheck's table of supported systems",
            at_fault="agent",
        )
    return found, "table os_support.toml"

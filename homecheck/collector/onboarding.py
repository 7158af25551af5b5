"""What is another thing than when somebody began: the headset, the line, the region, the computer.

By the function that a worker's own computer uses (`homecheck.drift`), on what was received and is still kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.course import Step
from homecheck.drift import Difference, Setups, Value, noted, setup_of, shown

BEGINNING: Final = 5  # checks: what the very first did not measure is taken from the next that did
NO_UNIT: Final = ("", "1")


@dataclass(frozen=True)
class Change:
    """One kind of thing that is another one, and the quantity that told it, with both values as text."""

    kind: str
    quantity: str
    before: str
    after: str


@dataclass(frozen=True)
class SinceOnboarding:
    """When the first check that is still kept was received, and what is another thing now; often nothing."""

    first_at: datetime
    changes: tuple[Change, ...]


def since_onboarding(earliest: Iterable[Step], latest: Iterable[Step]) -> SinceOnboarding | None:
    """Compare somebody's first checks with the latest, both oldest first; None before there are two."""
    steps = list({step.digest: step for step in (*earliest, *latest)}.values())
    setups: Setups | None = None
    units: dict[str, str] = {}
    for step in steps:
        setups = noted(setups, setup_of(step.evidence.runs, step.received_at))
        units.update({found.quantity.name: found.quantity.unit for found in step.evidence.measurements()})
    if setups is None or len(steps) < 2:
        return None
    return SinceOnboarding(setups.first.at, tuple(_change(one, units) for one in setups.differences()))


def _change(found: Difference, units: dict[str, str]) -> Change:
    unit = units[found.quantity]
    return Change(found.kind, found.quantity, _worded(found.before, unit), _worded(found.after, unit))


def _worded(value: Value, unit: str) -> str:
    return shown(value) if unit in NO_UNIT else f"{shown(value)} {unit}"

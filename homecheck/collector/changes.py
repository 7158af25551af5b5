"""What is another thing than at the check before: the headset, the connection, the computer, the key.

Numbers that are measured vary by themselves and have a plot; names, answers and exact counts do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homecheck.collector.course import Step
from homecheck.evidence import Evidence
from homecheck.fingerprint import words
from homecheck.measurement import Measurement
from homecheck.report.text import shown


@dataclass(frozen=True)
class Change:
    """One thing that differs; `quantity` is empty where it is no measurement."""

    label: str
    quantity: str
    before: str
    after: str


def changes(before: Step, after: Step) -> list[Change]:
    """Return what differs between two checks."""
    named = [
        Change(label, "", old, new)
        for (label, old), (_, new) in zip(_around(before.evidence), _around(after.evidence), strict=True)
        if old != new
    ]
    earlier = {found.quantity.name: found for found in before.evidence.measurements()}
    measured = [
        Change("", found.quantity.name, shown(old), shown(found))
        for found in after.evidence.measurements()
        if (old := earlier.get(found.quantity.name)) is not None and _another(old, found)
    ]
    return measured + named + list(_answers(before.evidence, after.evidence))


def _around(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield what stands beside the measurements, in one order."""
    software = evidence.software
    yield "Device key", words(evidence.device.kid)
    yield "System", software.system
    yield "homecheck", software.version


def _another(before: Measurement, after: Measurement) -> bool:
    if (before.failure is None) != (after.failure is None):
        return True
    if before.failure is not None and after.failure is not None:
        return before.failure.code != after.failure.code
    return before.value != after.value and not (before.uncertainty or after.uncertainty) and not _flows(after)


def _flows(found: Measurement) -> bool:
    """Tell whether a number without an uncertainty is one of a line, which varies all the same."""
    return found.is_number and found.quantity.name.partition(".")[0] in ("network", "room", "headset")


def _answers(before: Evidence, after: Evidence) -> Iterator[Change]:
    earlier = {declared.id: declared.answer for declared in before.declarations}
    for declared in after.declarations:
        if earlier.get(declared.id, declared.answer) != declared.answer:
            yes_no = {True: "yes", False: "no"}
            yield Change("", f"declaration.{declared.id}", yes_no[earlier[declared.id]], yes_no[declared.answer])

from __future__ import annotations

import pytest

from homecheck.measurement import CheckSetup, Kind
from homecheck.policy import Limits
from homecheck.report.limits import UNITS, better, needed
from probes import installed


@pytest.mark.parametrize(
    ("limits", "unit", "must", "should"),
    [
        (Limits(at_least=10, warn_below=25), "Mbit/s", "at least 10 Mbit/s", "25 Mbit/s or more"),
        (Limits(at_most=120, warn_above=80), "ms", "at most 120 ms", "80 ms or less"),
        (Limits(at_least=-60, at_most=-20.5), "dBFS", "at least -60 dBFS and at most -20.5 dBFS", ""),
        (Limits(equals=True), "", "yes", ""),
        (Limits(one_of=("wired", "rf-dongle"), warn_on=("rf-dongle",)), "", "wired or rf-dongle", "not rf-dongle"),
        (Limits(none_of=("bluetooth", "virtual")), "", "not bluetooth, not virtual", ""),
    ],
)
def test_limits_are_read_as_a_sentence(limits: Limits, unit: str, must: str, should: str) -> None:
    assert (needed(limits, unit), better(limits, unit)) == (must, should)


def test_the_units_are_those_of_the_probes() -> None:
    measured = [quantity for probe in installed() for quantity in probe.for_check(CheckSetup()).quantities]
    units = {quantity.name: quantity.unit for quantity in measured if quantity.kind is Kind.NUMBER}
    # A bare number has the unit "1", which nobody wants to read.
    assert {name: UNITS.get(name, "1") for name in units} == units

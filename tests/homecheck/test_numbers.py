"""Numbers keep the digits that are known, and never look better or worse than they are."""

from __future__ import annotations

import pytest

from homecheck.numbers import counted, number, with_uncertainty, with_unit


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (48.2345, 0.93, "48.23 ± 0.93 Mbit/s"),
        (9.996, 0.02, "9.996 ± 0.020 Mbit/s"),  # not "10": the limit may be 10
        (0.0, 0.3823, "0.00 ± 0.38 Mbit/s"),
        (1000.94, 1.94, "1000.9 ± 1.9 Mbit/s"),
        (1234.5, 87.6, "1234 ± 88 Mbit/s"),
        (2.6, 0.00005, "2.600 ± 0.001 Mbit/s"),  # an uncertainty is never shown as none
        (-43.013, 0.2, "-43.01 ± 0.20 Mbit/s"),
        (8, 0, "8 Mbit/s"),
    ],
)
def test_a_value_has_the_decimals_that_its_uncertainty_leaves(value: float, uncertainty: float, text: str) -> None:
    assert with_uncertainty(value, uncertainty, "Mbit/s") == text


def test_a_bare_number_has_no_unit_behind_it() -> None:
    assert with_unit(8, "1") == "8"
    assert with_unit(2.5, "GHz") == "2.5 GHz"


@pytest.mark.parametrize(("value", "text"), [(10, "10"), (3.14159, "3.14"), (123.4, "123"), (0.0001, "0.0001")])
def test_limits_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs")])
def test_one_is_no_plural(count: int, text: str) -> None:
    assert counted(count, "run") == text
    assert counted(count, "entry", "entries") == text.replace("runs", "entries").replace("run", "entry")

"""Quantity and measurement: built only valid, so that a driver's NaN spoils one measurement and never the evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from homecheck.errors import AT_FAULT, ProbeError
from homecheck.measurement import (
    MAX_TEXT,
    Cause,
    Failure,
    Kind,
    Measurement,
    Quantity,
    Value,
    clean_text,
)
from homecheck.strict_json import MAX_INTEGER

LENGTH = Quantity("test.length", "m", "tape")
COLOUR = Quantity.text("test.colour", "eye")
OPEN = Quantity.yes_no("test.open", "eye")
DARK = Failure("no_light", "room", "too dark to see", "Switch on the lamp.")


def test_a_number_has_a_unit_and_a_text_has_none() -> None:
    with pytest.raises(ValueError, match=r"test\.a: a number has a unit"):
        Quantity("test.a", "", "eye")
    with pytest.raises(ValueError, match=r"test\.b: a number has a unit, text and yes/no have none"):
        Quantity("test.b", "m", "eye", Kind.TEXT)


GOOD: list[tuple[Quantity, Value, float | None]] = [
    (LENGTH, 1.25, 0.05),
    (LENGTH, 0, 0),
    (LENGTH, -1e-05, 0.0),
    (LENGTH, MAX_INTEGER, 0.5),
    (COLOUR, "blå 😀", None),
    (COLOUR, "", None),
    (COLOUR, "x" * MAX_TEXT, None),
    (OPEN, False, None),
]


@pytest.mark.parametrize(("quantity", "value", "uncertainty"), GOOD)
def test_a_value_that_fits_its_quantity_is_kept(quantity: Quantity, value: Value, uncertainty: float | None) -> None:
    assert Measurement(quantity, value, uncertainty).value == value


BAD: dict[str, tuple[Quantity, Any, Any, str]] = {
    "not a number": (LENGTH, float("nan"), 0.1, "not finite"),
    "infinite": (LENGTH, float("-inf"), 0.1, "not finite"),
    "beyond 2^53": (LENGTH, MAX_INTEGER + 1, 0.1, "beyond 2"),
    "true for a number": (LENGTH, True, 0.1, "is not a number"),
    "text for a number": (LENGTH, "1", 0.1, "is not a number"),
    "no uncertainty": (LENGTH, 1.0, None, "needs an uncertainty"),
    "uncertainty below zero": (LENGTH, 1.0, -0.1, "needs an uncertainty"),
    "uncertainty not a number": (LENGTH, 1.0, float("nan"), "needs an uncertainty"),
    "infinite uncertainty": (LENGTH, 1.0, float("inf"), "needs an uncertainty"),
    "number for a text": (COLOUR, 7, None, "is not a text"),
    "text with uncertainty": (COLOUR, "blue", 0.1, "text has no uncertainty"),
    "text too long": (COLOUR, "x" * (MAX_TEXT + 1), None, "501 characters, at most 500"),
    "text with NUL": (COLOUR, "a\0b", None, "NUL or lone surrogate"),
    "text with a lone surrogate": (COLOUR, "a\udc80", None, "NUL or lone surrogate"),
    "one for yes": (OPEN, 1, None, "is not yes or no"),
    "yes with uncertainty": (OPEN, True, 0.0, "yes/no has no uncertainty"),
}


@pytest.mark.parametrize(("quantity", "value", "uncertainty", "message"), BAD.values(), ids=BAD)
def test_a_value_that_does_not_fit_is_refused(quantity: Quantity, value: Any, uncertainty: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        Measurement(quantity, value, uncertainty)
    assert str(refused.value).startswith(quantity.name)


def test_exactly_one_of_value_and_failure() -> None:
    with pytest.raises(ValueError, match="exactly one of value and failure"):
        Measurement(LENGTH)
    with pytest.raises(ValueError, match="exactly one of value and failure"):
        Measurement(LENGTH, 1.0, 0.1, DARK)


def test_a_failure_has_no_uncertainty() -> None:
    with pytest.raises(ValueError, match="a failure has no uncertainty"):
        Measurement(LENGTH, uncertainty=0.1, failure=DARK)


BAD_DETAILS: dict[str, tuple[Any, str]] = {
    "bytes": ({"sound": b"\0\1"}, "bytes is not JSON"),
    "set": ({"a": {1}}, "set is not JSON"),
    "nan": ({"a": [1, float("nan")]}, "not finite"),
    "number as a name": ({1: "a"}, "the key 1 is not a text"),
    "surrogate deep inside": ({"a": [{"b": "\ud800"}]}, "lone surrogate"),
    "long text": ({"a": "x" * 501}, "501 characters"),
}


@pytest.mark.parametrize(("details", "message"), BAD_DETAILS.values(), ids=BAD_DETAILS)
def test_details_are_json_that_every_reader_understands(details: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Measurement(LENGTH, 1.0, 0.1, details=details)


def test_a_failed_measurement_keeps_the_cause_of_the_probe_error() -> None:
    error = ProbeError("no_light", "Switch on the lamp.", message="too dark to see", at_fault="room")
    failed = Measurement.failed(LENGTH, error, {"lux": 0.5})
    assert failed.failure == DARK
    assert failed.value is None
    assert failed.details == {"lux": 0.5}


def test_a_probe_error_without_a_message_is_named_by_its_code() -> None:
    assert Failure.from_error(ProbeError("no_device", "Plug in the headset.")).message == "no device"


def test_a_drivers_message_is_cleaned_before_it_is_kept() -> None:
    error = ProbeError("crashed", "Restart.", message="\ud800bad\0" + "x" * 1000)
    assert Failure.from_error(error).message == "?bad" + "x" * 496
    assert clean_text("blå") == "blå"


@pytest.mark.parametrize("at_fault", AT_FAULT)
def test_somebody_known_is_at_fault(at_fault: Any) -> None:
    assert Failure("a", at_fault, "b", "c").at_fault == at_fault


def test_nobody_else_can_be_blamed() -> None:
    with pytest.raises(ValueError, match="at_fault 'candidate' is none of device, room"):
        Failure("a", "candidate", "b", "c")  # type: ignore[arg-type]  # what a stranger's probe may try


def test_a_value_may_say_where_it_arises_and_a_failure_says_so_itself() -> None:
    cause = Cause("home_link", "the way to your own router already varies by 41 ms")
    assert Measurement(LENGTH, 1.25, 0.05, cause=cause).cause == cause
    with pytest.raises(ValueError, match="no cause beside its own"):
        Measurement(LENGTH, failure=DARK, cause=cause)


def test_a_bound_is_of_a_number_that_was_measured() -> None:
    assert Measurement(LENGTH, 1.25, 0.05, bound="at_most").bound == "at_most"
    for change in ({"bound": "about"}, {"value": None, "uncertainty": None, "failure": DARK, "bound": "at_least"}):
        with pytest.raises(ValueError, match="bound"):
            replace(Measurement(LENGTH, 1.25, 0.05), **change)
    with pytest.raises(ValueError, match="bound"):
        Measurement(COLOUR, "red", bound="at_least")


def test_a_cause_blames_somebody_known_or_nobody() -> None:
    assert Cause(None, "no part of the way alone explains it").at_fault is None
    with pytest.raises(ValueError, match="at_fault 'neighbour' is none of"):
        Cause("neighbour", "it is the neighbour's fault")  # type: ignore[arg-type]  # as it comes from a file
    with pytest.raises(ValueError, match="501 characters"):
        Cause("line", "x" * 501)

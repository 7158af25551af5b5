"""Values of other programs' listings in shapes that nobody expects."""

from __future__ import annotations

import pytest

from homecheck.instruments.audio import unsure


@pytest.mark.parametrize(
    ("value", "expected"),
    [("48000", 48000), (48000, 48000), (44100.0, 44100), ("", None), ("48000 Hz", None), ("²", None), ("٤٨٠٠٠", None),
     ("9" * 5000, None), (10**400, None), (-48000, None), (0, None), (True, None), (float("nan"), None),
     (float("inf"), None), (None, None), ([], None), (1_000_001, None)],
)  # fmt: skip
def test_a_rate_is_a_plain_number_of_hertz_or_nothing(value: object, expected: int | None) -> None:
    assert unsure.rate(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Kopfhörer", "Kopfhörer"), (4711, "4711"), (True, ""), (None, ""), ({}, ""), (10**400, ""), ("a\0b", "ab"),
     ("\ud800", "?"), ("x" * 5000, "x" * 1000)],
)  # fmt: skip
def test_a_text_is_short_and_can_be_stored(value: object, expected: str) -> None:
    assert unsure.text(value) == expected


def test_lists_and_objects_of_another_shape_are_empty() -> None:
    assert unsure.rows({"a": 1}) == []
    assert unsure.rows([1, {"a": 1}, None]) == [{"a": 1}]
    assert unsure.members([1]) == {}

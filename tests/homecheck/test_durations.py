"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from homecheck.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("999999s", 999_999)]
)
def test_a_duration_is_a_whole_number_with_its_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "7", "d", "0d", "07d", "-7d", "1.5h", "7D", "7 d", " 7d", "7d ", "7d\n", "1000000d", "7w", "٧d", "1٧d"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write 10s, 30m, 12h or 7d"):
        parse_duration(text)

"""Timestamps: one form, always UTC, always milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from homecheck.standards.rfc_3339 import from_text, to_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 23, 20, 33, 0, 123_999, tzinfo=UTC), "2026-11-23T20:33:00.123Z"),
        (datetime(2026, 11, 23, 20, 33, tzinfo=UTC), "2026-11-23T20:33:00.000Z"),
        (datetime(2026, 11, 24, 1, 3, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-11-23T19:33:00.000Z"),
        (datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), "2038-01-19T03:14:08.000Z"),  # beyond 32 bits of seconds
        (datetime(999, 1, 1, tzinfo=UTC), "0999-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_has_one_text(moment: datetime, text: str) -> None:
    assert to_text(moment) == text
    assert abs(from_text(text) - moment) < timedelta(milliseconds=1)


def test_what_is_read_is_utc() -> None:
    assert from_text("2026-11-23T20:33:00.123Z") == datetime(2026, 11, 23, 20, 33, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T20:33:00Z",
        "2026-11-23T20:33:00.1234Z",
        "2026-11-23T20:33:00.123",
        "2026-11-23T20:33:00.123z",
        "2026-11-23 20:33:00.123Z",
        "2026-11-23T20:33:00.123+00:00",
        "2026-11-23T20:33:00,123Z",
        "2026-02-30T20:33:00.123Z",
        "2026-11-23T24:33:00.123Z",
        "2026-11-23T20:33:60.123Z",
        "2026-11-23T20:33:00.123Z\n",
        "٢٠٢٦-11-23T20:33:00.123Z",
        "0000-01-01T00:00:00.000Z",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not like|is no moment"):
        from_text(text)


def test_a_naive_moment_is_not_written() -> None:
    with pytest.raises(ValueError, match="without its zone"):
        to_text(datetime(2026, 11, 23))

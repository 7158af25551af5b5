"""Shifts: weekday windows in the program's own time zone, past midnight and across changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from homecheck.shift import Shift, Window

# 2026-11-23 is a Monday. Stockholm is UTC+1 in winter and UTC+2 in summer.


def utc(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_a_window_is_weekdays_and_hours() -> None:
    assert Window.parse("Mon-Fri 18:00-22:00") == Window(frozenset({0, 1, 2, 3, 4}), time(18), time(22))
    assert Window.parse("Sat 08:30-12:00") == Window(frozenset({5}), time(8, 30), time(12))


def test_days_may_run_past_sunday() -> None:
    assert Window.parse("Sat-Mon 08:00-12:00").days == {5, 6, 0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mon-Fri",
        "18:00-22:00",
        "mon-fri 18:00-22:00",
        "Mon-Fri 18-22",
        "Mon-Fri 18:00 - 22:00",
        "Mon–Fri 18:00–22:00",
        "Xyz 18:00-22:00",
        "Mon-Xyz 18:00-22:00",
        "Mon 18:60-22:00",
        "Mon 24:00-25:00",
        "Mon 29:00-22:00",
        "Mon 1٨:00-22:00",
        " Mon 18:00-22:00",
        "Mon 18:00-22:00\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no window; write: Mon-Fri 18:00-22:00"):
        Window.parse(text)


def test_a_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="begins when it ends"):
        Window.parse("Mon 18:00-18:00")


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        (utc(23, 16, 59), False),  # 17:59 in Stockholm
        (utc(23, 17, 0), True),  # 18:00: the first minute counts
        (utc(23, 20, 59), True),
        (utc(23, 21, 0), False),  # 22:00: the end does not
        (utc(28, 18, 0), False),  # a Saturday
        (utc(22, 18, 0), False),  # a Sunday
    ],
)
def test_the_hours_are_those_of_the_programs_zone(moment: datetime, inside: bool) -> None:
    assert Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",)).holds(moment) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        (utc(23, 21, 0), True),  # Monday 22:00
        (utc(24, 4, 59), True),  # Tuesday 05:59, still Monday's night
        (utc(24, 5, 0), False),
        (utc(24, 21, 30), False),  # Tuesday evening is not named
        (utc(23, 4, 0), False),  # Monday 05:00 belongs to Sunday's night, which is not named
    ],
)
def test_a_night_window_belongs_to_the_day_it_begins_on(moment: datetime, inside: bool) -> None:
    assert Shift("Europe/Stockholm", ("Mon 22:00-06:00",)).holds(moment) is inside


def test_summer_time_moves_the_window() -> None:
    shift = Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",))
    assert shift.holds(utc(20, 16, 30, month=7))  # 18:30 in summer; a Monday
    assert not shift.holds(utc(20, 20, 30, month=7))


def test_several_windows_add_up() -> None:
    shift = Shift("UTC", ("Mon 08:00-10:00", "Mon 14:00-16:00"))
    assert [shift.holds(utc(23, hour)) for hour in (9, 12, 15)] == [True, False, True]


@pytest.mark.parametrize("zone", ["", "Stockholm", "Europe/", "../../etc/passwd", "/etc/passwd", "CET+1\0"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="is not known; write one like Europe/Stockholm"):
        Shift(zone, ("Mon 08:00-10:00",))


def test_a_shift_without_windows_is_refused() -> None:
    with pytest.raises(ValueError, match="windows is empty"):
        Shift("UTC", ())

"""Shifts: weekday windows in the program's own time zone, past midnight and across changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.shift import DAYS, Shift, Stretch, Window

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


EVENINGS = Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",))


def test_a_window_is_one_stretch_between_its_ends() -> None:
    # Monday 23 to Tuesday 24 November: 18:00 to 22:00 in Stockholm is 17:00 to 21:00.
    assert EVENINGS.stretches(utc(23, 0), utc(25, 0)) == [
        Stretch(utc(23, 17), utc(23, 21)),
        Stretch(utc(24, 17), utc(24, 21)),
    ]


def test_a_stretch_is_cut_to_the_second_where_the_time_looked_at_begins_and_ends() -> None:
    begin, end = utc(23, 18, 30).replace(second=41), utc(23, 18, 30).replace(second=52, microsecond=7)
    assert EVENINGS.stretches(begin, end) == [Stretch(begin, end)]
    assert EVENINGS.stretches(utc(23, 16), utc(23, 17)) == []
    assert EVENINGS.stretches(end, begin) == []


def test_windows_that_meet_are_one_stretch_and_the_zone_of_the_question_does_not_matter() -> None:
    shift = Shift("UTC", ("Mon 08:00-10:00", "Mon 09:30-12:00", "Mon 12:00-13:00", "Mon 14:00-15:00"))
    stockholm = ZoneInfo("Europe/Stockholm")
    for zone in (UTC, stockholm):
        found = shift.stretches(utc(23, 0).astimezone(zone), utc(24, 0).astimezone(zone))
        assert found == [Stretch(utc(23, 8), utc(23, 13)), Stretch(utc(23, 14), utc(23, 15))]


def test_a_night_past_midnight_is_one_stretch() -> None:
    shift = Shift("Europe/Stockholm", ("Sun 22:00-06:00",))
    assert shift.stretches(utc(22, 12), utc(24, 12)) == [Stretch(utc(22, 21), utc(23, 5))]


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        # In the night to Sunday 29 March 2026 02:00 becomes 03:00 in Stockholm: 01:00 UTC.
        (utc(28, 21, month=3), utc(29, 4, month=3), [(utc(28, 21, month=3), utc(29, 4, month=3))]),
        # In the night to Sunday 25 October 2026 03:00 becomes 02:00: 01:00 UTC.
        (utc(24, 20, month=10), utc(25, 5, month=10), [(utc(24, 20, month=10), utc(25, 5, month=10))]),
    ],
)
def test_a_night_of_eight_hours_has_seven_in_spring_and_nine_in_autumn(
    begin: datetime, end: datetime, hours: list[tuple[datetime, datetime]]
) -> None:
    found = Shift("Europe/Stockholm", ("Sat 22:00-06:00",)).stretches(
        begin - timedelta(days=1), end + timedelta(days=1)
    )
    assert found == [Stretch(*pair) for pair in hours]


def test_an_hour_that_does_not_come_in_spring_has_no_stretch_and_in_autumn_it_comes_twice() -> None:
    shift = Shift("Europe/Stockholm", ("Sun 02:10-02:40",))
    assert shift.stretches(utc(29, 0, month=3), utc(29, 12, month=3)) == []
    assert shift.stretches(utc(25, 0, month=10) - timedelta(hours=2), utc(25, 12, month=10)) == [
        Stretch(utc(25, 0, 10, month=10), utc(25, 0, 40, month=10)),
        Stretch(utc(25, 1, 10, month=10), utc(25, 1, 40, month=10)),
    ]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham"])
def test_zones_with_odd_offsets_hold_at_every_second_of_their_stretches_and_at_no_other(zone: str) -> None:
    shift = Shift(zone, ("Sat-Sun 01:45-03:15",))
    for month, day in ((4, 3), (10, 2)):  # Lord Howe changes by half an hour on 5 April and 4 October 2026
        begin = utc(day, 6, month=month)
        found = shift.stretches(begin, begin + timedelta(days=2))
        for step in range(0, 2 * 86_400, 30):
            moment = begin + timedelta(seconds=step)
            assert shift.holds(moment) is any(one.begin <= moment < one.end for one in found), moment


@given(
    st.sampled_from(["Europe/Stockholm", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Asia/Gaza"]),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439)), min_size=1, max_size=3),
    st.integers(0, 364),
)
@settings(max_examples=15, deadline=None)
def test_stretches_are_what_every_single_minute_says(zone: str, windows: list[tuple[int, int, int]], day: int) -> None:
    texts = tuple(
        f"{DAYS[first]} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
        for first, begin, end in windows
        if begin != end
    )
    if not texts:
        return
    shift, begin = Shift(zone, texts), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    found = shift.stretches(begin, begin + timedelta(days=2))
    for step in range(2 * 1440):
        moment = begin + timedelta(minutes=step)
        assert shift.holds(moment) is any(one.begin <= moment < one.end for one in found), moment
    assert all(one.end < later.begin for one, later in pairwise(found))

"""When a re-check is due: within the hours, once a round, spread over a fleet, caught up after nights off."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.schedule import CATCH_UP, ROOM, SLACK, Plan, earliest_after, next_due, pieces, share_of
from homecheck.shift import Shift, Stretch

QUARTER = timedelta(minutes=15)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVENINGS = Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",))
ZONES = ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC"]
WINDOWS = [
    ("Mon-Fri 18:00-22:00",),
    ("Mon-Sun 22:00-06:00",),
    ("Sat-Sun 01:30-03:30",),
    ("Mon-Fri 08:00-12:00", "Mon-Fri 13:00-17:00"),
    ("Wed 00:00-23:59",),
    ("Mon-Sun 00:00-12:00", "Mon-Sun 12:00-00:00"),
]


def utc(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def open_at(shifts: tuple[Shift, ...], moment: datetime) -> bool:
    """Tell by the clock on the wall whether all windows are open: another way than the one under test."""
    for shift in shifts:
        local = moment.astimezone(ZoneInfo(shift.timezone))
        clock, day = f"{local:%H:%M}", local.weekday()
        days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

        def named(span: str, day: int, days: list[str] = days) -> bool:
            first, _, last = span.partition("-")
            return (day - days.index(first)) % 7 <= (days.index(last or first) - days.index(first)) % 7

        def is_open(window: str, clock: str = clock, day: int = day) -> bool:
            span, hours = window.split()
            begin, end = hours.split("-")
            if begin < end:
                return named(span, day) and begin <= clock < end
            return (named(span, day) and clock >= begin) or (named(span, (day - 1) % 7) and clock < end)

        if not any(map(is_open, shift.windows)):
            return False
    return True


def checks_made(plan: Plan, every: timedelta, start: datetime, days: int, off: range = range(0)) -> list[datetime]:
    """Return when checks begin for a computer that looks every quarter of an hour, except on the days `off`."""
    made, now = [], start
    while now < start + days * DAY:
        is_on, moment, step = (now - start) // DAY not in off, None, QUARTER
        if is_on and plan.earliest <= now and (moment := next_due(plan, now)) is not None and moment <= now:
            made.append(now)
            plan = Plan(earliest_after(now, every), plan.shifts, plan.share)
        elif moment is not None and moment - now > HOUR:
            step = HOUR  # quicker, and the same: nothing is due so soon
        now += step
    return made


def test_the_moment_is_the_computers_share_of_the_hours() -> None:
    # 18:00 to 22:00 in Stockholm is 17:00 to 21:00 UTC; ten minutes before the end nothing begins any more,
    # and the last quarter of an hour before that is for those who look just then.
    for share, expected in ((0.0, utc(23, 17)), (0.5, utc(23, 18, 47)), (0.999999, utc(23, 20, 34))):
        moment = next_due(Plan(utc(23, 0), (EVENINGS,), share), utc(23, 1))
        assert moment is not None
        assert abs(moment - expected) <= timedelta(minutes=1)


def test_without_hours_or_with_hours_that_never_meet_nothing_is_due() -> None:
    mornings = Shift("Europe/Stockholm", ("Mon-Fri 08:00-12:00",))
    assert next_due(Plan(utc(23, 0), (), 0.5), utc(23, 1)) is None
    assert next_due(Plan(utc(23, 0), (EVENINGS, mornings), 0.5), utc(23, 1)) is None
    short = Shift("UTC", ("Mon-Sun 08:00-08:10",))
    assert next_due(Plan(utc(23, 0), (short,), 0.0), utc(23, 1)) is None  # no room for a check


def test_two_sets_of_hours_both_hold() -> None:
    own = Shift("America/New_York", ("Mon-Sun 14:00-23:00",))  # from 20:00 in Stockholm
    moment = next_due(Plan(utc(23, 0), (EVENINGS, own), 0.0), utc(23, 1))
    assert moment == utc(23, 19)


@pytest.mark.parametrize(
    ("month", "day", "hour"),
    [(3, 27, 17), (3, 30, 16), (10, 23, 16), (10, 26, 17)],  # around 29 March and 25 October: Friday and Monday
)
def test_hours_follow_the_clock_on_the_wall_through_its_changes(month: int, day: int, hour: int) -> None:
    assert next_due(Plan(utc(day, 0, month=month), (EVENINGS,), 0.0), utc(day, 1, month=month)) == utc(
        day, hour, month=month
    )


def test_hours_without_an_end_are_days_and_the_same_from_wherever_one_looks() -> None:
    always = (Shift("UTC", ("Mon-Sun 00:00-12:00", "Mon-Sun 12:00-00:00")),)
    for hour in (0, 7, 23):
        assert pieces(always, utc(23, hour), utc(23, hour, 30)) == [Stretch(utc(23, 0), utc(24, 0))]


plans = st.builds(
    lambda windows, zone, share: (tuple(Shift(zone, windows) for _ in range(1)), share),
    st.sampled_from(WINDOWS),
    st.sampled_from(ZONES),
    st.floats(0, 0.9999),
)
starts = st.sampled_from(
    [utc(27, 5, month=3), utc(3, 13, month=4), utc(23, 9, month=10), utc(20, 1), utc(1, 0, month=7)]
)


@settings(max_examples=6, deadline=None)
@given(plans, starts, st.sampled_from([1, 2, 7]))
def test_every_check_begins_within_the_hours_with_room_left_and_rounds_are_kept(
    plan: tuple[tuple[Shift, ...], float], start: datetime, days: int
) -> None:
    shifts, share = plan
    every = days * DAY
    made = checks_made(Plan(start, shifts, share), every, start, 16)
    for moment in made:
        assert all(open_at(shifts, moment + step * timedelta(minutes=1)) for step in range(10))
    gaps = [later - earlier for earlier, later in pairwise(made)]
    assert all(gap >= every - min(SLACK, every / 4) for gap in gaps)
    # At the latest within the next hours after a round is over; those come within a week, and a Sunday's hour that a
    # change of the clock leaves out within another.
    assert made
    assert all(gap <= every + 8 * DAY for gap in gaps)


@settings(max_examples=6, deadline=None)
@given(plans, starts, st.integers(1, 9))
def test_after_nights_off_it_is_caught_up_in_the_first_half_hour(
    plan: tuple[tuple[Shift, ...], float], start: datetime, off: int
) -> None:
    shifts, share = plan
    made = checks_made(Plan(start, shifts, share), 7 * DAY, start, off + 17, off=range(off))
    back = start + off * DAY
    first = next(piece for piece in pieces(shifts, back, back + 9 * DAY) if piece.end - ROOM > back)
    missed = any(piece.end - ROOM <= back for piece in pieces(shifts, start, back) if piece.begin >= start)
    if missed and first.end - first.begin > HOUR:
        assert made[0] <= max(first.begin + CATCH_UP, back) + QUARTER
    assert made[0] < first.end or not missed


def test_a_laptop_that_is_never_on_at_its_own_moment_is_checked_all_the_same() -> None:
    plan = Plan(utc(23, 0), (EVENINGS,), 0.9)  # its moment is 21:13, and it is off from 19:00
    now, made = utc(23, 0), None
    while now < utc(28, 0) and made is None:
        if now.hour < 18 and plan.earliest <= now and (moment := next_due(plan, now)) is not None and moment <= now:
            made = now
        now += QUARTER
    assert made == utc(24, 17, 30)  # the second evening, within the first half hour


def test_a_round_that_was_late_is_back_at_its_own_moment() -> None:
    daily = (Shift("UTC", ("Mon-Sun 08:00-20:00",)),)
    plan = Plan(earliest_after(utc(23, 19, 30), DAY), daily, 0.0)
    made = checks_made(plan, DAY, utc(24, 0), 3)
    assert made == [utc(24, 13, 30), utc(25, 8), utc(26, 8)]


def test_a_fleet_is_spread_evenly_over_the_hours() -> None:
    shares = sorted(share_of(f"key-{number}") for number in range(2000))
    assert statistics.mean(shares) == pytest.approx(0.5, abs=0.03)
    # Kolmogorov-Smirnov: the largest distance from an even spread is below 1.63/√n in 99 of 100 fleets.
    assert max(abs(share - rank / 2000) for rank, share in enumerate(shares)) < 1.63 / 2000**0.5
    assert shares[0] >= 0
    assert shares[-1] < 1


def test_a_computers_share_never_changes() -> None:
    # sha256("abc") begins with ba7816bf8f01 (FIPS 180-2, appendix B.1).
    assert share_of("abc") == 0xBA7816BF8F01 / 2**48


@pytest.mark.parametrize(("every", "less"), [(DAY, 6 * HOUR), (7 * DAY, SLACK), (30 * DAY, SLACK)])
def test_a_round_may_be_a_little_shorter_so_that_summer_time_costs_no_day(every: timedelta, less: timedelta) -> None:
    assert earliest_after(utc(1, 12), every) == utc(1, 12) + every - less

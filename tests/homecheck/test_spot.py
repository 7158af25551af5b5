"""The moment of a spot check: within working hours, evenly by chance, whatever the clock does meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import pytest

from homecheck.shift import Shift, Stretch
from homecheck.spot import NAP, Waiting, drawn, possible

# 2026-11-23 is a Monday; 18:00 to 22:00 in Stockholm is 17:00 to 21:00 UTC.
EVENINGS = Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",))
HOUR = timedelta(hours=1)
TEN_SECONDS = timedelta(seconds=10)


def utc(hour: int, minute: int = 0, second: int = 0, day: int = 23) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@dataclass
class Computer:
    """A computer that wakes up from every sleep at once; `events` say at which nap it is closed, or its clock set.

    An event is the number of the nap (from 1), how far the clock of the day goes on, and how far the computer does.
    """

    now: datetime
    chance: Callable[[int], int] = lambda count: count // 2
    events: dict[int, tuple[timedelta, timedelta]] = field(default_factory=dict)
    awake: float = 0.0
    naps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        day, awake = self.events.get(len(self.naps), (timedelta(0), timedelta(0)))
        self.now += timedelta(seconds=seconds) + day
        self.awake += seconds + awake.total_seconds()

    def waits(self, *shifts: Shift, within: timedelta = HOUR, needed: timedelta = TEN_SECONDS) -> bool:
        waiting = Waiting(lambda: self.now, lambda: self.awake, self.sleep, self.chance)
        return waiting.reached(shifts, within, needed)


def test_within_working_hours_all_of_the_time_is_possible() -> None:
    assert possible([EVENINGS], utc(18), HOUR, TEN_SECONDS) == [Stretch(utc(18), utc(19))]


def test_before_working_hours_only_their_beginning_is_possible_and_at_their_end_the_check_has_to_fit() -> None:
    assert possible([EVENINGS], utc(16, 20), HOUR, TEN_SECONDS) == [Stretch(utc(17), utc(17, 20))]
    assert possible([EVENINGS], utc(20, 30), HOUR, TEN_SECONDS) == [Stretch(utc(20, 30), utc(20, 59, 50))]
    assert possible([EVENINGS], utc(20, 30), HOUR, timedelta(minutes=30)) == []


def test_outside_working_hours_nothing_is_possible() -> None:
    assert possible([EVENINGS], utc(15), HOUR, TEN_SECONDS) == []
    assert possible([EVENINGS], utc(18, day=28), HOUR, TEN_SECONDS) == []  # a Saturday
    assert possible([], utc(18), HOUR, TEN_SECONDS) == []
    assert possible([EVENINGS], utc(18), -HOUR, TEN_SECONDS) == []


def test_the_hours_of_several_programs_add_up_and_each_check_fits_into_those_of_one() -> None:
    early, late = Shift("UTC", ("Mon 17:30-18:10",)), Shift("UTC", ("Mon 18:05-18:30", "Mon 18:40-18:50"))
    found = possible([late, early, late], utc(17), timedelta(hours=2), timedelta(minutes=10))
    # early can begin until 18:00, late from 18:05 to 18:20; the last window is as long as the check and fits nowhere.
    assert found == [Stretch(utc(17, 30), utc(18)), Stretch(utc(18, 5), utc(18, 20))]
    assert possible([early, late], utc(18, 2), HOUR, timedelta(minutes=1)) == [
        Stretch(utc(18, 2), utc(18, 29)),
        Stretch(utc(18, 40), utc(18, 49)),
    ]


def test_chance_reaches_from_the_first_microsecond_to_the_last_and_leaves_out_the_gap() -> None:
    stretches = [Stretch(utc(17), utc(17, 1)), Stretch(utc(18), utc(18, 2))]
    second = 1_000_000

    counts = []

    def at(offset: int) -> datetime:
        def below(count: int) -> int:
            counts.append(count)
            return offset

        return drawn(stretches, below)

    assert at(0) == utc(17)
    assert at(60 * second - 1) == utc(17, 1) - timedelta(microseconds=1)
    assert at(60 * second) == utc(18)
    assert at(180 * second - 1) == utc(18, 2) - timedelta(microseconds=1)
    assert counts == [180 * second] * 4


def test_there_is_no_moment_in_no_time() -> None:
    with pytest.raises(ValueError, match="there is no moment"):
        drawn([], lambda _: 0)


def test_every_minute_of_the_hours_has_the_same_chance() -> None:
    stretches = [Stretch(utc(17), utc(17, 20)), Stretch(utc(18), utc(18, 40))]
    draws, cells = 6000, 60
    counts = [0] * cells
    for _ in range(draws):
        moment = drawn(stretches)
        counts[moment.minute if moment.hour == 17 else 20 + moment.minute] += 1
    expected = draws / cells
    statistic = sum((count - expected) ** 2 / expected for count in counts)
    # Chi-square with 59 degrees of freedom by Wilson and Hilferty; one run in a million is beyond this by chance.
    freedom = cells - 1
    limit = freedom * (1 - 2 / (9 * freedom) + NormalDist().inv_cdf(1 - 1e-6) * (2 / (9 * freedom)) ** 0.5) ** 3
    assert statistic < limit


def test_it_waits_for_the_moment_and_sleeps_all_the_while() -> None:
    computer = Computer(utc(16, 30))  # half an hour before work: the moment is the middle of the half hour after
    assert computer.waits(EVENINGS)
    assert computer.now == utc(17, 15)
    assert sum(computer.naps) == 45 * 60
    assert len(computer.naps) == 45 * 60 / NAP.total_seconds()


def test_without_working_hours_it_does_not_wait() -> None:
    computer = Computer(utc(10))
    assert not computer.waits(EVENINGS)
    assert computer.naps == []


def test_a_computer_that_slept_past_the_moment_draws_a_new_one_from_what_is_left() -> None:
    # The moment is 18:30. After ten minutes the lid is closed for an hour: the clock of the day goes on alone.
    computer = Computer(utc(18), events={30: (HOUR, timedelta(0))})
    assert computer.waits(EVENINGS)
    # Awake again at 19:10, fifty of sixty minutes are left: the middle of them is 19:35.
    assert computer.now == utc(19, 35)


def test_a_computer_that_slept_until_the_hours_were_over_measures_nothing() -> None:
    computer = Computer(utc(18), events={30: (3 * HOUR, timedelta(0))})
    assert not computer.waits(EVENINGS)
    assert computer.now == utc(21, 10)


def test_a_clock_that_counts_sleep_as_well_leaves_no_time_and_measures_nothing() -> None:
    computer = Computer(utc(18), events={30: (HOUR, HOUR)})
    assert not computer.waits(EVENINGS)


def test_a_clock_that_is_set_forward_into_the_hours_makes_the_check_wait_for_them_anew() -> None:
    # It ran two hours late: what it took for 16:10 was 18:10.
    computer = Computer(utc(16), events={30: (2 * HOUR, timedelta(0))})
    assert computer.waits(EVENINGS, within=HOUR * 2)
    assert computer.now == utc(18, 10) + timedelta(minutes=55)


def test_a_clock_that_is_set_back_out_of_the_hours_measures_nothing_outside_them() -> None:
    computer = Computer(utc(18), events={30: (-4 * HOUR, timedelta(0))})
    assert not computer.waits(EVENINGS)
    assert computer.now == utc(14, 10)


def test_a_busy_computer_that_oversleeps_a_little_keeps_to_its_moment() -> None:
    late = timedelta(seconds=30)
    computer = Computer(utc(18), events={10: (late, late)})
    assert computer.waits(EVENINGS)
    assert computer.now == utc(18, 30)

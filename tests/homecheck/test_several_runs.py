"""Several runs as one figure: which runs count, and numbers that were worked out by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from homecheck.measurement import Level
from homecheck.several_runs import Figure, SeveralRuns, figure
from homecheck.shift import Shift

EVENINGS = Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",))


def unix(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())


NOW = unix(2026, 11, 23, 12)


def levels(*values: float, uncertainty: float = 0.5) -> list[Level]:
    return [Level(NOW - 3600 * (len(values) - index), value, uncertainty) for index, value in enumerate(values)]


def test_the_worst_is_the_lowest_under_a_lower_limit_and_the_highest_under_an_upper_one() -> None:
    runs = [Level(100, 50.0, 2.0), Level(200, 8.0, 0.4), Level(300, 95.0, 3.0)]
    assert figure("worst", runs, "low") == Figure(8.0, 0.4, 0.4, 200)
    assert figure("worst", runs, "high") == Figure(95.0, 3.0, 3.0, 300)


def test_of_two_runs_that_are_equally_bad_the_later_one_is_told() -> None:
    runs = [Level(100, 8.0, 0.1), Level(200, 8.0, 0.2)]
    assert figure("worst", runs, "low").at == figure("worst", runs, "high").at == 200


def test_the_median_has_the_interval_of_its_ranks_and_of_the_nearest_run() -> None:
    # n = 15: 7.5 ± 1.96 * sqrt(15 / 4) = 3.70 … 11.30, so from the 3rd to the 13th value (ranks 2 and 12 from 0).
    found = figure("median", levels(*range(1, 16), uncertainty=3.0), "high")
    assert found.value == 8
    assert found.below == pytest.approx((5**2 + 3**2) ** 0.5)
    assert found.above == pytest.approx((5**2 + 3**2) ** 0.5)


def test_the_90th_percentile_lies_on_the_bad_side() -> None:
    runs = levels(*range(1, 12), uncertainty=0.0)  # 11 values: 10 % of the way from 1 to 11 is 2, 90 % is 10
    assert figure("p90", runs, "low").value == pytest.approx(2)
    assert figure("p90", runs, "high").value == pytest.approx(10)
    # n = 11: 9.9 ± 1.96 * sqrt(0.99) = 7.95 … 11.85, so from the 7th value to the last.
    assert figure("p90", runs, "high").below == pytest.approx(3)
    assert figure("p90", runs, "high").above == pytest.approx(1)


@pytest.mark.parametrize("statistic", ["median", "p90", "worst"])
def test_a_single_run_is_as_sure_as_itself(statistic: str) -> None:
    found = figure(statistic, [Level(7, 20.0, 1.5)], "high")  # type: ignore[arg-type]
    assert (found.value, found.below, found.above) == (20.0, 1.5, 1.5)


@pytest.mark.parametrize(
    ("uncertainties", "own"),
    [
        ((0.5, 0.5, 3.0, 0.5, 0.5), 3.0),  # the run that the median is, is the least sure one
        ((9.0, 9.0, 1.0, 9.0, 9.0), 1.0),  # and the surest
    ],
)
def test_a_median_is_as_sure_as_the_run_next_to_it(uncertainties: tuple[float, ...], own: float) -> None:
    runs = [Level(index, 10.0 * index, one) for index, one in enumerate(uncertainties, 1)]
    # n = 5: 2.5 -/+ 1.96 * sqrt(5 / 4) = 0.31 and 4.69, so from the first to the last value: 20 below and above 30.
    found = figure("median", runs, "low")
    assert (found.value, found.at) == (30.0, None)
    assert (found.below, found.above) == pytest.approx((math.hypot(20, own), math.hypot(20, own)))


def test_of_two_runs_next_to_the_median_the_less_sure_one_counts() -> None:
    # n = 2: the median 15 lies between 10 and 20, each 5 away.
    for runs in ([Level(1, 10.0, 0.1), Level(2, 20.0, 4.0)], [Level(1, 10.0, 4.0), Level(2, 20.0, 0.1)]):
        assert figure("median", runs, "low").below == pytest.approx(math.hypot(5, 4))


def test_the_whole_rule_is_told_in_words() -> None:
    assert SeveralRuns("p90", days=1, at_least=3).words == (
        "p90 (all but the worst tenth) of the runs of 1 day; 3 or more are needed"
    )
    assert SeveralRuns("median").words == "median of the runs of 14 days; 5 or more are needed"


@pytest.mark.parametrize(("days", "at_least"), [(1, 1), (90, 60)])
def test_the_least_and_the_most_of_a_rule_are_allowed(days: int, at_least: int) -> None:
    assert SeveralRuns("worst", days, at_least).at_least == at_least


def test_runs_count_for_as_many_days_as_the_rule_says() -> None:
    rule = SeveralRuns("worst", days=14)
    day = 86_400
    assert rule.counts(NOW, NOW)
    assert rule.counts(NOW - 14 * day, NOW)
    assert not rule.counts(NOW - 14 * day - 1, NOW)
    assert not rule.counts(NOW + 1, NOW)  # a clock that was wrong


@pytest.mark.parametrize(
    ("at", "counted"),
    [
        (unix(2026, 11, 20, 18, 4), True),  # Friday 19:04 in Stockholm
        (unix(2026, 11, 20, 16, 59), False),  # 17:59
        (unix(2026, 11, 20, 17, 0), True),  # 18:00
        (unix(2026, 11, 20, 21, 0), False),  # 22:00
        (unix(2026, 11, 21, 18, 4), False),  # Saturday
        (unix(2026, 10, 23, 16, 30), True),  # summer time: 18:30
        (unix(2026, 10, 23, 20, 30), False),  # summer time: 22:30
    ],
)
def test_hours_are_those_of_the_shifts_zone(at: int, counted: bool) -> None:
    assert SeveralRuns("worst", days=60, hours=EVENINGS).counts(at, NOW) is counted


@pytest.mark.parametrize("at", [-62_135_596_800, -1, 253_402_300_799])
def test_moments_that_have_no_local_time_do_not_count(at: int) -> None:
    assert not SeveralRuns("worst", hours=Shift("Pacific/Kiritimati", ("Mon-Sun 00:00-23:59",))).counts(at, at)


def test_the_worst_is_told_with_its_local_time() -> None:
    at = unix(2026, 11, 17, 18, 4)
    rule = SeveralRuns("worst", days=14, hours=EVENINGS)
    assert rule.heading(Figure(8.0, 0.4, 0.4, at), 12) == (
        "worst of 12 runs in 14 days, Mon-Fri 18:00-22:00 (Europe/Stockholm), Tue 2026-11-17 19:04 CET"
    )
    assert SeveralRuns("median", days=1).heading(Figure(8.0, 0.4, 0.4), 1) == "median of 1 run in 1 day"
    assert SeveralRuns("worst").local(at) == "Tue 2026-11-17 18:04 UTC"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"statistic": "mean"}, "statistic = 'mean' is none of latest, median, p90, worst"),
        ({"statistic": "worst", "days": 0}, "over = 0d is not between 1d and 90d"),
        ({"statistic": "worst", "days": 91}, "over = 91d is not between 1d and 90d"),
        ({"statistic": "worst", "at_least": 0}, "runs_at_least = 0 is not between 1 and 60"),
        ({"statistic": "worst", "at_least": 61}, "runs_at_least = 61 is not between 1 and 60"),
    ],
)
def test_a_rule_that_nobody_could_meet_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeveralRuns(**arguments)  # type: ignore[arg-type]

"""Flows made by hand, whose rate is known."""

from __future__ import annotations

import random
import statistics
import time

import pytest
from scipy import stats

from homecheck.standards.goodput import Rate, estimate, repeated_median, window_seconds

BIN = 0.05


def flow(*mbit_s: float) -> list[int]:
    """Bins of 50 ms, one per rate."""
    return [round(rate / 8 * 1e6 * BIN) for rate in mbit_s]


def known(bins: list[int]) -> Rate:
    rate = estimate(bins, BIN)
    assert rate is not None
    return rate


def test_a_constant_flow_is_its_own_rate() -> None:
    rate = known(flow(*[40.0] * 60))
    assert rate.mbit_s == pytest.approx(40)
    assert rate.uncertainty == pytest.approx(0.2, abs=1e-6)  # half a per cent, never less
    assert rate.steady


def test_slow_start_does_not_count() -> None:
    rate = known(flow(*[2.0] * 8, *[10.0] * 6, *[40.0] * 66))
    assert rate.steady
    assert rate.mbit_s == pytest.approx(40)


def test_bytes_that_waited_behind_a_lost_packet_do_not_bend_the_line() -> None:
    # Held for 250 ms, then released at once; the second release falls into the last 0.3 s and is missing from the mean.
    dip = [0.0] * 5
    bins = flow(*[40.0] * 40, *dip, 240.0, *[40.0] * 34, *dip, 240.0, *[40.0] * 5)
    assert statistics.fmean(bins[20:-6]) / BIN * 8e-6 != pytest.approx(40, rel=0.02)
    rate = known(bins)
    assert rate.mbit_s == pytest.approx(40, rel=1e-3)
    assert abs(rate.mbit_s - 40) <= rate.uncertainty


def test_nothing_is_steady_before_start_and_window_are_over() -> None:
    # 0.75 s of start, 1.5 s of window, 0.3 s of end, in points of 0.1 s.
    assert not known(flow(*[40.0] * 50)).steady
    assert known(flow(*[40.0] * 54)).steady


@pytest.mark.parametrize(
    "bins",
    [
        flow(*[20 + index / 4 for index in range(80)]),  # still rising
        flow(*[80.0] * 40, *[40.0] * 30),  # has just halved
    ],
)
def test_a_flow_that_is_not_steady_says_so(bins: list[int]) -> None:
    rate = known(bins)
    assert not rate.steady
    assert rate.uncertainty > 0.02 * rate.mbit_s


def test_a_flow_in_gulps_is_its_mean_with_a_wide_interval() -> None:
    rate = known(flow(*[40.0] * 20, *([70.0] * 5 + [10.0] * 5) * 7))
    assert rate.mbit_s == pytest.approx(40, rel=0.05)
    assert rate.uncertainty > 0.02 * 40


def test_growth_is_that_of_the_second_half_over_the_first() -> None:
    # In the last half, points 4 to 7.7 s: 20 Mbit/s at 2.0 s, 0.5 Mbit/s more every 50 ms.
    assert known(flow(*(index / 2 for index in range(160)))).growth == pytest.approx(0.28, abs=0.04)
    assert known(flow(*[40.0] * 80)).growth == pytest.approx(0)


def test_the_bins_that_saw_the_streams_close_are_left_out() -> None:
    assert known(flow(*[40.0] * 60, 13.0, 0.0)).mbit_s == pytest.approx(40)


def test_the_interval_covers_the_truth_of_a_noisy_flow() -> None:
    source, hits = random.Random(2), 0
    for _ in range(200):
        rate = known(flow(*(source.gauss(50, 3) for _ in range(80))))
        hits += abs(rate.mbit_s - 50) <= rate.uncertainty
    assert hits >= 0.9 * 200


def test_the_interval_is_as_wide_as_the_errors_and_no_wider() -> None:
    """Of flows whose rate is known: the 95 % interval beside the error that 95 % of them stay below."""
    source = random.Random(7)
    ratios = []
    for scatter, bins in ((3, 80), (8, 80), (15, 80), (3, 160)):
        rates = [known(flow(*(source.gauss(50, scatter) for _ in range(bins)))) for _ in range(150)]
        errors = sorted(abs(rate.mbit_s - 50) for rate in rates)
        ratios.append(statistics.median(rate.uncertainty for rate in rates) / errors[142])
    assert 0.9 < statistics.fmean(ratios) < 1.2, ratios  # Student's t is right to a fifth; 2.0 and 3.2 are not
    assert sum(rate.steady for rate in rates) > 140  # of the quiet and long flow
    assert all(0.75 < ratio < 1.4 for ratio in ratios)


@pytest.mark.parametrize(("growth", "steady"), [(0.010, True), (0.017, True), (0.030, False), (-0.017, True)])
def test_a_flow_is_steady_while_its_halves_agree_within_two_per_cent(growth: float, steady: bool) -> None:
    # The shortest stretches have 1.5 to 2 s, the middles of their halves lie 0.75 to 1 s apart: a flow that grows by
    # 1.7 % a second is just level, one that grows by 3 % is not.
    assert known(flow(*(40 * (1 + growth * index * BIN) for index in range(80)))).steady is steady


def test_a_long_window_is_looked_for_behind_its_half() -> None:
    # Of 4 s: 2 s of start, the window, and 0.3 s of end are 126 bins.
    for bins, steady in ((124, False), (130, True)):
        rate = estimate(flow(*[40.0] * bins), BIN, window=4.0)
        assert rate is not None
        assert rate.steady is steady


def test_five_points_in_the_last_half_are_the_least() -> None:
    # 21 bins are 11 points, less 3 of the end: 8, and 4 in their last half.
    assert estimate(flow(*[40.0] * 21), BIN) is None
    assert estimate(flow(*[40.0] * 22), BIN) is not None


@pytest.mark.parametrize("bins", [[], flow(*[40.0] * 10), [0] * 100])
def test_too_little_is_no_rate(bins: list[int]) -> None:
    assert estimate(bins, BIN) is None


def test_a_long_round_trip_gets_a_long_window() -> None:
    assert window_seconds(0.02) == 1.5
    assert window_seconds(0.6) == 6.0


def test_the_repeated_median_withstands_a_third_of_wild_points() -> None:
    points = [3.0 * index for index in range(30)]
    for wild in (1, 2, 9, 10, 11, 20, 21, 28):
        points[wild] -= 50
    assert repeated_median(points) == pytest.approx(3.0)


@pytest.mark.parametrize("points", [[0.0, 5.0], [0.0, 1.0, 5.0], [0.0, 1.0, 2.0, 10.0], [3.0, 0.0, 1.0, 7.0, 4.0]])
def test_up_to_five_points_the_slope_is_siegels(points: list[float]) -> None:
    assert repeated_median(points) == pytest.approx(stats.siegelslopes(points).slope)


def test_of_more_points_only_those_a_third_away_are_joined() -> None:
    # Six points, joined over two steps at least. 0: 1/2 5/3 8/4 9/5 - 1: 4/2 7/3 8/4 - 2: 1/2 7/2 8/3 - 3: 5/3 4/2 4/2
    # - 4: 8/4 7/3 7/2 - 5: 9/5 8/4 8/3 4/2. Their medians: 1.733, 2, 2.667, 2, 2.333, 2.
    assert repeated_median([0.0, 1.0, 1.0, 5.0, 8.0, 9.0]) == pytest.approx(2.0)


def test_however_many_bins_a_stranger_brings_the_rate_takes_bounded_time() -> None:
    bins = [int(1000 * 1.02**number) for number in range(1200)]  # never level: every beginning is tried
    began = time.process_time()
    rate = estimate(bins, 0.1)
    assert time.process_time() - began < 3
    assert rate is not None
    assert not rate.steady

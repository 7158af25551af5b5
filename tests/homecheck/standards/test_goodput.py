"""Flows made by hand, whose rate is known."""

from __future__ import annotations

import random

import pytest

from homecheck.standards.goodput import estimate, steady, window_seconds

BIN = 0.05


def flow(*mbit_s: float) -> list[int]:
    """Bins of 50 ms, one per rate."""
    return [round(rate / 8 * 1e6 * BIN) for rate in mbit_s]


def test_a_constant_flow_is_its_own_rate() -> None:
    rate = estimate(flow(*[40.0] * 60), BIN)
    assert rate is not None
    assert rate.mbit_s == pytest.approx(40)
    assert rate.uncertainty == pytest.approx(0, abs=1e-6)
    assert rate.steady


def test_slow_start_does_not_count() -> None:
    rate = estimate(flow(*[2.0] * 8, *[10.0] * 6, *[40.0] * 66), BIN)
    assert rate is not None
    assert rate.steady
    assert rate.mbit_s == pytest.approx(40)


def test_nothing_is_steady_before_two_seconds() -> None:
    assert not steady(flow(*[40.0] * 39), BIN)
    assert steady(flow(*[40.0] * 40), BIN)


@pytest.mark.parametrize(
    "bins",
    [
        flow(*[20 + index / 4 for index in range(80)]),  # still rising
        flow(*[40.0] * 20, *[10.0] * 20, *([70.0] * 5 + [10.0] * 5) * 4),  # in gulps
        flow(*[80.0] * 40, *[40.0] * 30),  # has just halved
    ],
)
def test_a_flow_that_is_not_steady_says_so(bins: list[int]) -> None:
    assert not steady(bins, BIN)
    rate = estimate(bins, BIN)
    assert rate is not None
    assert not rate.steady
    assert rate.uncertainty > 0.02 * rate.mbit_s


def test_the_bins_that_saw_the_streams_close_are_left_out() -> None:
    rate = estimate(flow(*[40.0] * 60, 13.0, 0.0), BIN)
    assert rate is not None
    assert rate.mbit_s == pytest.approx(40)


def test_the_interval_covers_the_truth_of_a_noisy_flow() -> None:
    source, hits = random.Random(2), 0
    for _ in range(200):
        rate = estimate(flow(*(source.gauss(50, 3) for _ in range(80))), BIN)
        assert rate is not None
        hits += abs(rate.mbit_s - 50) <= rate.uncertainty
    assert hits >= 0.93 * 200


@pytest.mark.parametrize("bins", [[], flow(*[40.0] * 10), [0] * 100])
def test_too_little_is_no_rate(bins: list[int]) -> None:
    assert estimate(bins, BIN) is None


def test_a_long_round_trip_gets_a_long_window() -> None:
    assert window_seconds(0.02) == 1.5
    assert window_seconds(0.6) == 6.0

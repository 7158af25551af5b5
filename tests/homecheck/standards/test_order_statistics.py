from __future__ import annotations

import random

import pytest

from homecheck.standards.order_statistics import quantile


def test_the_median_lies_between_the_middle_two() -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5).value == 2.5


def test_the_interval_has_the_ranks_of_the_binomial_distribution() -> None:
    # n = 100, p = 0.5: 50 -/+ 1.96 * 5 = 40.2 and 59.8 -> 40th and 61st of the ordered sample, as in Conover's example.
    found = quantile([float(number) for number in range(1, 101)], 0.5)
    assert (found.low, found.high) == (40.0, 61.0)


def test_the_interval_covers_the_true_quantile_as_often_as_it_says() -> None:
    source = random.Random(11)
    truth = 1.6448536  # 95 % point of the normal distribution
    hits = 0
    for _ in range(400):
        found = quantile([source.gauss(0, 1) for _ in range(200)], 0.95)
        hits += found.low <= truth <= found.high
    assert hits >= 0.93 * 400


def test_the_half_width_is_the_longer_arm() -> None:
    # n = 10, p = 0.5: 5 -/+ 3.1 = 1.9 and 8.1 -> 1st and 10th of the ordered sample
    sample = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 90.0]
    found = quantile(sample, 0.5)
    assert (found.value, found.low, found.high) == (4.5, 0.0, 90.0)
    assert found.half_width == 85.5
    assert quantile([-one for one in sample], 0.5).half_width == 85.5


@pytest.mark.parametrize(("p", "value"), [(0.0, 1.0), (1.0, 3.0)])
def test_the_ends_are_the_least_and_the_most(p: float, value: float) -> None:
    assert quantile([3.0, 1.0, 2.0], p).value == value


@pytest.mark.parametrize("p", [-0.01, 1.01])
def test_a_share_beyond_the_whole_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile([1.0, 2.0], p)


def test_a_single_value_is_its_own_quantile() -> None:
    found = quantile([7.0], 0.95)
    assert (found.value, found.half_width) == (7.0, 0.0)


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="takes a sample"):
        quantile([], 0.5)

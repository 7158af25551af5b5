from __future__ import annotations

import random

import pytest
from scipy import stats

from homecheck.standards.gilbert_1960 import burst_ratio, count_losses


def pattern(text: str) -> list[bool]:
    """`.` arrived, `x` lost."""
    return [letter == "." for letter in text]


def test_losses_are_counted_with_their_bursts() -> None:
    losses = count_losses(pattern("..x.xxx..x"))
    assert (losses.packets, losses.lost, losses.bursts, losses.longest) == (10, 5, 3, 3)
    assert losses.last_lost


def test_the_burst_ratio_of_a_known_chain() -> None:
    # 20 packets: 16 arrived, 2 bursts of 2. p = 2/16, q = 2/4, 1/(p + q) = 1.6
    value, half_width = burst_ratio(count_losses(pattern("....xx......xx......")))
    assert value == pytest.approx(1.6)
    assert half_width > 1  # four losses say little


def test_the_last_burst_counts_as_begun_but_not_as_ended() -> None:
    # 16 arrived, bursts of 2, 1 and, at the end, 1: p = 3/16; of 3 losses that were followed 2 ended: q = 2/3.
    p, q = 3 / 16, 2 / 3
    low, high = stats.binomtest(2, 3).proportion_ci(method="wilson")
    value, half_width = burst_ratio(count_losses(pattern("....xx......x......x")))
    assert value == pytest.approx(1 / (p + q))
    least = max(1 / (p + high), 1.0)  # no ratio is below 1: here the interval's end would be
    assert half_width == pytest.approx(max(1 / (p + low) - value, value - least))


def test_a_ratio_below_one_counts_as_one() -> None:
    # Every other packet is lost: p = 10/10 and q = 10/10 give a half. Wilson: q lies between 0.7225 and 1.
    assert burst_ratio(count_losses(pattern("x.x.x.x.x.x.x.x.x.x."))) == pytest.approx((1.0, 0.0))


def test_when_everything_is_lost_nothing_is_known_of_bursts() -> None:
    assert burst_ratio(count_losses(pattern("xxxx"))) == (1.0, 0.0)


def test_independent_losses_have_a_burst_ratio_of_one() -> None:
    source = random.Random(5)
    value, half_width = burst_ratio(count_losses(source.random() > 0.1 for _ in range(50_000)))
    assert value == pytest.approx(1, abs=0.03)
    assert half_width < 0.1


def test_nothing_lost_is_a_ratio_of_one_by_definition() -> None:
    assert burst_ratio(count_losses(pattern("......"))) == (1.0, 0.0)


def test_one_loss_at_the_very_end_says_nothing_about_bursts() -> None:
    # p = 1/9; q may be anything from 0 to 1, so 1/(p + q) lies between 1 and 9
    ratio, half_width = burst_ratio(count_losses(pattern(".........x")))
    assert ratio == 1.0
    assert half_width == pytest.approx(8.0)


def test_the_interval_covers_the_ratio_of_a_bursty_chain() -> None:
    source = random.Random(8)
    losing, arrived = False, []
    for _ in range(5000):  # mean burst 3, P(loss after none) 0.01 -> BurstR 1 / (0.01 + 1/3)
        losing = source.random() < (2 / 3 if losing else 0.01)
        arrived.append(not losing)
    value, half_width = burst_ratio(count_losses(arrived))
    assert abs(value - 1 / (0.01 + 1 / 3)) < half_width < 1

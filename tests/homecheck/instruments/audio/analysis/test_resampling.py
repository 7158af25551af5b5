"""Against closed forms: the uncertainty of a mean, and the exact Poisson interval from scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from homecheck.instruments.audio.analysis.resampling import half_width, poisson_half_width


def test_the_half_width_of_a_mean_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(5).standard_normal(400)
    expected = 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert half_width(lambda rows: float(values[rows].mean()), 400) == pytest.approx(expected, rel=0.2)


def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    generator = np.random.default_rng(6)
    hits = 0
    for _ in range(200):
        values = generator.standard_normal(20)
        width = half_width(lambda rows, values=values: float(values[rows].mean()), 20)  # type: ignore[misc]  # bound now
        hits += abs(values.mean()) <= width
    assert 181 <= hits <= 200  # 95 % of 200 is 190, give or take 3 standard deviations of 3.1


@pytest.mark.parametrize(("blocks", "t95"), [(4, 3.182), (6, 2.571), (10, 2.262)])
def test_few_blocks_have_students_interval_on_the_average(blocks: int, t95: float) -> None:
    """t s / sqrt(n), with t from the table: what resampling alone makes a third too narrow for four blocks."""
    generator = np.random.default_rng(5)
    ratios = []
    for _ in range(200):
        values = generator.standard_normal(blocks)
        width = half_width(lambda rows, values=values: float(values[rows].mean()), blocks)  # type: ignore[misc]  # as above
        ratios.append(width / (t95 * values.std(ddof=1) / np.sqrt(blocks)))
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)


def test_equal_blocks_leave_the_methods_own_uncertainty() -> None:
    assert half_width(lambda _rows: 3.0, 10, at_least=0.05) == pytest.approx(0.05)


def test_the_same_sound_has_the_same_uncertainty_twice() -> None:
    values = np.arange(20.0)
    first, second = (half_width(lambda rows: float(values[rows].mean()), 20) for _ in range(2))
    assert first == second > 0


def test_one_block_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="1 block"):
        half_width(lambda _rows: 0.0, 1)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 30, 300])
def test_counts_have_garwoods_exact_interval(count: int) -> None:
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    assert poisson_half_width(count) == pytest.approx((high - low) / 2, rel=1e-6)

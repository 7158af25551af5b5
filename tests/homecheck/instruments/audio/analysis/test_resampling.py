"""Against closed forms: the uncertainty of a mean, and the exact Poisson interval from scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from homecheck.instruments.audio.analysis.resampling import half_width, half_width_of_many, poisson_half_width


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


@pytest.mark.parametrize("blocks", [2, 40, 5000, 70_000])  # in one part, in several, draw by draw
def test_many_draws_at_once_are_300_draws_of_all_blocks(blocks: int) -> None:
    values, shapes = np.random.default_rng(8).standard_normal(blocks), []

    def means(draws: NDArray[np.int64]) -> NDArray[np.float64]:
        shapes.append(draws.shape)
        return np.asarray(values[draws].mean(axis=1))

    one_by_one = half_width(lambda rows: float(values[rows].mean()), blocks, 0.01)
    assert half_width_of_many(means, blocks, 0.01) == pytest.approx(one_by_one, rel=1e-9)
    assert sum(count for count, _ in shapes) == 300
    assert {width for _, width in shapes} == {blocks}
    assert max(count * width for count, width in shapes) <= max(65_536, blocks)


def test_one_block_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="1 block"):
        half_width(lambda _rows: 0.0, 1)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 30, 300])
def test_counts_have_garwoods_exact_interval(count: int) -> None:
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    assert poisson_half_width(count) == pytest.approx((high - low) / 2, rel=1e-6)

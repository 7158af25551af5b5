"""Against scipy's recursion, sample by sample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from homecheck.standards.exponential_average import exponential_average


@pytest.mark.parametrize("count", [0, 1, 7, 2880, 2881, 100_000])
@pytest.mark.parametrize(("time_constant", "rate"), [(0.03, 48000), (0.125, 1000), (1.0, 1002.27), (0.001, 100)])
def test_it_is_the_plain_recursion(count: int, time_constant: float, rate: float) -> None:
    x = np.random.default_rng(count).standard_normal(count) ** 2
    g = math.exp(-1 / (time_constant * rate))
    expected = lfilter([1 - g], [1, -g], x, zi=[g * 0.7])[0] if count else x
    np.testing.assert_allclose(exponential_average(x, time_constant, rate, start=0.7), expected, rtol=1e-11)


def test_a_step_reaches_one_minus_one_over_e_after_its_time_constant() -> None:
    y = exponential_average(np.ones(2000), 0.1, 10_000)
    assert y[999] == pytest.approx(1 - math.exp(-1), abs=1e-9)

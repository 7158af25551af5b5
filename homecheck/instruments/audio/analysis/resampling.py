"""Uncertainty of a number by resampling: how much would it differ, had other pieces of the same sound been heard?

Neighbouring samples of a sound belong together, so whole blocks of it are drawn (moving parts of half a second, or
segments of a spectrum), never single frames: a block bootstrap. The draws are seeded, so the same recording has the
same uncertainty on every computer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.batch_means import student_t95
from homecheck.standards.wilson_1927 import Z95

DRAWS: Final = 300
Rows = NDArray[np.int64]
_AT_ONCE: Final = 2**16  # drawn rows: half a megabyte of them


def half_width(statistic: Callable[[Rows], float], blocks: int, at_least: float = 0.0) -> float:
    """Return half the width of the 95 % interval of `statistic`, a function of the rows drawn from ``range(blocks)``.

    `at_least` is the method's own uncertainty, added in quadrature. The interval is widened by sqrt(n / (n - 1)), since
    a draw of n blocks spreads that much too little, and by t / z, since few blocks know their own spread badly
    (Hesterberg, The American Statistician 69 (2015) 371, expanded percentile interval). ValueError below 2 blocks.
    """
    return half_width_of_many(lambda draws: np.array([statistic(rows) for rows in draws]), blocks, at_least)


def half_width_of_many(statistic: Callable[[Rows], NDArray[np.float64]], blocks: int, at_least: float = 0.0) -> float:
    """Return the same for a function of many draws, shape (draws, blocks), that returns a value for each: less time."""
    if blocks < 2:
        raise ValueError(f"{blocks} block cannot be resampled")
    generator = np.random.default_rng(20131)
    some = max(1, _AT_ONCE // blocks)  # the blocks of a long listen are drawn in parts, or they would fill the memory
    draws = (min(some, DRAWS - done) for done in range(0, DRAWS, some))
    values = np.concatenate([statistic(generator.integers(0, blocks, (count, blocks))) for count in draws])
    low, high = np.percentile(values, [2.5, 97.5])
    widened = math.sqrt(blocks / (blocks - 1)) * student_t95(blocks - 1) / Z95
    return math.hypot(float(high - low) / 2 * widened, at_least)


def poisson_half_width(count: int) -> float:
    """Return half the width of the exact 95 % interval of a counted number of independent events (Garwood, 1936)."""
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - _at_most(count - 1, mean), 0.025, count + 1.0)
    high = _solve(lambda mean: -_at_most(count, mean), -0.025, 2.0 * count + 20.0)
    return (high - low) / 2


def _at_most(count: int, mean: float) -> float:
    """Return the probability of at most `count` events where `mean` are expected."""
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1)) if mean > 0 else 1.0


def _solve(rising: Callable[[float], float], value: float, above: float) -> float:
    low, high = 0.0, above
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < value else (low, middle)
    return (low + high) / 2

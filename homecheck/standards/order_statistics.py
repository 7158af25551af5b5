"""Quantiles of a sample, with an interval that assumes nothing about its distribution.

The number of samples below the true p-quantile is binomial (n, p); its normal approximation gives the two ranks between
which the quantile lies with 95 % (Conover, Practical Nonparametric Statistics, 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from homecheck.standards.wilson_1927 import Z95


@dataclass(frozen=True)
class Quantile:
    """A quantile with the ends of its 95 % interval, in the unit of the sample."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """The longer arm of the interval."""
        return max(self.high - self.value, self.value - self.low)


def quantile(sample: Sequence[float], p: float) -> Quantile:
    """Return the `p`-quantile (0 … 1) of `sample`, interpolated between ranks. ValueError for an empty sample."""
    if not sample or not 0 <= p <= 1:
        raise ValueError("a quantile takes a sample and a p between 0 and 1")
    ordered = sorted(sample)
    count = len(ordered)
    spread = Z95 * math.sqrt(count * p * (1 - p))
    low = max(0, math.floor(count * p - spread) - 1)
    high = min(count - 1, math.ceil(count * p + spread))
    return Quantile(_at(ordered, p * (count - 1)), ordered[low], ordered[high])


def _at(ordered: Sequence[float], rank: float) -> float:
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)

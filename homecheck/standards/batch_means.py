"""The 95 % interval of a mean whose samples depend on one another: the method of batch means.

Consecutive samples go into batches; the batches' means are nearly independent, and Student's t does the rest (Law,
Simulation Modeling and Analysis, 9.5.3).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Final

BATCHES: Final = 20

# Two-sided 95 % points of Student's t for 1, 2, 3 … degrees of freedom.
_T95: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def student_t95(degrees: int) -> float:
    """Return the two-sided 95 % point of Student's t; beyond 30 degrees that of 30, which is a little wide."""
    if degrees < 1:
        raise ValueError("Student's t takes at least 1 degree of freedom")
    return _T95[min(degrees, len(_T95)) - 1]


def half_width(samples: Sequence[float], batches: int = BATCHES) -> float:
    """Return the half width of the 95 % interval of the mean of `samples`. ValueError below 2 samples."""
    count = min(batches, len(samples))
    if count < 2:
        raise ValueError("an interval takes at least 2 samples")
    edges = [len(samples) * index // count for index in range(count + 1)]
    means = [statistics.fmean(samples[low:high]) for low, high in itertools.pairwise(edges)]
    return student_t95(count - 1) * statistics.stdev(means) / math.sqrt(count)

"""E. B. Wilson, JASA 22 (1927) 209-212: the score interval of a proportion. It holds at 0 of n and at n of n too."""

from __future__ import annotations

import math
from typing import Final

Z95: Final = 1.959963984540054  # two-sided 95 % point of the normal distribution


def interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of the proportion behind `successes` of `trials`, both ends within 0 … 1.

    ValueError without trials or with more successes than trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no proportion")
    share, square = successes / trials, Z95 * Z95
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = Z95 / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    # At the edges the formula is 0 or 1 exactly; rounding must not lead beyond.
    return (0.0 if successes == 0 else middle - half), (1.0 if successes == trials else middle + half)

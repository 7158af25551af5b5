"""RFC 3550 section 6.4.1: interarrival jitter of RTP.

A transit time is receive time minus send time by two clocks that need not agree: a constant offset cancels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

GAIN: Final = 1 / 16


def transit_differences(transits: Sequence[float]) -> list[float]:
    """Return D(i-1,i), the difference of consecutive transit times, in their unit; one fewer than `transits`."""
    return [later - earlier for earlier, later in itertools.pairwise(transits)]


def jitter(transits: Sequence[float]) -> list[float]:
    """Return J after every packet: J = J + (|D| - J)/16, starting from 0."""
    estimates, estimate = [], 0.0
    for difference in transit_differences(transits):
        estimate += (abs(difference) - estimate) * GAIN
        estimates.append(estimate)
    return estimates


def mean_differences(transits: Sequence[float]) -> float:
    """Return the mean of |D|: what J estimates, without its start from 0 and its noise. ValueError below 2 packets."""
    if len(transits) < 2:
        raise ValueError("jitter takes at least 2 packets")
    return sum(abs(difference) for difference in transit_differences(transits)) / (len(transits) - 1)

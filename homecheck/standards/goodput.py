"""Goodput of a path from bytes in bins: when the start is over, what the rate is, and how sure that is.

No standard fixes this. The rule was set before the traces that it was judged by: it asks for three signs of a steady
flow in the last window (1.5 s, longer where the round trip is), takes the mean of that window and says when they are
absent. Bins of 250 ms, because bytes held behind a lost packet arrive all at once and make shorter ones jump.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from homecheck.standards.batch_means import student_t95

WINDOW_SECONDS: Final = 1.5
SETTLE_SECONDS: Final = 2.0  # before this nothing counts as steady
BATCH_SECONDS: Final = 0.25
END_SECONDS: Final = 0.6  # how far back the end of the flow may lie
DRIFT_WITHIN: Final = 0.02  # of the later half, between the halves of the window
DRIFT_BEFORE: Final = 0.06  # of the later half, between the window before and the later half
SPREAD: Final = 0.08  # standard deviation over mean of the batches
BYTES_TO_MBIT: Final = 8e-6


@dataclass(frozen=True)
class Rate:
    """Payload per second in Mbit/s, with the half width of its 95 % interval, and whether the flow was steady."""

    mbit_s: float
    uncertainty: float
    steady: bool


def window_seconds(rtt_seconds: float) -> float:
    """Return the window for a path with this round trip: ten of them, at least 1.5 s."""
    return max(WINDOW_SECONDS, 10 * rtt_seconds)


def steady(bins: Sequence[int], bin_seconds: float, window: float = WINDOW_SECONDS) -> bool:
    """Tell whether the flow is steady at the end of `bins` (bytes each)."""
    width = round(window / bin_seconds)
    if len(bins) * bin_seconds < max(SETTLE_SECONDS, window) or not any(bins[-width:]):
        return False
    last = bins[-width:]
    first_half, second_half = statistics.fmean(last[: width // 2]), statistics.fmean(last[width // 2 :])
    if abs(first_half - second_half) >= DRIFT_WITHIN * second_half:
        return False
    before = bins[max(len(bins) - 2 * width, round(0.2 / bin_seconds)) : -width]
    if len(bins) >= 2 * width and abs(statistics.fmean(before) - second_half) >= DRIFT_BEFORE * second_half:
        return False
    batches = _batches(last, bin_seconds)
    return statistics.stdev(batches) < SPREAD * statistics.fmean(batches)


def estimate(bins: Sequence[int], bin_seconds: float, window: float = WINDOW_SECONDS) -> Rate | None:
    """Return the rate at the end of `bins`: of the last window where steady, else of the last half. None without data.

    The end may lie a little back: the last bins see streams being closed, and at the far end what was still under way.
    """
    per_second = BYTES_TO_MBIT / bin_seconds
    width = round(window / bin_seconds)
    for cut in range(round(END_SECONDS / bin_seconds) + 1):
        upto = bins[: len(bins) - cut]
        if steady(upto, bin_seconds, window):
            return _rate(upto[-width:], bin_seconds, per_second, is_steady=True)
    last_half = bins[len(bins) // 2 :]
    if len(last_half) * bin_seconds < 2 * BATCH_SECONDS or not any(last_half):
        return None
    return _rate(last_half, bin_seconds, per_second, is_steady=False)


def _rate(bins: Sequence[int], bin_seconds: float, per_second: float, *, is_steady: bool) -> Rate:
    """Return the mean with its interval: scatter of the batches, and the drift between the halves as far as it goes."""
    batches = _batches(bins, bin_seconds)
    middle = len(bins) // 2
    scatter = student_t95(len(batches) - 1) * statistics.stdev(batches) / math.sqrt(len(batches))
    drift = abs(statistics.fmean(bins[:middle]) - statistics.fmean(bins[middle:])) / 2
    return Rate(statistics.fmean(bins) * per_second, math.hypot(scatter, drift) * per_second, is_steady)


def _batches(bins: Sequence[int], bin_seconds: float) -> list[float]:
    """Return the mean of every whole batch of 250 ms, counted from the end."""
    width = round(BATCH_SECONDS / bin_seconds)
    return [statistics.fmean(bins[end - width : end]) for end in range(len(bins), width - 1, -width)]

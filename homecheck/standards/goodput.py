"""Goodput of a path from bytes in bins: when the start is over, what the rate is, and how sure that is.

No standard fixes this. Bytes behind a lost packet wait until it was sent again and then arrive all at once, so the
cumulative count runs along a straight line and falls short of it now and then. The rate is the slope of that line by
Siegel's repeated median (Biometrika 69 (1982) 242), which such dips do not bend; a mean over the same time reads up to
some per cent wrong, in both directions, when a dip lies at either end.

The line is looked for in the longest stretch up to the end whose halves agree within 2 %: what came before was the
start. Where there is none, the flow was not steady, and the slope of the last half says so.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 1.5  # the shortest stretch
SETTLE_SECONDS: Final = 0.75  # before this no line is looked for
POINT_SECONDS: Final = 0.1  # between points of the cumulative count
LEAST_POINTS: Final = 5  # below this there is no rate at all
MOST_POINTS: Final = 200  # the newest: what it takes grows with their cube, and a far end may be told any number
STEP_SECONDS: Final = 0.5  # between the beginnings that are tried
END_SECONDS: Final = 0.3  # at the end streams are being closed, and what was still under way is missing
HALVES_WITHIN: Final = 0.02
LEAST_SHARE: Final = 0.005  # of the value: what packets sent twice, and headers nobody counts, may take
BYTES_TO_MBIT: Final = 8e-6
T95: Final = 2.6  # Student's t for the five or six independent stretches that a random walk has
MAD_TO_SD: Final = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Rate:
    """Payload per second in Mbit/s, with the half width of its 95 % interval, and whether the flow was steady.

    `growth` is what the second half of the stretch was faster by, as a share.
    """

    mbit_s: float
    uncertainty: float
    steady: bool
    growth: float = 0.0


@dataclass(frozen=True)
class _Line:
    """A stretch of the cumulative count: slopes in bytes per point, of the whole and of both halves."""

    points: Sequence[float]
    slope: float
    first: float
    second: float

    @classmethod
    def through(cls, points: Sequence[float]) -> _Line:
        middle = len(points) // 2
        whole, first, second = (repeated_median(part) for part in (points, points[: middle + 1], points[middle:]))
        return cls(points, whole, first, second)

    @property
    def level(self) -> bool:
        return self.second > 0 and abs(self.first - self.second) < HALVES_WITHIN * self.second

    @property
    def half_width(self) -> float:
        """Bytes per point: what noise, drift, dips and repetitions each may have done, together."""
        mean = (self.points[-1] - self.points[0]) / (len(self.points) - 1)
        return math.hypot(
            T95 * self.standard_error(),
            (self.first - self.second) / 2,
            mean - self.slope,
            LEAST_SHARE * self.slope,
        )

    def standard_error(self) -> float:
        """Return that of the slope, in bytes per point, if the rate itself strays: the count is then a random walk.

        A walk of variance s^2 per point lies s sqrt(n / 15) off a line through it, whose slope is wrong by s / sqrt(n).
        Dips whose bytes come back make the slope far better than that; by the median deviation they hardly count.
        """
        count = len(self.points)
        raw = [value - self.slope * index for index, value in enumerate(self.points)]
        middle = statistics.median(raw)
        deviation = MAD_TO_SD * statistics.median(abs(value - middle) for value in raw)
        return math.sqrt(15) * deviation / count


def window_seconds(rtt_seconds: float) -> float:
    """Return the shortest stretch for a path with this round trip: ten of them, at least 1.5 s."""
    return max(WINDOW_SECONDS, 10 * rtt_seconds)


def estimate(bins: Sequence[int], bin_seconds: float, window: float = WINDOW_SECONDS) -> Rate | None:
    """Return the rate that `bins` (bytes each) ended with; None where there is too little to tell."""
    points = cumulative(bins, bin_seconds)
    points = points[: len(points) - round(END_SECONDS / POINT_SECONDS)][-MOST_POINTS:]
    shortest = round(window / POINT_SECONDS)
    settled = round(max(SETTLE_SECONDS, window / 2) / POINT_SECONDS)
    for begin in range(settled, len(points) - shortest, round(STEP_SECONDS / POINT_SECONDS)):
        line = _Line.through(points[begin:])
        if line.level:
            return _rate(line, steady=True)
    last_half = points[len(points) // 2 :]
    if len(last_half) < LEAST_POINTS or last_half[-1] == last_half[0]:
        return None
    return _rate(_Line.through(last_half), steady=False)


def _rate(line: _Line, *, steady: bool) -> Rate:
    to_mbit_s = BYTES_TO_MBIT / POINT_SECONDS
    growth = (line.second - line.first) / line.second if line.second > 0 else 0.0
    return Rate(line.slope * to_mbit_s, line.half_width * to_mbit_s, steady, growth)


def cumulative(bins: Sequence[int], bin_seconds: float) -> list[float]:
    """Return the bytes counted by every point in time, the first being 0."""
    per_point = max(1, round(POINT_SECONDS / bin_seconds))
    return [0.0, *itertools.accumulate(bins)][::per_point]


def repeated_median(points: Sequence[float]) -> float:
    """Return the slope per point: the median over all points of the median slope to those at least a third away."""
    count = len(points)
    far = max(1, count // 3)
    medians = []
    for index, value in enumerate(points):
        slopes = [(value - points[other]) / (index - other) for other in range(index - far + 1)]
        slopes += [(points[other] - value) / (other - index) for other in range(index + far, count)]
        if slopes:
            medians.append(statistics.median(slopes))
    return statistics.median(medians) if medians else 0.0

"""Small drawings of a quantity over time: every value with its 95 % interval, and the policy's limits as lines.

Everything here is arithmetic; the template writes the SVG. Lengths are in the drawing's own units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.course import Course, Step
from homecheck.measurement import Measurement
from homecheck.numbers import number
from homecheck.policy import Limits, Policy

# What an IT team asks for first, in the order of the page.
DRAWN: Final = (
    "network.download",
    "network.upload",
    "network.rtt",
    "network.loss",
    "network.mos",
    "room.noise",
)
WIDTH: Final = 360
HEIGHT: Final = 150
LEFT: Final = 46  # room for the numbers beside the axis
RIGHT: Final = 10
TOP: Final = 10
BOTTOM: Final = 24
STEPS: Final = (1, 2, 5, 10)
MOST_INTERVALS: Final = 4
LARGEST: Final = 1e12  # what a device claims beyond this is no measurement of a home, and would break the arithmetic
FINEST: Final = 1e-6  # of the largest number beside the axis: nearer together, two values are one in a drawing
FROM_ZERO: Final = ("Mbit/s", "ms", "%")  # units that have a natural zero: a drawing that hides it exaggerates


@dataclass(frozen=True)
class Point:
    """One value of one check."""

    step: Step
    found: Measurement
    value: float
    uncertainty: float
    missed: bool


@dataclass(frozen=True)
class Dot:
    """A point in the drawing; `low` and `high` are the ends of its interval."""

    point: Point
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """A line across: a number beside the axis, or a limit."""

    y: float
    text: str


@dataclass(frozen=True)
class Plot:
    """A quantity over time. `limits` are what the policy of now needs; `failed` counts checks without a value."""

    quantity: str
    unit: str
    dots: tuple[Dot, ...]
    ticks: tuple[Line, ...]
    limits: tuple[Line, ...]
    failed: int

    @property
    def path(self) -> str:
        """The points of the line through the values."""
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


def plots(found: Course, policy: Policy) -> list[Plot]:
    """Return the drawings of what was measured at least once."""
    limits = {requirement.quantity: requirement.limits for requirement in policy.requirements}
    drawn = (plot(found, quantity, limits.get(quantity)) for quantity in DRAWN)
    return [one for one in drawn if one is not None]


def plot(found: Course, quantity: str, limits: Limits | None) -> Plot | None:
    """Return the drawing of one quantity; None where no check has a number of it."""
    measured = [(step, one) for step in found.steps if (one := step.measurement(quantity)) is not None]
    points = [_point(step, one, limits) for step, one in measured if _drawable(one)]
    if not points:
        return None
    unit = points[-1].found.quantity.unit
    wanted = [limit for limit in (limits.at_least, limits.at_most) if limit is not None] if limits else []
    ticks = scale(points, wanted, from_zero=unit in FROM_ZERO)
    low, high = ticks[0], ticks[-1]
    return Plot(
        quantity,
        unit,
        tuple(_dot(point, points, low, high) for point in points),
        tuple(Line(_height(tick, low, high), number(tick)) for tick in ticks),
        tuple(Line(_height(limit, low, high), number(limit)) for limit in wanted),
        len(measured) - len(points),
    )


def scale(points: Sequence[Point], limits: Sequence[float], *, from_zero: bool) -> list[float]:
    """Return the numbers beside the axis: even ones, around every interval and every limit."""
    ends = [point.value - point.uncertainty for point in points] + [point.value + point.uncertainty for point in points]
    low, high = min([*ends, *limits]), max([*ends, *limits])
    if from_zero:
        low = 0.0 if low >= 0 or min(point.value for point in points) >= 0 else low
    step = _step(max(high - low, FINEST * max(abs(high), abs(low), 1.0)))
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [count * step for count in range(first, last + 1)]


def _step(span: float) -> float:
    """Return the least of 1, 2 and 5 times a power of ten that divides `span` into few enough intervals."""
    power = 10.0 ** math.floor(math.log10(span / MOST_INTERVALS))
    return next(factor * power for factor in STEPS if factor * power * MOST_INTERVALS >= span * (1 - 1e-9))


def _drawable(found: Measurement) -> bool:
    return found.is_number and max(abs(float(found.value or 0)), found.uncertainty or 0.0) <= LARGEST


def _point(step: Step, found: Measurement, limits: Limits | None) -> Point:
    value = float(found.value or 0)
    return Point(step, found, value, found.uncertainty or 0.0, limits is not None and limits.missed_by(value))


def _dot(point: Point, points: Sequence[Point], low: float, high: float) -> Dot:
    ends = (point.value - point.uncertainty, point.value + point.uncertainty)
    bottom, top = (_height(min(max(end, low), high), low, high) for end in ends)
    return Dot(point, _across(point.step.received_at, points), _height(point.value, low, high), bottom, top)


def _across(at: datetime, points: Sequence[Point]) -> float:
    """Return how far right a moment is: the earliest value stands at the left end, the latest at the right end."""
    moments = [point.step.received_at for point in points]
    begin, end = min(moments), max(moments)
    share = (at - begin) / (end - begin) if end > begin else 0.5
    return LEFT + 8 + share * (WIDTH - LEFT - RIGHT - 16)


def _height(value: float, low: float, high: float) -> float:
    return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

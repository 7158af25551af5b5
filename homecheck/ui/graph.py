"""The live graph of the connection: two small plots, speed and delay over time, as points of SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from homecheck.instruments.network_run import News

WIDTH: Final = 600
HEIGHT: Final = 140
LEFT: Final = 72  # room for the numbers of the axis
PHASES: Final = ("idle", "download", "upload")


@dataclass(frozen=True)
class Line:
    """One line of a plot: the phase it belongs to, and its points as SVG wants them."""

    phase: str
    points: str


@dataclass(frozen=True)
class Plot:
    """One plot: its lines, the number at its top, the newest value, and how many seconds it spans."""

    lines: tuple[Line, ...]
    top: float
    newest: float | None
    seconds: float


@dataclass(frozen=True)
class Graph:
    """Both plots, and the phase that runs."""

    speed: Plot
    delay: Plot
    phase: str
    best: dict[str, float]  # the highest speed seen in each direction, Mbit/s


def graph(news: Sequence[News]) -> Graph:
    """Return the plots of what was told so far; times of the phases follow one another."""
    begins, end = _begins(news)
    timed = [(begins[one.phase] + one.seconds, one) for one in news]
    speed = [(at, one.phase, one.mbit_s) for at, one in timed if one.mbit_s is not None]
    delay = [(at, one.phase, one.rtt_ms) for at, one in timed if one.rtt_ms is not None]
    best = {phase: max((value for _, name, value in speed if name == phase), default=0.0) for phase in PHASES[1:]}
    return Graph(_plot(speed, end), _plot(delay, end), news[-1].phase if news else "", best)


def _begins(news: Sequence[News]) -> tuple[dict[str, float], float]:
    """Return when each phase begins on the axis, and where the axis ends."""
    begins, end = {}, 0.0
    for phase in PHASES:
        begins[phase] = end
        end += max((one.seconds for one in news if one.phase == phase), default=0.0)
    return begins, max(end, 1.0)


def _plot(values: Sequence[tuple[float, str, float]], end: float) -> Plot:
    top = nice_top(max((value for _, _, value in values), default=0.0))
    lines = []
    for phase in PHASES:
        points = [
            f"{LEFT + (WIDTH - LEFT) * at / end:.1f},{HEIGHT - HEIGHT * value / top:.1f}"
            for at, name, value in values
            if name == phase
        ]
        if points:
            lines.append(Line(phase, " ".join(points)))
    return Plot(tuple(lines), top, values[-1][2] if values else None, end)


def nice_top(value: float) -> float:
    """Return the next of 1, 2 or 5 times a power of ten, so that the axis reads well and seldom changes."""
    if value <= 0:
        return 10.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 5, 10) if value <= power * step)

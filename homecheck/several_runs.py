"""Several runs as one figure: which of them count, and the median, the 90th percentile or the worst of them.

"Bad" depends on the limit: under a lower limit the low values are, under an upper limit the high ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from homecheck.measurement import LAST_SECOND, MAX_EARLIER, Level
from homecheck.shift import DAYS, Shift
from homecheck.standards.order_statistics import quantile

Statistic = Literal["median", "p90", "worst"]
Side = Literal["low", "high"]

SIDES: Final[tuple[Side, Side]] = ("low", "high")
STATISTICS: Final[tuple[Statistic, ...]] = ("median", "p90", "worst")
WORDS: Final[dict[Statistic, str]] = {"median": "median", "p90": "p90 (all but the worst tenth)", "worst": "worst"}
MOST_DAYS: Final = 90  # that levels are kept at all
USUAL_DAYS: Final = 14
USUAL_RUNS: Final = 5


@dataclass(frozen=True)
class SeveralRuns:
    """Which figure counts, of the runs of how many days, how many there must be, and (optionally) in which hours.

    ValueError for a figure that is not known and for numbers beyond what is kept and sent.
    """

    statistic: Statistic
    days: int = USUAL_DAYS
    at_least: int = USUAL_RUNS
    hours: Shift | None = None

    def __post_init__(self) -> None:
        if self.statistic not in STATISTICS:
            raise ValueError(f"statistic = {self.statistic!r:.40} is none of latest, {', '.join(STATISTICS)}")
        if not 1 <= self.days <= MOST_DAYS:
            raise ValueError(f"over = {self.days}d is not between 1d and {MOST_DAYS}d")
        if not 1 <= self.at_least <= MAX_EARLIER:
            raise ValueError(f"runs_at_least = {self.at_least} is not between 1 and {MAX_EARLIER}")

    def counts(self, at: int, now: int) -> bool:
        """Tell whether a run at the moment `at` counts at the moment `now` (both Unix seconds)."""
        if not 0 <= at <= LAST_SECOND or not 0 <= now - at <= timedelta(days=self.days).total_seconds():
            return False
        return self.hours is None or self.hours.holds(_moment(at))

    @property
    def period(self) -> str:
        """The days and hours as people read them: ``14 days, Mon-Fri 18:00-22:00 (Europe/Stockholm)``."""
        days = "1 day" if self.days == 1 else f"{self.days} days"
        return f"{days}, {', '.join(self.hours.windows)} ({self.hours.timezone})" if self.hours else days

    @property
    def words(self) -> str:
        """The whole rule as people read it."""
        return f"{WORDS[self.statistic]} of the runs of {self.period}; {self.at_least} or more are needed"

    def heading(self, figure: Figure, count: int) -> str:
        """Return what stands before the figure of `count` runs; for the worst, when that was."""
        runs = "1 run" if count == 1 else f"{count} runs"
        when = "" if figure.at is None else f", {self.local(figure.at)}"
        return f"{WORDS[self.statistic]} of {runs} in {self.period}{when}"

    def local(self, at: int) -> str:
        """Return a moment in the zone of the hours, else in UTC: ``Tue 2026-11-17 19:04 CET``."""
        moment = _moment(at).astimezone(self.hours.zone() if self.hours else UTC)
        return f"{DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M} {moment.tzname()}"


@dataclass(frozen=True)
class Figure:
    """What several runs come to, how far below and above it the true value may lie, and whose it is where it is one's.

    All but `at` (Unix seconds) in the unit of the levels.
    """

    value: float
    below: float
    above: float
    at: int | None = None


def figure(statistic: Statistic, levels: Sequence[Level], bad: Side) -> Figure:
    """Return the figure of `levels`, of which there must be at least one.

    The worst is one run's and as sure as that run. Quantiles are as sure as their ranks allow (Conover, see
    `order_statistics`) and the nearest run is.
    """
    if statistic == "worst":
        worst = min(levels, key=lambda level: (level.value if bad == "low" else -level.value, -level.at))
        return Figure(worst.value, worst.uncertainty, worst.uncertainty, worst.at)
    p = 0.5 if statistic == "median" else 0.1 if bad == "low" else 0.9
    found = quantile([level.value for level in levels], p)
    own = min(levels, key=lambda level: (abs(level.value - found.value), -level.uncertainty)).uncertainty
    return Figure(found.value, math.hypot(found.value - found.low, own), math.hypot(found.high - found.value, own))


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)

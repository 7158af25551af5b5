"""Whose share it is: where on the way delay, its variation, loss, and delay under load arise.

The way is divided at up to three routers: home (computer to gateway: the Wi-Fi or the cable), line (gateway to the
provider's first router), networks beyond it, and the far end's own network. Each router was timed while the packets of
the measurement passed it. What has arisen up to a router, the packets that go on behind it carry as well; so the
figures grow along the way, and the part that adds the most is named.

A router answers such questions with low priority, so its figures may be worse than those of the packets that it passes
on. One that is worse, beyond chance, than what lies behind it proves nothing and is left out. In doubt nobody is named:
`at_fault` is then None. Pure: no clock, no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from homecheck.errors import AtFault
from homecheck.measurement import Cause
from homecheck.standards.order_statistics import quantile
from homecheck.standards.wilson_1927 import interval

Spot = Literal["gateway", "public", "last", "responder"]
SPOTS: Final[tuple[Spot, ...]] = ("gateway", "public", "last", "responder")
LEAST_ANSWERS: Final = 3  # of a router, for anything to be said about its delay
LEAST_VARIED: Final = 15  # about its variation, which few answers make too small
LEAST_LOST: Final = 3
MAJORITY: Final = 0.5  # of the whole, that a part must add to be named

# Below these nothing is there to be explained.
LEAST_DELAY_MS: Final = 20.0
LEAST_VARIATION_MS: Final = 3.0
LEAST_INCREASE_MS: Final = 10.0
RESOLUTION_MS: Final = 1.0  # of a router's answer: what its own work on it takes

NAMES: Final[dict[Spot, str]] = {
    "gateway": "the way to your own router",
    "public": "the way to your provider's first router",
    "last": "the way to the last router before our server",
    "responder": "the way to our server",
}


@dataclass(frozen=True)
class Seen:
    """What came back from one spot: round trips in ms, of `asked` questions or packets."""

    rtts_ms: tuple[float, ...]
    asked: int

    @property
    def lost(self) -> int:
        """How many did not come back."""
        return self.asked - len(self.rtts_ms)


@dataclass(frozen=True)
class Way:
    """One phase of a measurement, seen at every spot that was watched; `responder` is among them.

    `ends_at_ours`: between `last` and the responder lies only the responder's own network. `others` is how many other
    sessions the responder served meanwhile; None: it does not say.
    """

    seen: dict[Spot, Seen]
    ends_at_ours: bool = False
    others: int | None = None


@dataclass(frozen=True)
class Figure:
    """A figure at one spot with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Part:
    """The part of the way that adds most, from behind `after` (None: this computer) up to `upto`."""

    after: Spot | None
    upto: Spot
    figures: dict[Spot, Figure]


def delay(way: Way) -> Cause | None:
    """Return where most of the median round trip is spent, or None for one too short to matter."""
    part = _largest(_figures(way, _median), LEAST_DELAY_MS)
    if part is None:
        return None
    distance = part.upto == "last"  # how far away we are is nobody's fault, and lies between the provider and us
    return Cause(None if distance else _at_fault(part, way), _sentence(part, "takes", "ms"))


def variation(way: Way) -> Cause | None:
    """Return where most of the variation of the round trip arises: from its 5 % to its 95 % quantile."""
    part = _largest(_figures(way, _spread, LEAST_VARIED), LEAST_VARIATION_MS)
    return None if part is None else Cause(_at_fault(part, way), _sentence(part, "varies by", "ms"))


def increase(idle: Way, loaded: Way) -> Cause | None:
    """Return where most of the delay arises that a load adds, median less idle median.

    A load is short and some routers answer once a second: a high quantile of four answers would be the one slow answer
    of a router that was busy, and a queue that stands raises the median as well.
    """
    before = _figures(idle, _median)
    under = {spot: figure for spot, figure in _figures(loaded, _median).items() if spot in before}
    risen = {
        spot: Figure(
            max(0.0, figure.value - before[spot].value),
            max(0.0, figure.low - before[spot].high),
            max(0.0, figure.high - before[spot].low),
        )
        for spot, figure in under.items()
    }
    part = _largest(risen, LEAST_INCREASE_MS)
    if part is None:
        return None
    return Cause(_at_fault(part, loaded), _sentence(part, "slows down under load by", "ms"))


def loss(way: Way) -> Cause | None:
    """Return where most of the loss arises.

    A router that leaves questions unanswered may just be busy: only one that lost about what the packets lost, or
    clearly less, says something.
    """
    whole = way.seen["responder"]
    if whole.lost < LEAST_LOST:
        return None
    total = _share(whole)
    figures: dict[Spot, Figure] = {"responder": total}
    for spot, seen in way.seen.items():
        figure = _share(seen)
        is_clean = figure.high < total.value
        is_alike = seen.lost >= LEAST_LOST and figure.low <= total.high and figure.value >= MAJORITY * total.value
        if spot != "responder" and len(seen.rtts_ms) >= LEAST_ANSWERS and (is_clean or is_alike):
            figures[spot] = figure
    part = _largest(figures, 0.0)
    return None if part is None else Cause(_at_fault(part, way), _sentence(part, "loses", "%"))


def _figures(way: Way, read: Callable[[Sequence[float]], Figure], least: int = LEAST_ANSWERS) -> dict[Spot, Figure]:
    """Return the figure of every spot with at least so many answers, nearest first."""
    return {
        spot: read(way.seen[spot].rtts_ms)
        for spot in SPOTS
        if spot in way.seen and len(way.seen[spot].rtts_ms) >= least
    }


def _largest(figures: dict[Spot, Figure], least: float) -> Part | None:
    """Return the part of the way that adds most of the whole; None without a whole of at least `least`, or routers."""
    if len(figures) < 2 or "responder" not in figures or figures["responder"].value < least:
        return None
    kept = _credible(figures)
    best, most = Part(None, "responder", kept), 0.0
    after: Spot | None = None
    before = 0.0
    for spot, figure in kept.items():
        if figure.value - before > most:
            best, most = Part(after, spot, kept), figure.value - before
        after, before = spot, figure.value
    # Where no part adds the greater half, the whole way is the part.
    return best if most >= MAJORITY * kept["responder"].value else Part(None, "responder", {})


def _credible(figures: dict[Spot, Figure]) -> dict[Spot, Figure]:
    """Return the figures without those that are worse than what lies behind them, beyond chance.

    Of the others, what is worse by chance is brought down to what lies behind.
    """
    kept: dict[Spot, Figure] = {}
    behind: Figure | None = None
    for spot in reversed(SPOTS):
        figure = figures.get(spot)
        if figure is None or (behind is not None and figure.low > behind.high + RESOLUTION_MS):
            continue
        value = figure.value if behind is None else min(figure.value, behind.value)
        high = figure.high if behind is None else min(figure.high, behind.high)
        kept[spot] = behind = Figure(value, figure.low, high)
    return dict(reversed(kept.items()))


def _at_fault(part: Part, way: Way) -> AtFault | None:
    """Return whose the part is; None where it holds parts of several."""
    spots: tuple[Spot | None, ...] = (None, *SPOTS)
    covered = SPOTS[spots.index(part.after) : SPOTS.index(part.upto) + 1]
    if covered == ("gateway",):
        return "home_link"
    if set(covered) <= {"public", "last"}:
        return "line"
    if covered == ("responder",) and way.ends_at_ours:
        return "server"
    # Somewhere behind the provider, while the responder had others to serve: in doubt it is ours.
    if set(covered) <= {"last", "responder"} and way.others:
        return "server"
    return None


def _sentence(part: Part, verb: str, unit: str) -> str:
    if not part.figures:
        return "no part of the way alone explains it"
    there = _amount(part.figures[part.upto].value, unit)
    if part.after is not None:
        here = _amount(part.figures[part.after].value, unit)
        return f"{NAMES[part.after]} {verb} only {here}, {NAMES[part.upto]} {verb} {there}"
    if part.upto == "responder":
        return f"{NAMES['responder']} {verb} {there}; no router on it tells where"
    return f"{NAMES[part.upto]} already {verb} {there}"


def _amount(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def _median(rtts: Sequence[float]) -> Figure:
    found = quantile(rtts, 0.5)
    return Figure(found.value, found.low, found.high)


def _spread(rtts: Sequence[float]) -> Figure:
    high, low = quantile(rtts, 0.95), quantile(rtts, 0.05)
    return Figure(high.value - low.value, max(0.0, high.low - low.high), high.high - low.low)


def _share(seen: Seen) -> Figure:
    """Return the loss in per cent."""
    low, high = interval(seen.lost, seen.asked)
    return Figure(100 * seen.lost / seen.asked, 100 * low, 100 * high)

"""E. N. Gilbert, BSTJ 39 (1960) 1253: packets are lost in bursts, described by a chain of two states.

p = P(lost | the previous one arrived)      q = P(arrived | the previous one was lost)
BurstR = 1 / (p + q), at least 1            ITU-T G.107 7.5: 1 for independent losses
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from homecheck.standards.wilson_1927 import interval


@dataclass(frozen=True)
class Losses:
    """How packets of one run were lost: their number, the number of runs of consecutive losses, the longest run."""

    packets: int
    lost: int
    bursts: int
    longest: int
    last_lost: bool  # the run ended inside a burst, whose end nobody saw


def count_losses(arrived: Iterable[bool]) -> Losses:
    """Return the counts of a run in sending order; `arrived` tells of every packet whether it did."""
    packets = lost = bursts = longest = current = 0
    for here in arrived:
        packets += 1
        current = 0 if here else current + 1
        lost += not here
        bursts += current == 1
        longest = max(longest, current)
    return Losses(packets, lost, bursts, longest, last_lost=current > 0)


def burst_ratio(losses: Losses) -> tuple[float, float]:
    """Return BurstR and the half width of its 95 % interval, from Wilson's interval of q; (1, 0) when nothing is lost.

    Few losses say little about their bursts, and the interval says so. A single loss at the very end says nothing about
    q: the ratio then lies anywhere between 1 and 1 / p.
    """
    arrived = losses.packets - losses.lost
    if losses.lost == 0 or arrived == 0:
        return 1.0, 0.0
    p = losses.bursts / arrived
    ends = losses.bursts - losses.last_lost
    followed = losses.lost - losses.last_lost
    if followed == 0:
        return 1.0, max(1.0, 1 / p) - 1
    low, high = interval(ends, followed)
    value = max(1.0, 1 / (p + ends / followed))
    return value, max(max(1.0, 1 / (p + low)) - value, value - max(1.0, 1 / (p + high)))

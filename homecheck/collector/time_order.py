"""Which entries of a log do not fit into the order of time: the fewest that have to go so that the rest ascends."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


def out_of_order(seconds: Sequence[float], slack: float) -> list[int]:
    """Return the indices of the times that contradict their neighbours by more than `slack`.

    What is kept is a longest non-decreasing subsequence (patience sorting, Fredman 1975), so one entry that was dated
    back, or forward, is named itself, and not all that stand behind it.
    """
    kept = _longest_ascending(seconds)
    found = []
    for at, time in enumerate(seconds):
        place = bisect_right(kept, at)
        before = seconds[kept[place - 1]] if place else time
        after = seconds[kept[place]] if place < len(kept) else time
        if time < before - slack or time > after + slack:
            found.append(at)
    return found


def _longest_ascending(seconds: Sequence[float]) -> list[int]:
    """Return the indices of a longest non-decreasing subsequence."""
    ends: list[float] = []  # the least last time of an ascending run of each length
    at_end: list[int] = []
    previous: list[int] = []
    for at, time in enumerate(seconds):
        length = bisect_right(ends, time)
        previous.append(at_end[length - 1] if length else -1)
        if length == len(ends):
            ends.append(time)
            at_end.append(at)
        else:
            ends[length], at_end[length] = time, at
    kept: list[int] = []
    at = at_end[-1] if at_end else -1
    while at >= 0:
        kept.append(at)
        at = previous[at]
    return kept[::-1]

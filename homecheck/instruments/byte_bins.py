"""Bytes over time, in bins of 50 ms: what both ends of a throughput measurement keep."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

BIN_SECONDS: Final = 0.05


class ByteBins:
    """Counts bytes into bins. `start` is the reading of a monotonic clock, in seconds, at which bin 0 begins.

    A report covers the time since the one before it: its bytes are spread evenly over the bins in between, so that an
    observer who looks late does not see a burst that was none.
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self.total = 0
        self._cumulative: list[float] = [0.0]  # bytes at the end of every complete bin, beginning with time 0
        self._last_time = 0.0

    def add(self, count: int, now: float) -> None:
        """Count bytes that arrived up to the moment `now`."""
        self.reach(self.total + count, now)

    def reach(self, total: int, now: float) -> None:
        """Say that `total` bytes had arrived by the moment `now`; neither ever goes back."""
        seconds = max(now - self.start, self._last_time)
        total = max(total, self.total)
        while (edge := len(self._cumulative) * BIN_SECONDS) <= seconds:
            span = seconds - self._last_time
            share = (edge - self._last_time) / span if span > 0 else 1.0
            self._cumulative.append(self.total + (total - self.total) * share)
        self._last_time, self.total = seconds, total

    def complete(self) -> list[int]:
        """Return the bytes of every complete bin."""
        whole = [round(count) for count in self._cumulative]
        return [later - earlier for earlier, later in pairwise(whole)]

    @property
    def seconds(self) -> float:
        """How long has been reported."""
        return self._last_time

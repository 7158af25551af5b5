"""Whether this computer slept or stood still while something was measured.

Asleep, because the lid was closed: a monotonic clock stops meanwhile on Linux and macOS, so that nothing looks late
afterwards. But each system has a second clock that goes on; what lies between the two grows by the time asleep.

Standing still, because the program was stopped, or the computer had no time for it: then the monotonic clock goes on,
and a pulse that should beat ten times a second comes late.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from homecheck.errors import ProbeError

LEAST_SECONDS: Final = 1.0  # below this it was no sleep; a pause in the packets that no call has
BEAT_SECONDS: Final = 0.1
FORGOTTEN_SECONDS: Final = 5.0  # so long a silence of ours may be why a far end has given us up
ADVICE: Final = "Keep the computer awake and its lid open, and repeat the check."


def asleep_seconds() -> float:
    """Return how long the computer has slept since it was started, up to a constant; 0 where nothing tells."""
    if sys.platform == "linux":
        try:
            return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        except OSError:  # a system that looks like Linux and has not all of its clocks
            return 0.0
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    if sys.platform == "win32":
        return _asleep_on_windows()
    return 0.0


@dataclass(frozen=True)
class SleepWatch:
    """Begun before a measurement, asked after it."""

    asleep: Callable[[], float]
    before: float

    @classmethod
    def begin(cls, asleep: Callable[[], float] = asleep_seconds) -> SleepWatch:
        """Begin to watch."""
        return cls(asleep, asleep())

    def check(self) -> None:
        """Raise ProbeError ``interrupted`` (device) when the computer has slept since then."""
        slept = self.asleep() - self.before
        if slept >= LEAST_SECONDS:
            raise interrupted(f"slept for {slept:.0f} s")


@dataclass
class Pulse:
    """When a thread that should run ten times a second did not: from when to when, on the monotonic clock."""

    stops: list[tuple[float, float]] = field(default_factory=list)

    def beat(self, last: float, now: float) -> None:
        """Take in two beats that follow one another."""
        if now - last - BEAT_SECONDS >= LEAST_SECONDS:
            self.stops.append((last, now))

    def check(self) -> None:
        """Raise ProbeError ``interrupted`` (device) when the far end may have given us up meanwhile."""
        longest = longest_stop(self.stops)
        if longest >= FORGOTTEN_SECONDS:
            raise interrupted(f"stood still for {longest:.0f} s")


@contextmanager
def pulse() -> Iterator[Pulse]:
    """Keep a pulse until the context ends."""
    found, ended = Pulse(), threading.Event()

    def keep() -> None:
        last = time.monotonic()
        while not ended.wait(BEAT_SECONDS):
            found.beat(last, last := time.monotonic())
        found.beat(last, time.monotonic())

    thread = threading.Thread(target=keep, name="pulse", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def longest_stop(stops: Sequence[tuple[float, float]], begin: float = -math.inf, end: float = math.inf) -> float:
    """Return the seconds of the longest of `stops` that reaches into the time from `begin` to `end`."""
    return max((stop - start for start, stop in stops if start < end and stop > begin), default=0.0)


def interrupted(what: str) -> ProbeError:
    """Return the failure of a measurement during which the computer did not go on measuring."""
    return ProbeError("interrupted", ADVICE, message=f"the computer {what} during the measurement")


if sys.platform == "win32":
    import ctypes

    def _asleep_on_windows() -> float:
        """Return interrupt time with sleep (64-bit ticks of 1 ms) less that without (units of 100 ns), in seconds."""
        unbiased = ctypes.c_ulonglong()
        ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(unbiased))
        ticks = ctypes.windll.kernel32.GetTickCount64
        ticks.restype = ctypes.c_ulonglong
        return float(ticks()) / 1e3 - unbiased.value / 1e7

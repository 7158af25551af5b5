"""Live values of a step while it runs: the level at the microphone, and how fast and how quick the line is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from homecheck.instruments.audio.recording import record
from homecheck.instruments.network_run import News
from homecheck.measurement import Probe
from probes.headset import Headset
from probes.landline import Landline
from probes.network import Network
from probes.quiet_room import QuietRoom

MOST_NEWS: Final = 600  # more than a minute of them
FRESH_PEAK: Final = 5  # levels, half a second, that the meter looks back upon
# Of a voice at the microphone, effective value in dBFS: below the first hardly anything is heard, above the second it
# is near overload. Rough by intent: the meter helps to put the microphone right, the probe measures.
QUIET_DBFS: Final = -45.0
LOUD_DBFS: Final = -12.0
BOTTOM_DBFS: Final = -70.0


@dataclass
class Live:
    """What a step tells while it runs; written by its threads, read by requests."""

    levels: deque[float] = field(default_factory=lambda: deque(maxlen=FRESH_PEAK))
    news: deque[News] = field(default_factory=lambda: deque(maxlen=MOST_NEWS))

    def level(self) -> float | None:
        """Return the highest of the newest levels in dBFS, None before there is one."""
        newest = list(self.levels)
        return max(newest) if newest else None

    def tuned(self, probe: Probe) -> Probe:
        """Return a probe that tells this object what it sees, where it is one that can."""
        if isinstance(probe, Network):
            return replace(probe, news=self.news.append)
        if isinstance(probe, Headset | QuietRoom | Landline) and probe.record is record:
            heard: Any = probe  # of these three, each with a recorder of the same kind
            tuned: Probe = replace(heard, record=partial(record, level=self.levels.append))
            return tuned
        return probe


def loudness(level_dbfs: float) -> str:
    """Return the word for a level: quiet, good or loud."""
    if level_dbfs < QUIET_DBFS:
        return "quiet"
    return "loud" if level_dbfs > LOUD_DBFS else "good"


def share_of_meter(level_dbfs: float) -> int:
    """Return how far a level fills the meter, 0 to 100."""
    return round(100 * min(1.0, max(0.0, 1 - level_dbfs / BOTTOM_DBFS)))

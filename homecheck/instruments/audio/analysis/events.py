"""Events: how often the Fast level rises out of the background."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RISE_DB: Final = 10.0  # above LA90: an event begins
FALL_DB: Final = 5.0  # above LA90: it has ended, when the level stays below for QUIET_SECONDS
QUIET_SECONDS: Final = 0.5


def count_events(levels_db: NDArray[Any], background_db: float, step_seconds: float) -> int:
    """Return the number of times that the level, one value per `step_seconds`, rises 10 dB above the background.

    Between two events lies half a second without a value 5 dB above it: one sentence is one event, not twenty.
    """
    loud = np.flatnonzero(levels_db >= background_db + RISE_DB)
    if len(loud) == 0:
        return 0
    above = np.flatnonzero(levels_db >= background_db + FALL_DB)
    # Stretches above the lower line, merged over short gaps; those that reach the upper line are events.
    breaks = np.flatnonzero(np.diff(above) * step_seconds > QUIET_SECONDS)
    starts = above[np.concatenate([[0], breaks + 1])]
    return len(np.unique(np.searchsorted(starts, loud, side="right")))

"""Whether a device delivers as many samples a second as it says.

A device that is set to another rate than it says, or a source that is no microphone at all, delivers too few or too
many: every pitch and every time would then be wrong. A sound card's own clock is off by far less than 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from homecheck.errors import ProbeError

TOLERANCE: Final = 0.05  # 44.1 instead of 48 kHz is 8 % off; with six busy programs on two cores 0.4 % were seen
LEAST_SECONDS: Final = 3.0  # a shorter stretch holds too few arrivals
LEAST_ARRIVALS: Final = 20
LUMP_SECONDS: Final = 1.0  # of sound is the most that a sound server holds back; a longer wait is a pause
MOST: Final = 10  # times the rate; above, the number would say nothing


def refuse_wrong_pace(arrivals: Sequence[tuple[float, int]], rate_hz: int, name: str) -> None:
    """Raise ProbeError ``wrong_rate`` when sound does not arrive at `rate_hz`, as far as `arrivals` tell.

    `arrivals` are (seconds, samples until then). A pause is no wrong rate: what counts is the median over all quarters.
    Nor is sound that a crowded computer hands over in lumps, so the whole must be off by more than its longest wait.
    """
    found = pace(arrivals, rate_hz)
    if found is None or abs(found / rate_hz - 1) <= TOLERANCE or not _off_as_a_whole(arrivals, rate_hz):
        return
    delivered = f"about {round(found, -2):.0f}" if found < MOST * rate_hz else f"more than {MOST * rate_hz}"
    advice = f"Set the device to {rate_hz} Hz in the system's sound settings, or unplug it and plug it in again."
    raise ProbeError(
        "wrong_rate",
        f"{advice} Then repeat the check.",
        message=f"{name}: it says {rate_hz} samples a second and delivers {delivered}: pitch and time would be wrong",
    )


def _off_as_a_whole(arrivals: Sequence[tuple[float, int]], rate_hz: int) -> bool:
    """Tell whether all samples together are too few or too many by more than what one lump of them holds."""
    (begun, first), (ended, last) = arrivals[0], arrivals[-1]
    longest_wait = max(b[0] - a[0] for a, b in pairwise(arrivals))
    seconds, lump = ended - begun, min(longest_wait, LUMP_SECONDS)
    return abs((last - first) / rate_hz - seconds) > TOLERANCE * seconds + lump


def pace(arrivals: Sequence[tuple[float, int]], rate_hz: int) -> float | None:
    """Return the samples a second in the middle of all stretches of a quarter; None where too little arrived.

    What is too little goes by the clock or by `rate_hz`, whichever is longer: sound that comes too fast is soon over.
    """
    if len(arrivals) < LEAST_ARRIVALS:
        return None
    (begun, first), (ended, last) = arrivals[0], arrivals[-1]
    if max(ended - begun, (last - first) / rate_hz) < LEAST_SECONDS:
        return None
    quarter = len(arrivals) // 4
    pairs = zip(arrivals, arrivals[quarter:], strict=False)
    rates = sorted((b[1] - a[1]) / (b[0] - a[0]) if b[0] > a[0] else math.inf for a, b in pairs)
    return rates[len(rates) // 2]

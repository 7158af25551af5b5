"""A sound at 8 kHz, whatever it was recorded at: all that speech, hum and the pace of events need."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.overlap_save import Stretches

RATE_HZ: Final = 8000
_TOP_HZ: Final = 3900.0  # between here and 4 kHz the gain falls to nothing, an edge that rings for some hundredths


def narrow_band(x: NDArray[Any], rate_hz: int) -> NDArray[np.float32]:
    """Return `x` at 8000 Hz: the gain is 1 up to 3.9 kHz and 0 from 4 kHz on. From below 8 kHz nothing is missing."""
    return narrowed(Stretches.of(x, rate_hz, RATE_HZ))


def narrowed(stretches: Stretches) -> NDArray[np.float32]:
    """Return the same of a sound whose spectra, with 8000 Hz as their other rate, are there already."""
    return stretches.at_other_rate(np.clip((RATE_HZ / 2 - stretches.frequencies) / (RATE_HZ / 2 - _TOP_HZ), 0, 1))

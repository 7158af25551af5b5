"""Sound as a telephone line carries it: 8000 samples per second, and nothing outside 300 to 3400 Hz (ITU-T G.712).

One transform of the whole sound does both, so that the rates 8, 16, 44.1 and 48 kHz come out alike.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 8000
BAND_HZ: Final = (300.0, 3400.0)
_PAD_SECONDS: Final = 0.05  # silence behind the sound: a transform is circular, and the end must not meet the start


def telephone_band(x: NDArray[Any], rate_hz: int, band_hz: tuple[float, float] = BAND_HZ) -> NDArray[np.float64]:
    """Return `x` at `RATE_HZ`, limited to `band_hz`; ValueError for a rate below 8 kHz and for NaN or infinity."""
    if rate_hz < RATE_HZ:
        raise ValueError(f"{rate_hz} samples per second do not hold the telephone band")
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError("samples that are no numbers")
    if len(x) == 0:
        return np.zeros(0)
    # Whole hundredths of a second have whole numbers of samples at both rates.
    hundredths = _easily_transformed(-(-(len(x) + round(_PAD_SECONDS * rate_hz)) * 100 // rate_hz))
    spectrum = np.fft.rfft(x, hundredths * rate_hz // 100)
    f = np.arange(len(spectrum)) * 100 / hundredths
    spectrum[(f < band_hz[0]) | (f > band_hz[1])] = 0
    count = hundredths * RATE_HZ // 100
    narrow = np.fft.irfft(spectrum[: count // 2 + 1], count) * (RATE_HZ / rate_hz)
    return np.asarray(narrow[: -(-len(x) * RATE_HZ // rate_hz)])


def _easily_transformed(count: int) -> int:
    """Return the next number whose prime factors are 2, 3 and 5: a transform of a large prime is slow."""
    while True:
        left = count
        for factor in (2, 3, 5):
            while left % factor == 0:
                left //= factor
        if left == 1:
            return count
        count += 1

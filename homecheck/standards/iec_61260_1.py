"""IEC 61260-1:2014, octave bands: how much power a sound has in each, base ten, midbands 31.5 Hz to 8 kHz.

Bands are cut out of spectra, with straight edges at the nearest line: what a filter of class 1 comes near to.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.frame_spectra import frame_power

MIDBANDS: Final = (31.5, 63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)  # Hz, nominal (Annex E)
HALF_BAND: Final = 10**0.15  # edge over midband: half of G = 10^0.3 (5.2, 5.5)
_EXACT: Final = tuple(1000 * 10 ** (0.3 * step) for step in range(-5, 4))


def octaves_below(rate_hz: float) -> tuple[float, ...]:
    """Return the midbands whose whole band a sound at this rate can hold, with a tenth left for the card's filter."""
    return tuple(
        nominal for nominal, exact in zip(MIDBANDS, _EXACT, strict=True) if exact * HALF_BAND <= 0.45 * rate_hz
    )


def edges(midband: float) -> tuple[float, float]:
    """Return the lower and the upper edge of an octave in Hz (5.5), by its nominal midband."""
    exact = _EXACT[MIDBANDS.index(midband)]
    return exact / HALF_BAND, exact * HALF_BAND


def octave_power(x: NDArray[Any], rate_hz: int, midbands: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the mean square of `x` in each of `midbands`, from Hann windows of a second, one after the other.

    ValueError for less sound than a window, and for a band that a sound at this rate cannot hold.
    """
    if not set(midbands) <= set(octaves_below(rate_hz)):
        raise ValueError(f"{rate_hz} Hz cannot hold all of {midbands}")
    if len(x) < rate_hz:
        raise ValueError("octave bands need 1 s of sound")
    window = np.hanning(rate_hz).astype(np.float32)
    power = frame_power(x, window, rate_hz).mean(axis=0, dtype=np.float64)  # a line for each Hz
    # Parseval; twice, for the half of the spectrum that is not there.
    scale = 2 / (rate_hz * float(np.sum(window.astype(np.float64) ** 2)))
    bands = [[round(edge) for edge in edges(midband)] for midband in midbands]
    return np.array([power[begin:end].sum() for begin, end in bands]) * scale

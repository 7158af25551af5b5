"""IEC 61672-1:2013, sound level meters: A-weighting, Fast and Slow time weighting, levels and percentiles.

The weighting is applied in the frequency domain, where it is exact at every sampling rate: the usual bilinear filter
reads white noise 0.9 dB low at 48 kHz and leaves the tolerances of class 1 at the 16 kHz of a Bluetooth headset.

Levels are in dB relative to full scale, where 0 dB is the power of a full-scale square wave (a full-scale sine has
-3.01 dB), because a computer's microphone has no known sensitivity: nothing here is a sound pressure level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.exponential_average import exponential_average
from homecheck.standards.overlap_save import Stretches

F1: Final = 20.598997  # Hz, the poles of Annex E
F2: Final = 107.65265
F3: Final = 737.86223
F4: Final = 12194.217
A1000: Final = -2.000  # dB, the curve's value at 1 kHz before it is normalised (Annex E)

FAST: Final = 0.125  # s, time weighting F (5.8.1)
SLOW: Final = 1.0  # s, time weighting S

BLOCK_SECONDS: Final = 0.001  # energy is averaged over blocks of this length before the time weighting
SILENCE: Final = -200.0  # dB, the level of nothing at all


@dataclass(frozen=True)
class WeightedPower:
    """The A-weighted mean square of each block of a recording; `block_seconds` is a block's length."""

    power: NDArray[np.float64]
    block_seconds: float

    def level_db(self) -> float:
        """Return LAeq over everything (3.9)."""
        return decibels(float(self.power.mean()))

    def time_weighted_db(self, time_constant: float = FAST) -> NDArray[np.float64]:
        """Return the time-weighted level (3.8) at the end of each block.

        The average starts at the mean of the first time constant, so that it need not climb from silence.
        """
        first = max(1, round(time_constant / self.block_seconds))
        start = float(self.power[:first].mean())
        weighted = exponential_average(self.power, time_constant, 1 / self.block_seconds, start)
        return 10 * np.log10(np.maximum(weighted, 10 ** (SILENCE / 10)))


def a_weighting_db(f: NDArray[Any]) -> NDArray[np.float64]:
    """Return the A-weighting at frequencies `f` in Hz (Annex E, equation E.6), -inf at 0 Hz."""
    with np.errstate(divide="ignore"):
        weighting: NDArray[np.float64] = 20 * np.log10(_a_weighting(np.asarray(f, dtype=np.float64))) - A1000
    return weighting


def a_weighted_power(x: NDArray[Any], rate_hz: int) -> WeightedPower:
    """Return the A-weighted power of `x`, full scale 1, block by block.

    Its first and last tenth of a second are left out: a signal that is cut off there has frequencies of its own.
    ValueError for less than 0.3 s.
    """
    return weighted_power(Stretches.of(x, rate_hz))


def weighted_power(stretches: Stretches) -> WeightedPower:
    """Return the same of a sound whose spectra are there already."""
    rate_hz, count = stretches.rate_hz, stretches.samples
    block = max(1, round(BLOCK_SECONDS * rate_hz))
    edge = -(-rate_hz // 10)
    if count < 3 * edge:
        raise ValueError(f"{count} samples are too few for a level")
    y = stretches.filtered(_a_weighting(stretches.frequencies) * 10 ** (-A1000 / 20))[edge : count - edge]
    blocks = len(y) // block
    y = y[: blocks * block].reshape(blocks, block)
    power: NDArray[np.float64] = np.einsum("ij,ij->i", y, y).astype(np.float64) / block
    return WeightedPower(power, block / rate_hz)


def exceeded_db(levels: NDArray[Any], percent: float) -> float:
    """Return the level that is exceeded `percent` of the time: LA10, LA50, LA90."""
    return float(np.percentile(levels, 100 - percent))


def decibels(power: float) -> float:
    """Return a power in dB relative to full scale."""
    return 10 * math.log10(power) if power > 0 else SILENCE


def _a_weighting(f: NDArray[np.float64]) -> NDArray[np.float64]:
    f2 = f * f
    curve: NDArray[np.float64] = F4**2 * f2 * f2 / ((f2 + F1**2) * np.sqrt((f2 + F2**2) * (f2 + F3**2)) * (f2 + F4**2))
    return curve

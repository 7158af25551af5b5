"""Mains hum: lines at multiples of 50 or 60 Hz, against the sound beside them.

Welch spectrum, Hann windows of 2 s, half overlapping. For each of the first ten multiples of the mains frequency the
power of three bins is compared with three times the median of the bins 4 to 16 away on both sides. The score is the
mean of the three largest ratios in dB. Without hum it is about 1 dB; speech reaches 3 dB; 50 Hz at -60 dBFS in pink
noise of the same level 22 dB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.frame_spectra import frame_power

THRESHOLD_DB: Final = 8.0
MULTIPLES: Final = 10
WINDOW_SECONDS: Final = 2
FLOOR: Final = 1e-14  # -134 dBFS in a bin: below are the roundings of digital silence, whose lines are no hum
_BINS_PER_HZ: Final = WINDOW_SECONDS


# Bins of the lines of both mains frequencies, shape (2, 10), and of the neighbours of each.
_MAINS: Final = (50, 60)
_LINES: Final = np.outer(_MAINS, np.arange(1, MULTIPLES + 1)) * _BINS_PER_HZ
_AROUND: Final = _LINES[..., None] + np.array([-1, 0, 1])
_BESIDE: Final = _LINES[..., None] + np.concatenate([np.arange(-16, -3), np.arange(4, 17)])

_KEPT: Final = np.union1d(_AROUND, _BESIDE)  # 512 bins of 1241: the others are of no interest
_AROUND_KEPT: Final = np.searchsorted(_KEPT, _AROUND)
_BESIDE_KEPT: Final = np.searchsorted(_KEPT, _BESIDE)
_MIDDLE: Final = slice(_BESIDE.shape[-1] // 2 - 1, _BESIDE.shape[-1] // 2 + 1)  # of an even number of neighbours


@dataclass(frozen=True)
class HumSpectra:
    """Power spectra of the windows, shape (windows, bins near the lines); a full-scale sine has 0.25 in its bin."""

    power: NDArray[np.float32]

    def score_db(self) -> tuple[float, int]:
        """Return the score and the mains frequency, 50 or 60 Hz, that it was found for."""
        return max(zip(_scores(self.power.mean(axis=0)).tolist(), _MAINS, strict=True))

    def scores_db(self, draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the score of each of many draws of windows, shape (draws, windows)."""
        count = len(self.power)
        of_draw = draws + count * np.arange(len(draws))[:, None]
        times = np.bincount(of_draw.ravel(), minlength=draws.size).reshape(len(draws), count)
        scores: NDArray[np.float64] = _scores((times / count).astype(np.float32) @ self.power).max(axis=-1)
        return scores


def hum_spectra(x: NDArray[Any], rate_hz: int) -> HumSpectra:
    """Return the spectra of `x`; ValueError for less than 4 s, which is too short to resample."""
    size, step = WINDOW_SECONDS * rate_hz, WINDOW_SECONDS * rate_hz // 2
    if len(x) < size + 2 * step:
        raise ValueError("hum needs 4 s of sound")
    window = np.hanning(size).astype(np.float32)
    return HumSpectra(frame_power(x, window / window.sum(), step, lines=slice(_KEPT[-1] + 1))[:, _KEPT])


def _scores(spectrum: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the score for each mains frequency, shape (..., 2), of a spectrum or of many, shape (..., bins)."""
    # The median by hand: np.median takes most of the time of 300 draws.
    beside = np.maximum(np.sort(spectrum[..., _BESIDE_KEPT], axis=-1)[..., _MIDDLE].mean(axis=-1), FLOOR)
    ratios = spectrum[..., _AROUND_KEPT].sum(axis=-1) / (3 * beside)
    scores: NDArray[np.float64] = 10 * np.log10(np.maximum(np.sort(ratios, axis=-1)[..., -3:], 1.0)).mean(axis=-1)
    return scores

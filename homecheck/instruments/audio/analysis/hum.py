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


@dataclass(frozen=True)
class HumSpectra:
    """Power spectra of the windows, shape (windows, bins of 0.5 Hz); a full-scale sine has 0.25 in its bin."""

    power: NDArray[np.float64]

    def score_db(self, rows: NDArray[np.int64] | None = None) -> tuple[float, int]:
        """Return the score and the mains frequency, 50 or 60 Hz, that it was found for; of all windows or of `rows`."""
        spectrum = self.power.mean(axis=0) if rows is None else self.power[rows].mean(axis=0)
        return max(zip(_scores(spectrum).tolist(), _MAINS, strict=True))


def hum_spectra(x: NDArray[Any], rate_hz: int) -> HumSpectra:
    """Return the spectra of `x`; ValueError for less than 4 s, which is too short to resample."""
    size, step = WINDOW_SECONDS * rate_hz, WINDOW_SECONDS * rate_hz // 2
    starts = range(0, len(x) - size + 1, step)
    if len(starts) < 3:
        raise ValueError("hum needs 4 s of sound")
    window = np.hanning(size)
    bins = int(_BESIDE.max()) + 1  # what lies beyond is of no interest
    spectra = [np.abs(np.fft.rfft(window * x[start : start + size])[:bins]) ** 2 for start in starts]
    return HumSpectra(np.stack(spectra) / window.sum() ** 2)


def _scores(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the score for each mains frequency."""
    beside = np.maximum(np.median(spectrum[_BESIDE], axis=-1), FLOOR)
    ratios = spectrum[_AROUND].sum(axis=-1) / (3 * beside)
    scores: NDArray[np.float64] = 10 * np.log10(np.maximum(np.sort(ratios, axis=-1)[:, -3:], 1.0)).mean(axis=-1)
    return scores

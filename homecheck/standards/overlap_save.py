"""Filtering by transforms of overlapping stretches, whose ends are thrown away (overlap-save): exact, without delay.

One transform serves several filters, and a change of rate is a filter whose result is transformed back at another
length.
Single precision: its roundings lie 125 dB below the sound, and it takes half the time (see `frame_spectra`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.frame_spectra import spectra

STEP_SECONDS: Final = 2
MARGIN_SECONDS: Final = 0.125  # what a filter's answer to a click may last: thrown away at both ends


@dataclass(frozen=True)
class Stretches:
    """The spectra of a sound's stretches, shape (stretches, lines), divided by their length, and how long they are.

    `unit` is the shortest stretch, in samples, that is a whole number of samples at the second rate too, where it has
    `other_unit`; `margin` and `step` count units. `samples` is how long the sound is.
    """

    spectra: NDArray[np.complex64]
    rate_hz: int
    other_rate_hz: int
    margin: int
    step: int
    samples: int

    @classmethod
    def of(cls, x: NDArray[Any], rate_hz: int, other_rate_hz: int | None = None) -> Stretches:
        """Return the spectra of `x`, to be filtered at its own rate or at another one."""
        other = rate_hz if other_rate_hz is None else other_rate_hz
        common = math.gcd(rate_hz, other)
        margin, step, unit = math.ceil(MARGIN_SECONDS * common), STEP_SECONDS * common, rate_hz // common
        count = max(1, -(-len(x) // (step * unit)))
        padded = np.zeros((2 * margin + step * count) * unit, dtype=np.float32)
        padded[margin * unit : margin * unit + len(x)] = x
        rows = np.lib.stride_tricks.sliding_window_view(padded, (2 * margin + step) * unit)[:: step * unit]
        return cls(spectra(rows), rate_hz, other, margin, step, len(x))

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """The frequency of each line in Hz."""
        return np.arange(self.spectra.shape[1], dtype=np.float64) * (self.rate_hz / self._size(self.rate_hz))

    def filtered(self, gain: NDArray[Any]) -> NDArray[np.float32]:
        """Return the sound at its own rate, each line times its `gain`."""
        size = self._size(self.rate_hz)
        return self._back(self.spectra * (gain * size).astype(np.float32), self.rate_hz)

    def at_other_rate(self, gain: NDArray[Any]) -> NDArray[np.float32]:
        """Return the sound at the other rate; `gain` must be 0 from half of the lower rate on."""
        lines = self._size(self.other_rate_hz) // 2 + 1
        kept = min(lines, self.spectra.shape[1])
        size = self._size(self.other_rate_hz)
        narrower = np.zeros((len(self.spectra), lines), dtype=np.complex64)
        np.multiply(self.spectra[:, :kept], (gain[:kept] * size).astype(np.float32), out=narrower[:, :kept])
        return self._back(narrower, self.other_rate_hz)

    def band_power(self, low_hz: float, high_hz: float) -> float:
        """Return the mean square of what lies between two frequencies, both well above 1 Hz.

        The band alone is transformed back, moved down to 0 Hz: |z|^2 is the square of its envelope, half of which is
        its power on both sides of 0 Hz. Its edges are straight: what they ring for stays within the margins to -70 dB.
        """
        begin, end = (round(f * self._size(self.rate_hz) / self.rate_hz) for f in (low_hz, high_hz))
        size = 1 << (end - begin - 1).bit_length()
        band = np.zeros((len(self.spectra), size), dtype=np.complex64)
        band[:, : end - begin] = self.spectra[:, begin:end]
        band *= np.float32(size)
        z = np.fft.ifft(band, axis=1)
        first = round(size * self.margin / (2 * self.margin + self.step))
        kept = z[:, first : size - first]
        power = float(np.mean(kept.real**2 + kept.imag**2))
        return 2 * power * len(kept) * self.step * self._unit(self.rate_hz) / self.samples

    def _size(self, rate_hz: int) -> int:
        return (2 * self.margin + self.step) * self._unit(rate_hz)

    def _unit(self, rate_hz: int) -> int:
        return rate_hz // math.gcd(self.rate_hz, self.other_rate_hz)

    def _back(self, rows_of_lines: NDArray[np.complex64], rate_hz: int) -> NDArray[np.float32]:
        unit = self._unit(rate_hz)
        rows = np.fft.irfft(rows_of_lines, self._size(rate_hz), axis=1)
        kept = rows[:, self.margin * unit : (self.margin + self.step) * unit]
        return kept.astype(np.float32, copy=False).reshape(-1)[: self.samples * rate_hz // self.rate_hz]

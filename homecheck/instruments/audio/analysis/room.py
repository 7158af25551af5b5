"""The numbers of a room: what is kept of its sound, and what follows from that.

Only `RoomSound` is kept of a recording: A-weighted power per millisecond, power spectra of two seconds up to 620 Hz,
and sums. Pieces of a long listen are joined: no more than one minute of sound is ever in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis.events import count_events
from homecheck.instruments.audio.analysis.hum import HumSpectra, hum_spectra
from homecheck.instruments.audio.analysis.modulation import modulation
from homecheck.instruments.audio.analysis.resampling import half_width
from homecheck.standards.iec_61672_1 import WeightedPower, a_weighted_power, decibels, exceeded_db

BLOCK_SECONDS: Final = 0.5  # what resampling draws
WEIGHTING_DB: Final = 0.05  # the A curve against the rounded table of the standard
HUM_METHOD_DB: Final = 0.5


@dataclass(frozen=True)
class RoomSound:
    """What is kept of the sound of a room. `zero_share` is the share of samples that are exactly zero."""

    power: WeightedPower
    spectra: HumSpectra
    modulation_db2: float
    zero_share: float
    seconds: float

    @classmethod
    def of(cls, x: NDArray[Any], rate_hz: int) -> RoomSound:
        """Return what is kept of `x`, full scale 1; a constant offset is taken out. ValueError for less than 4 s."""
        y = x - x.mean()
        return cls(
            a_weighted_power(y, rate_hz),
            hum_spectra(y, rate_hz),
            modulation(y, rate_hz),
            float((x == 0).mean()),
            len(x) / rate_hz,
        )

    @classmethod
    def joined(cls, pieces: Sequence[RoomSound]) -> RoomSound:
        """Return one sound of several that were recorded one after the other; averages weigh by their length."""
        seconds = sum(piece.seconds for piece in pieces)
        weights = [piece.seconds / seconds for piece in pieces]
        power = np.concatenate([piece.power.power for piece in pieces])
        return cls(
            WeightedPower(power, pieces[0].power.block_seconds),
            HumSpectra(np.concatenate([piece.spectra.power for piece in pieces])),
            sum(weight * piece.modulation_db2 for weight, piece in zip(weights, pieces, strict=True)),
            sum(weight * piece.zero_share for weight, piece in zip(weights, pieces, strict=True)),
            seconds,
        )

    @cached_property
    def fast(self) -> NDArray[np.float64]:
        """The Fast level in dBFS(A), one value per millisecond."""
        return self.power.time_weighted_db()

    @property
    def weighted_seconds(self) -> float:
        """How much of the sound has a Fast level."""
        return len(self.fast) * self.power.block_seconds

    def exceeded_db(self, percent: float) -> float:
        """Return LA10, LA50, LA90."""
        return exceeded_db(self.fast, percent)

    def noise(self) -> tuple[float, float]:
        """Return LAeq in dBFS(A) and its uncertainty."""
        blocks = self._blocks(self.power.power).mean(axis=1)
        uncertainty = half_width(lambda rows: decibels(float(blocks[rows].mean())), len(blocks), WEIGHTING_DB)
        return self.power.level_db(), uncertainty

    def variation(self) -> tuple[float, float]:
        """Return LA10 - LA90 in dB and its uncertainty."""
        # Every tenth millisecond is enough to resample: Fast falls by 0.35 dB in that time.
        blocks = self._blocks(self.fast)[:, ::10]

        def of_rows(rows: NDArray[np.int64]) -> float:
            low, high = np.percentile(blocks[rows], [10, 90])
            return float(high - low)

        return self.exceeded_db(10) - self.exceeded_db(90), half_width(of_rows, len(blocks), WEIGHTING_DB)

    def events(self) -> int:
        """Return how often the level rose out of the background."""
        return count_events(self.fast, self.exceeded_db(90), self.power.block_seconds)

    def hum(self) -> tuple[float, float, int]:
        """Return the hum score in dB, its uncertainty and the mains frequency."""
        score, mains = self.spectra.score_db()
        rows = len(self.spectra.power)
        return score, half_width(lambda drawn: self.spectra.score_db(drawn)[0], rows, HUM_METHOD_DB), mains

    def _blocks(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        size = round(BLOCK_SECONDS / self.power.block_seconds)
        return values[: len(values) // size * size].reshape(-1, size)

"""The numbers of a room: what is kept of its sound, and what follows from that.

Only `RoomSound` is kept of a recording: the Fast level per millisecond, power per half second, spectra of two seconds
around the multiples of 50 and 60 Hz, whether somebody spoke per 0.4 s, and sums: 0.15 MB for a minute. Pieces of a long
listen are joined: no more than one minute of sound is ever in memory. No spectrum that is kept is finer in time than a
second: no word is in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis import hum, modulation
from homecheck.instruments.audio.analysis.clipping import clipped
from homecheck.instruments.audio.analysis.events import count_events
from homecheck.instruments.audio.analysis.narrow_band import RATE_HZ, narrowed
from homecheck.instruments.audio.analysis.resampling import half_width_of_many
from homecheck.instruments.audio.analysis.speech_cues import STEP_SECONDS
from homecheck.instruments.audio.analysis.voices import voices
from homecheck.standards.iec_61260_1 import edges, octave_power, octaves_below
from homecheck.standards.iec_61672_1 import FAST, SILENCE, SLOW, decibels, exceeded_db, weighted_power
from homecheck.standards.overlap_save import Stretches
from homecheck.standards.wilson_1927 import interval

BLOCK_SECONDS: Final = 0.5  # what resampling draws
LEVEL_SECONDS: Final = 0.1  # between two levels that it draws: Fast forgets within an eighth of a second
THINNED: Final = 10  # of so many Fast levels a long listen keeps one: one per 10 ms, in which it falls by 0.35 dB
LOUD: Final = 0.5  # of full scale: what stands still below is the converter's coarseness, not the end of its range
WEIGHTING_DB: Final = 0.05  # the A curve against the rounded table of the standard
HUM_METHOD_DB: Final = 0.5
VOICES_BLOCK_STEPS: Final = 5  # two seconds: a sentence is one thing, not five
VOICES_METHOD_PERCENT: Final = 20.0  # 95 % where somebody speaks, from 5 dB on: the mean error is 4 to 11 %
VOICES_PERCENT: Final = 15.0  # from here on, voices are what the room sounds of
QUIET_DBFS: Final = -60.0  # of a steady noise without events: below, the kind is "quiet"; it judges nothing

Kind = Literal["quiet", "steady", "hum", "voices", "events"]


@dataclass(frozen=True)
class RoomSound:
    """What is kept of the sound of a room.

    `mean_power` is A-weighted, `blocks` the same of each half second; `fast` is the Fast level in dBFS(A), one value
    per `step_seconds`, `fast_max` and `slow_max` are the highest values of every millisecond. `octaves` is the mean
    square in the bands `midbands` (Hz), unweighted; `voiced` tells for each 0.4 s whether somebody spoke; `zero_share`
    and `clipped_share` are the shares of samples that are exactly zero and that are clipped.
    """

    mean_power: float
    blocks: NDArray[np.float64]
    fast: NDArray[np.float32]
    step_seconds: float
    fast_max: float
    slow_max: float
    octaves: NDArray[np.float64]
    midbands: tuple[float, ...]
    spectra: hum.HumSpectra
    modulation_db2: float
    voiced: NDArray[np.bool_]
    zero_share: float
    clipped_share: float
    seconds: float

    @classmethod
    def of(cls, x: NDArray[Any], rate_hz: int) -> RoomSound:
        """Return what is kept of `x`, full scale 1; a constant offset is taken out. ValueError for less than 4 s."""
        y = x.astype(np.float32)
        y -= np.float32(x.mean(dtype=np.float64))
        stretches = Stretches.of(y, rate_hz, RATE_HZ)
        narrow = narrowed(stretches)
        power = weighted_power(stretches)
        fast = power.time_weighted_db(FAST)
        return cls(
            float(power.power.mean()),
            _half_seconds(power.power, power.block_seconds).mean(axis=1),
            fast.astype(np.float32),
            power.block_seconds,
            float(fast.max()),
            float(power.time_weighted_db(SLOW).max()),
            *_octaves(stretches, narrow),
            hum.hum_spectra(narrow, RATE_HZ),
            modulation.modulation(narrow, RATE_HZ),
            voices(narrow),
            1 - np.count_nonzero(x) / len(x),
            float(clipped(x).mean()) if max(-x.min(), x.max()) >= LOUD else 0.0,
            len(x) / rate_hz,
        )

    def thinned(self) -> RoomSound:
        """Return the same with fewer Fast levels; the highest one stays what it is."""
        return replace(self, fast=self.fast[::THINNED].copy(), step_seconds=THINNED * self.step_seconds)

    @classmethod
    def joined(cls, pieces: Sequence[RoomSound]) -> RoomSound:
        """Return one sound of several that were recorded one after the other; averages weigh by their length."""
        seconds = sum(piece.seconds for piece in pieces)
        weights = np.array([piece.seconds / seconds for piece in pieces])
        first = pieces[0]
        return cls(
            float(weights @ [piece.mean_power for piece in pieces]),
            np.concatenate([piece.blocks for piece in pieces]),
            np.concatenate([piece.fast for piece in pieces]),
            first.step_seconds,
            max(piece.fast_max for piece in pieces),
            max(piece.slow_max for piece in pieces),
            weights @ np.stack([piece.octaves for piece in pieces]),
            first.midbands,
            hum.HumSpectra(np.concatenate([piece.spectra.power for piece in pieces])),
            float(weights @ [piece.modulation_db2 for piece in pieces]),
            np.concatenate([piece.voiced for piece in pieces]),
            float(weights @ [piece.zero_share for piece in pieces]),
            float(weights @ [piece.clipped_share for piece in pieces]),
            seconds,
        )

    @property
    def level_db(self) -> float:
        """LAeq in dBFS(A)."""
        return decibels(self.mean_power)

    @property
    def weighted_seconds(self) -> float:
        """How much of the sound has a Fast level."""
        return len(self.fast) * self.step_seconds

    def exceeded_db(self, percent: float) -> float:
        """Return LA10, LA50, LA90."""
        return exceeded_db(self.fast, percent)

    def noise(self) -> tuple[float, float]:
        """Return LAeq in dBFS(A) and its uncertainty."""

        def of_draws(draws: NDArray[np.int64]) -> NDArray[np.float64]:
            return np.asarray(10 * np.log10(np.maximum(self.blocks[draws].mean(axis=1), 10 ** (SILENCE / 10))))

        return self.level_db, half_width_of_many(of_draws, len(self.blocks), WEIGHTING_DB)

    def variation(self) -> tuple[float, float]:
        """Return LA10 - LA90 in dB and its uncertainty."""
        blocks = _half_seconds(self.fast, self.step_seconds)[:, :: round(LEVEL_SECONDS / self.step_seconds)]

        low, high = (round(share * (blocks.size - 1)) for share in (0.1, 0.9))

        def of_draws(draws: NDArray[np.int64]) -> NDArray[np.float64]:
            # By hand: np.percentile takes most of the time of 300 draws.
            drawn = np.partition(blocks[draws].reshape(len(draws), -1), (low, high), axis=1)
            return np.asarray(drawn[:, high] - drawn[:, low])

        return self.exceeded_db(10) - self.exceeded_db(90), half_width_of_many(of_draws, len(blocks), WEIGHTING_DB)

    def events(self) -> int:
        """Return how often the level rose out of the background."""
        return count_events(self.fast, self.exceeded_db(90), self.step_seconds)

    def hum(self) -> tuple[float, float, int]:
        """Return the hum score in dB, its uncertainty and the mains frequency."""
        score, mains = self.spectra.score_db()
        uncertainty = half_width_of_many(self.spectra.scores_db, len(self.spectra.power), HUM_METHOD_DB)
        return score, uncertainty, mains

    def voices(self) -> tuple[float, float]:
        """Return for how much of the time somebody spoke, in percent, and its uncertainty.

        Blocks of two seconds are drawn anew; where all are alike that knows nothing, so it is never less than
        Wilson's interval of as many independent answers.
        """
        share, blocks = self.voices_share, max(1, len(self.voiced) // VOICES_BLOCK_STEPS)
        low, high = interval(round(share * blocks), blocks)
        uncertainty = 50 * (high - low)
        if blocks > 1:
            rows = self.voiced[: blocks * VOICES_BLOCK_STEPS].reshape(blocks, -1).mean(axis=1)
            uncertainty = max(uncertainty, 100 * half_width_of_many(lambda draws: rows[draws].mean(axis=1), blocks))
        return 100 * share, min(100.0, math.hypot(uncertainty, VOICES_METHOD_PERCENT if share else 0.0))

    @property
    def voices_share(self) -> float:
        """The share of time in which somebody spoke, 0 to 1."""
        return float(self.voiced.mean())

    @property
    def voices_seconds(self) -> float:
        """For how much of the sound it is known whether somebody spoke."""
        return len(self.voiced) * STEP_SECONDS

    def octaves_db(self) -> Mapping[float, float]:
        """Return the level of each octave band in dBFS, unweighted, by its midband in Hz."""
        return {band: decibels(power) for band, power in zip(self.midbands, self.octaves, strict=True)}


def _half_seconds(values: NDArray[Any], step_seconds: float) -> NDArray[Any]:
    size = round(BLOCK_SECONDS / step_seconds)
    return values[: len(values) // size * size].reshape(-1, size)


def _octaves(stretches: Stretches, narrow: NDArray[np.float32]) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """Return power and midbands of the octaves that a sound holds; the low ones from its narrow band, for the margins
    of the stretches are too short for what a narrow filter rings.
    """
    bands = octaves_below(stretches.rate_hz)
    low = tuple(band for band in bands if band in octaves_below(RATE_HZ))
    high = [stretches.band_power(*edges(band)) for band in bands[len(low) :]]
    return np.concatenate([octave_power(narrow, RATE_HZ, low), high]), bands


def kind(sound: RoomSound) -> Kind:
    """Return what kind of noise it is: of several, the one that disturbs a call most."""
    if 100 * sound.voices_share >= VOICES_PERCENT:
        return "voices"
    if sound.events() or sound.modulation_db2 >= modulation.THRESHOLD:
        return "events"
    if sound.spectra.score_db()[0] >= hum.THRESHOLD_DB:
        return "hum"
    return "quiet" if sound.level_db < QUIET_DBFS else "steady"

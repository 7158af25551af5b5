"""ITU-T Recommendation P.56 (12/2011), method B: the active level of speech, pauses left out.

Symbols as in clause 8: x samples, p and q first and second stage of the envelope, c_j thresholds, a_j activity counts,
A_j level estimates, C_j thresholds in dB, M margin, H hangover, T time constant. Levels are in dB relative to overload
(dBov): 0 dB is the power of a full-scale square wave, so a full-scale sine has -3.01 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.exponential_average import exponential_average

T: Final = 0.03  # s, time constant of the envelope (Table 1)
H: Final = 0.2  # s, hangover (Table 1)
M: Final = 15.9  # dB, margin between threshold and active level (Table 1)
C: Final = tuple(2.0**-exponent for exponent in range(15, 0, -1))  # thresholds of 16-bit speech, 2^-15 to 2^-1
SILENCE: Final = -100.0  # dBov, what the standard's software reports where no speech is found


@dataclass(frozen=True)
class SpeechLevel:
    """Active level and long-term level in dBov; activity is the share of time with speech, 0 to 1."""

    active_db: float
    long_term_db: float
    activity: float


@dataclass(frozen=True)
class Tally:
    """The sums that the level is made from (clause 8.2), one row per segment; sums of rows are tallies again.

    `samples` and `energy` have the shape (segments,), `counts` (segments, 15): the a_j.
    """

    samples: NDArray[np.float64]
    energy: NDArray[np.float64]
    counts: NDArray[np.float64]

    def level(self, rows: NDArray[np.int64] | None = None) -> SpeechLevel:
        """Return the level of all segments together, or of those in `rows` (a row may stand more than once)."""
        chosen = slice(None) if rows is None else rows
        return _level(
            float(self.samples[chosen].sum()), float(self.energy[chosen].sum()), self.counts[chosen].sum(axis=0)
        )


def speech_level(x: NDArray[Any], rate_hz: float) -> SpeechLevel:
    """Return the active speech level of `x` (full scale 1, without a constant part) by method B."""
    return tally(x, rate_hz, len(x)).level()


def tally(x: NDArray[Any], rate_hz: float, segment: int) -> Tally:
    """Return the sums of `x` for segments of `segment` samples; the envelope runs through from the first to the last.

    ValueError for no samples.
    """
    if len(x) == 0 or segment < 1:
        raise ValueError("P.56 needs samples")
    x = np.asarray(x, dtype=np.float64)
    p = exponential_average(np.abs(x), T, rate_hz)
    q = exponential_average(p, T, rate_hz)
    # A sample is active when q was at c_j or above within the hangover: when the running maximum of q is.
    held = _running_maximum(q, round(H * rate_hz) + 1)
    starts = np.arange(0, len(x), segment)
    return Tally(
        np.diff(np.append(starts, len(x))).astype(np.float64),
        np.add.reduceat(x * x, starts),
        np.stack([np.add.reduceat(held >= c, starts, dtype=np.float64) for c in C], axis=1),
    )


def _level(samples: float, energy: float, counts: NDArray[np.float64]) -> SpeechLevel:
    """Return the level where A_j - C_j crosses the margin M, interpolated between neighbouring thresholds."""
    if energy <= 0.0 or counts[0] == 0:
        return SpeechLevel(SILENCE, SILENCE, 0.0)
    long_term = 10 * math.log10(energy / samples)
    below: tuple[float, float] | None = None  # (A - C, A) of the threshold before
    for c, a in zip(C, counts.tolist(), strict=True):
        if a == 0:
            break
        level = 10 * math.log10(energy / a)
        margin = level - 20 * math.log10(c)
        if margin <= M:
            active = level if below is None else _interpolate(below, (margin, level))
            return SpeechLevel(active, long_term, min(1.0, 10 ** ((long_term - active) / 10)))
        below = (margin, level)
    return SpeechLevel(SILENCE, long_term, 0.0)


def _interpolate(below: tuple[float, float], above: tuple[float, float]) -> float:
    share = (below[0] - M) / (below[0] - above[0])
    return below[1] + share * (above[1] - below[1])


def _running_maximum(q: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return max(q[n - window + 1 .. n]) for each n, from maxima of blocks in both directions (van Herk)."""
    count = len(q)
    blocks = -(-count // window) + 1
    padded = np.zeros(blocks * window)  # q is never negative; one block of zeros stands before the first sample
    padded[window : window + count] = q
    grid = padded.reshape(blocks, window)
    forward = np.maximum.accumulate(grid, axis=1).reshape(-1)
    backward = np.maximum.accumulate(grid[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    return np.maximum(forward[window : window + count], backward[1 : count + 1])

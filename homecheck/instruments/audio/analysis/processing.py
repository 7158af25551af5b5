"""Signs that something works on the sound before it arrives: a noise gate, noise suppression, automatic gain.

Levels of 10 ms above 100 Hz. Noise adds to speech and never takes away, so an unprocessed microphone has a floor that
does not depend on whether somebody has just spoken. The signs, each of which is enough:

- zeros: stretches of 50 ms that are exactly zero, or constant, while the rest is not. No converter's noise is that.
- floor: quieter than -95 dBFS for a tenth of the time, below every open microphone.
- steps: the same noise, by its spectrum, steady for 80 ms on both sides and louder by 8 dB or more on one, twice or
  more often and between the same two levels. Gates that only lower the noise hold it open for a moment after a word.
- lowered: the floor in the pauses of the speech lies 6 dB or more below that of the silence before it: automatic gain
  comes down with the voice, and suppression has learnt the noise by then.
- drift: in the silence the floor moves by 3 dB or more along a straight line: up, since automatic gain goes up, or
  down, since suppression is learning the noise.

What stays hidden: suppression that was at work before the recording began and treats silence and pauses alike. A noise
in the room that stops when the reading begins looks like `lowered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FRAME_SECONDS: Final = 0.01
LOW_HZ: Final = 100.0  # below lie hum, rumble and handling, which are louder than the floor and unsteady
ZERO_SHARE: Final = 0.02
FLOOR_DBFS: Final = -95.0
FLOOR_SHARE: Final = 0.1
STEP_DB: Final = 8.0
STEPS: Final = 2
LOWERED_DB: Final = 6.0
DRIFT_DB: Final = 3.0
STRAIGHT_DB: Final = 0.7  # what the floor may stray from the line
PAUSE_PERCENT: Final = 5.0  # of the 50 ms levels of somebody who reads are surely pauses
_PLATEAU: Final = 8  # frames
_EDGE: Final = 4  # frames that a step may take
_STEADY_DB: Final = 2.5
_ALIKE_DB: Final = 3.0
_SAME_DB: Final = 3.0
_FLOOR_PERCENT: Final = 10.0  # of the levels lie lower: where a gate is closed
_BANDS: Final = 10


@dataclass(frozen=True)
class Signs:
    """The numbers that tell of processing; those that cannot be told from a silence alone are None."""

    zero_share: float
    below_floor_share: float
    steps: int
    drift_db: float
    lowered_db: float | None

    @property
    def found(self) -> tuple[str, ...]:
        """The names of the signs that are there."""
        signs = {
            "zeros": self.zero_share > ZERO_SHARE,
            "floor": self.below_floor_share > FLOOR_SHARE,
            "steps": self.steps >= STEPS,
            "lowered": self.lowered_db is not None and self.lowered_db >= LOWERED_DB,
            "drift": abs(self.drift_db) >= DRIFT_DB,
        }
        return tuple(name for name, there in signs.items() if there)


def signs(silence: NDArray[Any], speech: NDArray[Any], rate_hz: int) -> Signs:
    """Return what tells of processing in a silence and, where there is one (else empty), the speech after it.

    Full scale 1. ValueError for less than 2 s of silence.
    """
    if len(silence) < 2 * rate_hz:
        raise ValueError(f"{len(silence)} samples of silence, 2 s are needed")
    # A constant offset is no sound, and a window of 10 ms would smear it to 100 Hz and above.
    whole = np.concatenate([silence, speech]) - silence.mean()
    spectra = _spectra(whole, rate_hz)
    levels = 10 * np.log10(spectra.sum(axis=1) + 1e-30)
    quiet = levels[: round(len(silence) / rate_hz / FRAME_SECONDS)]
    spoken = levels[len(quiet) :]
    return Signs(
        _zero_share(whole, rate_hz),
        float((levels < FLOOR_DBFS).mean()),
        _steps(levels, 10 * np.log10(spectra + 1e-30)),
        _drift(quiet),
        _lowered(quiet, spoken) if len(spoken) >= 2 / FRAME_SECONDS else None,
    )


def _spectra(x: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Return the power of each frame in ten logarithmic bands above 100 Hz, shape (frames, bands); full scale 1."""
    size = round(FRAME_SECONDS * rate_hz)
    frames = x[: len(x) // size * size].reshape(-1, size)
    window = np.hanning(size)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 * 2 / (size * (window**2).sum())
    f = np.fft.rfftfreq(size, 1 / rate_hz)
    edges = np.geomspace(LOW_HZ * 0.99, rate_hz / 2 * 1.01, _BANDS + 1)
    band_of = np.searchsorted(edges, f, side="right") - 1
    inside = (f >= LOW_HZ) & (band_of >= 0) & (band_of < _BANDS)
    sums = np.zeros((len(f), _BANDS))
    sums[np.flatnonzero(inside), band_of[inside]] = 1.0
    spectra: NDArray[np.float64] = power @ sums
    return spectra


def _zero_share(x: NDArray[np.float64], rate_hz: int) -> float:
    size = rate_hz // 20
    frames = x[: len(x) // size * size].reshape(-1, size)
    return float((frames == frames[:, :1]).all(axis=1).mean())


def _steps(levels: NDArray[np.float64], bands_db: NDArray[np.float64]) -> int:
    """Return how often the same steady noise goes from one level to another, always between the same two levels.

    Speech has plateaus too, but not twice at the same two levels and with the spectrum of the noise on both.
    """
    span = 2 * _PLATEAU + _EDGE
    if len(levels) < span:
        return 0
    view = np.lib.stride_tricks.sliding_window_view(levels, span)
    before, after = view[:, :_PLATEAU], view[:, -_PLATEAU:]
    steady = (before.std(axis=1) < _STEADY_DB) & (after.std(axis=1) < _STEADY_DB)
    ends = np.stack([before.mean(axis=1), after.mean(axis=1)])
    from_floor = np.minimum(ends[0], ends[1]) < np.percentile(levels, _FLOOR_PERCENT) + _SAME_DB
    found = np.flatnonzero(steady & from_floor & (np.abs(ends[0] - ends[1]) >= STEP_DB))
    alike = np.array([at for at in found.tolist() if _alike(bands_db, at, at + _PLATEAU + _EDGE)], dtype=np.int64)
    if len(alike) == 0:
        return 0
    moments = np.split(alike, np.flatnonzero(np.diff(alike) > span) + 1)
    pairs = np.array([np.median(np.sort(ends[:, moment], axis=0), axis=1) for moment in moments])
    near = (np.abs(pairs[:, None] - pairs[None]) < _SAME_DB).all(axis=-1)
    return int(near.sum(axis=1).max())


def _alike(bands_db: NDArray[np.float64], first: int, second: int) -> bool:
    """Tell whether two plateaus have the same spectrum, but for one factor."""
    a, b = (10 * np.log10((10 ** (bands_db[i : i + _PLATEAU] / 10)).mean(axis=0)) for i in (first, second))
    used = (a > -200) & (b > -200)
    return bool(used.any()) and float((a - b)[used].std()) < _ALIKE_DB


def _drift(quiet: NDArray[np.float64]) -> float:
    """Return by how many dB the floor moves from the silence's beginning to its end; 0 where it is no straight line."""
    size = round(0.25 / FRAME_SECONDS)
    floor = np.median(quiet[: len(quiet) // size * size].reshape(-1, size), axis=1)
    t = np.arange(len(floor))
    slope, start = np.polyfit(t, floor, 1)
    strays = float((floor - (slope * t + start)).std())
    return float(slope) * (len(floor) - 1) if strays < STRAIGHT_DB else 0.0


def _lowered(quiet: NDArray[np.float64], spoken: NDArray[np.float64]) -> float:
    """Return by how many dB the floor in the pauses of the speech lies below that of the silence's second half."""
    size = round(0.05 / FRAME_SECONDS)

    def of_50_ms(levels: NDArray[np.float64]) -> NDArray[np.float64]:
        power = (10 ** (levels[: len(levels) // size * size] / 10)).reshape(-1, size).mean(axis=1)
        return np.asarray(10 * np.log10(power))

    # The same percentile of both, so that the scatter of the levels cancels.
    return float(np.percentile(of_50_ms(quiet[len(quiet) // 2 :]), PAUSE_PERCENT)) - float(
        np.percentile(of_50_ms(spoken), PAUSE_PERCENT)
    )

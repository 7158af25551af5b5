"""Drop-outs: gaps and jumps in two steady tones that were played and recorded at the same time.

Each frame of 10 ms is fitted by both tones (least squares, so that neither disturbs the other). A gap lowers both
amplitudes; samples that were left out or came twice shift the phases for good. An event is an amplitude below 85 % of
its surroundings, or a step of more than 0.15 rad from 10 ms before to 10 ms after. Where the tones are faint, six
standard deviations of their own scatter are asked for instead, and where that is too much there is no answer.

1373 Hz and not 1370: a jump by whole periods of both tones stays hidden, and with 1370 those are 100 ms, the length of
a common buffer; with 1373 they are 1 s. Noise adds energy and a drop-out never does: frames that are louder than their
surroundings are left out, and so is their time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TONES_HZ: Final = (1000.0, 1373.0)
FADE_SECONDS: Final = 0.02
FRAME_SECONDS: Final = 0.01
HOP_SECONDS: Final = 0.005
BAND_HZ: Final = (500.0, 700.0, 1700.0, 2200.0)  # rises between the first two, falls between the last two
LOWEST_AMPLITUDE: Final = 0.85  # of the surroundings
PHASE_STEP: Final = 0.15  # rad
DEVIATIONS: Final = 6.0
FAINTEST: Final = 0.5  # a threshold above that finds nothing but long gaps
LOUDER: Final = 1.4  # times the power of the surroundings: noise that came on top
SURROUNDINGS: Final = 101  # frames
MERGE_FRAMES: Final = 10  # events nearer than 50 ms are one
_BESIDE_NOISE: Final = 10  # frames on both sides of noise that are left out too: it swells, and the filter rings
_LAG: Final = 4  # frames on both sides of a jump that do not see it
_GUARD: Final = 20  # frames at both ends, where the tones set in and fall silent


class FaintTones(ValueError):
    """The microphone does not hear the tones well enough to tell a gap from noise."""


@dataclass(frozen=True)
class Dropouts:
    """`gaps` lowered the tones, `jumps` only shifted them; in `seconds` of sound that could be looked at.

    `disturbed_share` of the time noise came on top. `level_db` is the tones' power against what was played, and
    `fade_db` by how much they were quieter at the end than at the beginning: noise suppression takes steady tones away.
    """

    gaps: int
    jumps: int
    seconds: float
    disturbed_share: float
    level_db: float
    fade_db: float

    @property
    def count(self) -> int:
        """All events."""
        return self.gaps + self.jumps


def tones(rate_hz: int, seconds: float, amplitude: float) -> NDArray[np.float64]:
    """Return both tones, each of `amplitude` (full scale 1), faded in and out."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    fade = np.minimum(1.0, np.minimum(t, t[::-1]) / FADE_SECONDS)
    x: NDArray[np.float64] = amplitude * fade * sum(np.sin(2 * np.pi * f * t) for f in TONES_HZ)
    return x


def dropouts(recorded: NDArray[Any], rate_hz: int, amplitude: float) -> Dropouts:
    """Return the drop-outs in what was recorded of `tones`; silence may stand before and after.

    Raises FaintTones when too little of them is heard, also when that is for most of the time.
    """
    if len(recorded) < 2 * FRAME_SECONDS * rate_hz:
        raise FaintTones(f"{len(recorded)} samples hold no tones")
    y = _band_passed(np.asarray(recorded, dtype=np.float64), rate_hz)
    complexes, power = _fitted(y, rate_hz)
    first, last = _extent(complexes)
    z, power = complexes[first:last], power[first:last]
    size = np.abs(z) / _surroundings(np.abs(z))
    louder = _spread(power / _surroundings(power[:, None])[:, 0] > LOUDER)
    steps = _phase_steps(z)
    usable = ~louder
    low, step = _threshold(1 - size[usable], 1 - LOWEST_AMPLITUDE), _threshold(steps[usable], PHASE_STEP)
    quieter = (size < 1 - low).any(axis=1) & usable
    shifted = (np.abs(steps) > step).any(axis=1) & usable
    gaps, jumps = _events(quieter, shifted)
    level = float((np.median(np.abs(z), axis=0) ** 2).mean())
    quarter = max(1, len(z) // 8)
    ends = [float((np.median(np.abs(part), axis=0) ** 2).mean()) for part in (z[:quarter], z[-quarter:])]
    return Dropouts(
        gaps,
        jumps,
        float(usable.sum()) * HOP_SECONDS,
        float(louder.mean()),
        10 * float(np.log10(level / amplitude**2)),
        10 * float(np.log10(ends[0] / ends[1])),
    )


def _band_passed(x: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Return the part of `x` around the tones; edges are cosines, so that a gap does not ring for long."""
    f = np.fft.rfftfreq(len(x), 1 / rate_hz)
    rise = np.clip((f - BAND_HZ[0]) / (BAND_HZ[1] - BAND_HZ[0]), 0, 1)
    fall = np.clip((BAND_HZ[3] - f) / (BAND_HZ[3] - BAND_HZ[2]), 0, 1)
    gain = np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2
    y: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(x) * gain, len(x))
    return y


def _fitted(y: NDArray[np.float64], rate_hz: int) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return amplitude and phase of each tone in each frame, against its own start, and the frames' power."""
    size, hop = round(FRAME_SECONDS * rate_hz), round(HOP_SECONDS * rate_hz)
    frames = np.lib.stride_tricks.sliding_window_view(y, size)[::hop]
    t = np.arange(size) / rate_hz
    waves = np.stack([wave(2 * np.pi * f * t) for f in TONES_HZ for wave in (np.sin, np.cos)], axis=1)
    found = frames @ np.linalg.pinv(waves).T
    starts = np.arange(len(frames)) * hop / rate_hz
    turned = np.exp(-2j * np.pi * np.outer(starts, TONES_HZ))
    return (found[:, 0::2] + 1j * found[:, 1::2]) * turned, (frames**2).mean(axis=1)


def _extent(z: NDArray[np.complex128]) -> tuple[int, int]:
    """Return the frames from which and to which the tones sound, without their beginning and their end.

    By the median of half a second: a word before or after them is no tone.
    """
    silent = np.zeros(SURROUNDINGS // 2)
    whole = np.concatenate([silent, np.abs(z).min(axis=1), silent])
    size = np.median(np.lib.stride_tricks.sliding_window_view(whole, SURROUNDINGS), axis=-1)
    loud = np.flatnonzero(size > 0.5 * np.percentile(size, 75))
    if len(loud) == 0 or loud[-1] - loud[0] < SURROUNDINGS + 2 * _GUARD:
        raise FaintTones("the microphone hears no tones")
    return int(loud[0]) + _GUARD, int(loud[-1]) + 1 - _GUARD


def _surroundings(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running median of each column over half a second."""
    half = SURROUNDINGS // 2
    padded = np.pad(values, ((half, half), (0, 0)), mode="reflect")
    medians: NDArray[np.float64] = np.median(
        np.lib.stride_tricks.sliding_window_view(padded, SURROUNDINGS, axis=0), axis=-1
    )
    return np.maximum(medians, 1e-12)


def _phase_steps(z: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return by how much the phases differ from 10 ms before each frame to 10 ms after it, without the steady drift.

    Two sound cards never run equally fast: that turns the phases slowly and is no jump.
    """
    turned = np.angle(z[_LAG:] * np.conj(z[:-_LAG]))
    steps = np.zeros(z.shape)
    steps[_LAG // 2 : -(_LAG // 2)] = np.angle(np.exp(1j * (turned - np.median(turned, axis=0))))
    return steps


def _threshold(scatter: NDArray[np.float64], least: float) -> float:
    """Return what an event must exceed: `least`, or six standard deviations (by the median) where that is more."""
    if len(scatter) == 0:
        raise FaintTones("noise came on top all the time")
    deviation = 1.4826 * float(np.median(np.abs(scatter - np.median(scatter, axis=0)), axis=0).max())
    if DEVIATIONS * deviation > FAINTEST:
        raise FaintTones("the microphone hears the tones too faintly to tell a gap from noise")
    return max(least, DEVIATIONS * deviation)


def _spread(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `marks` with the frames next to them."""
    return np.convolve(marks, np.ones(2 * _BESIDE_NOISE + 1), mode="same") > 0.5


def _events(quieter: NDArray[np.bool_], shifted: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many events lowered the tones, and how many only shifted them."""
    marked = np.flatnonzero(quieter | shifted)
    if len(marked) == 0:
        return 0, 0
    groups = np.split(marked, np.flatnonzero(np.diff(marked) > MERGE_FRAMES) + 1)
    gaps = sum(bool(quieter[group].any()) for group in groups)
    return gaps, len(groups) - gaps

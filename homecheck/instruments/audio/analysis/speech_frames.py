"""A sound frame by frame, as far as speech may be in it: what stands out of the background, and whether it has a pitch.

Hann frames of 40 ms every 16 ms, at 8 kHz. The background is the 20th percentile of each frequency's power, as a mean
that exponentially distributed power has there: a fan, a hum or rain is taken out line by line. Pitch is the peak of the
autocorrelation of what is left, with the spectrum's square root in place of its power, which flattens the formants.
A frame counts as voiced down to about 95 Hz; of deeper voices it holds too few periods, and their strength alone tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis.narrow_band import RATE_HZ
from homecheck.standards.frame_spectra import frame_power

HOP: Final = 128  # samples: 16 ms
SIZE: Final = 320
BANDS: Final = 12
VOICED: Final = 0.45  # of the frame's own energy at the peak: it has a pitch
_TRANSFORM: Final = 512
_SHORTEST, _LONGEST = 18, 114  # lags in samples: 444 to 70 Hz, children and men
_BACKGROUND_PERCENT: Final = 20
_BACKGROUND_SHARE: Final = 0.223  # -ln(0.8): the 20th percentile of exponentially distributed power, over its mean
_BACKGROUND_FRAMES: Final = 400  # as many are enough
_OVER: Final = 2.5  # times the background: what is below is background by chance
_FLOOR: Final = 1e-11  # -130 dBFS or so: digital silence has no spectrum

_WINDOW: Final = np.hanning(SIZE).astype(np.float32)
_F: Final = np.arange(_TRANSFORM // 2 + 1) * RATE_HZ / _TRANSFORM
_LOWEST, _FIRST, _LAST = (int(np.searchsorted(_F, edge)) for edge in (100, 150, 3900))
_PITCHED_END: Final = int(np.searchsorted(_F, 2500, side="right"))
_LINES: Final = slice(
    _LOWEST, _LAST
)  # of the transform, that are looked at; the two below count from the first of them
_HEARD: Final = slice(_FIRST - _LOWEST, None)  # 150 to 3900 Hz: the bands
_PITCHED: Final = slice(0, _PITCHED_END - _LOWEST)  # 100 to 2500 Hz: the pitch
_STARTS: Final = np.searchsorted(_F, np.geomspace(150, 3900, BANDS + 1)[:-1]) - _FIRST
# The inverse transform of a real spectrum, for these lags alone: a product of matrices is cheaper than all of it.
_LAGS: Final = np.array([0, *range(_SHORTEST - 1, _LONGEST + 1)])
_COSINES: Final = np.cos(2 * np.pi / _TRANSFORM * np.outer(np.arange(_LOWEST, _PITCHED_END), _LAGS))
_CORRELATION: Final = (2 / _TRANSFORM * _COSINES).astype(np.float32)


@dataclass(frozen=True)
class SpeechFrames:
    """One value per frame; `bands` has the shape (frames, 12), 150 to 3900 Hz.

    `excess_db` and `bands` are dB over the background, `share` the share of frequencies that stand out of it,
    `strength` of the pitch is between 0 and 1, `pitch` the logarithm of its frequency to the base 2; `voiced` tells
    whether there is one.
    """

    bands: NDArray[np.float32]
    excess_db: NDArray[np.float32]
    share: NDArray[np.float32]
    strength: NDArray[np.float32]
    pitch: NDArray[np.float32]
    voiced: NDArray[np.bool_]


def speech_frames(x: NDArray[Any]) -> SpeechFrames:
    """Return the frames of `x`, which is at 8 kHz. ValueError for less than a frame."""
    power = frame_power(x, _WINDOW, HOP, _TRANSFORM, _LINES) + np.float32(_FLOOR)
    some = power[:: max(2, len(power) // _BACKGROUND_FRAMES)]
    background = (np.percentile(some, _BACKGROUND_PERCENT, axis=0) / _BACKGROUND_SHARE).astype(np.float32)
    kept = np.maximum(1 - np.float32(_OVER) * background / power, 0)
    heard, quiet = power[:, _HEARD], background[_HEARD]
    bands = np.add.reduceat(heard, _STARTS, axis=1) / np.add.reduceat(quiet, _STARTS)
    excess = 10 * np.log10(heard.sum(axis=1) / quiet.sum())
    strength, pitch, inside = _pitch(np.sqrt(power[:, _PITCHED]) * kept[:, _PITCHED])
    return SpeechFrames(
        10 * np.log10(np.maximum(bands, 1)),
        excess,
        kept[:, _HEARD].mean(axis=1),
        strength,
        pitch,
        inside & (strength > VOICED) & (excess > 2),
    )


def _pitch(spectrum: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return strength and pitch of each frame, and whether the peak lies inside the lags and not at their end."""
    correlation = spectrum @ _CORRELATION
    rows = np.arange(len(correlation))
    peak = np.argmax(correlation[:, 2:-1], axis=1) + 2
    before, top, after = (correlation[rows, peak + step] for step in (-1, 0, 1))
    curve = np.minimum(before - 2 * top + after, -1e-9)
    vertex = np.clip(0.5 * (before - after) / curve, -0.5, 0.5)  # of a parabola through three points
    lag = _LAGS[peak] + vertex
    inside = (_LAGS[peak] > _SHORTEST) & (_LAGS[peak] < _LONGEST - 1)
    strength = top / np.maximum(correlation[:, 0], 1e-9)
    return strength.astype(np.float32), np.log2(RATE_HZ / lag).astype(np.float32), inside

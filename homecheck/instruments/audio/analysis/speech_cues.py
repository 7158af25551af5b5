"""What tells speech from other sounds, for each 0.4 s of a sound, from the 1.6 s around it.

Speech has a pitch that moves smoothly and comes and goes with the syllables, four to eight times a second; its spectrum
changes its shape all the time, and hissing takes turns with pitch. Music holds its pitch, a bark or a slam has one
shape, keys have no pitch, a fan does not move. No cue alone is enough; how they are weighed is learnt (see `voices`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis.narrow_band import RATE_HZ
from homecheck.instruments.audio.analysis.speech_frames import BANDS, HOP, SIZE, SpeechFrames

WINDOW: Final = 100  # frames: 1.6 s
STEP: Final = 25  # frames: 0.4 s, which a row of cues speaks for
STEP_SECONDS: Final = STEP * HOP / RATE_HZ
MIN_SECONDS: Final = ((WINDOW - 1) * HOP + SIZE) / RATE_HZ
NAMES: Final = (
    "active", "centre_active", "centre_excess", "excess", "excess_spread", "share", "share_spread",
    "voiced", "centre_voiced", "strength", "pitch_held", "pitch_smooth", "pitch_glides", "pitch_jumps", "pitch_spread",
    "pitch", "longest_voiced", "turns", "slow", "syllables", "fast", "together", "rise", "fall", "low", "middle",
    "high", "balance_spread", "flux", "band_spread", "shape_spread", "voiced_shape_spread", "shape_flux",
)  # fmt: skip

Cues = dict[str, NDArray[np.float64]]

_ACTIVE_DB: Final = 3.0
_CLEAR_DB: Final = 6.0
_HELD: Final = 0.004  # octaves from frame to frame: a note, not a voice
_SMOOTH: Final = 0.12
_TINY: Final = 1e-6


def speech_cues(frames: SpeechFrames) -> NDArray[np.float64]:
    """Return the cues, shape (steps, cues) in the order of `NAMES`; no row for less than 1.6 s."""
    if len(frames.excess_db) < WINDOW:
        return np.zeros((0, len(NAMES)))
    cues: Cues = {**_levels(frames), **_pitches(frames), **_pace(frames), **_shapes(frames)}
    return np.stack([cues[name] for name in NAMES], axis=1)


def _windows(values: NDArray[Any], length: int = WINDOW) -> NDArray[np.float64]:
    """Return the values of each window, shape (steps, 100) or (steps, bands, 100); `length` 99 for differences.

    What can be known of a frame by itself is to be known before: each frame is in four windows.
    """
    rows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)[::STEP]
    return np.ascontiguousarray(rows, dtype=np.float64)


def _centre(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    begin = (WINDOW - STEP) // 2
    return np.asarray(rows[:, begin : begin + STEP].mean(axis=1))


def _levels(frames: SpeechFrames) -> Cues:
    excess, share = _windows(np.maximum(frames.excess_db, 0)), _windows(frames.share)
    active = (excess > _ACTIVE_DB).astype(np.float64)
    return {
        "active": active.mean(axis=1),
        "centre_active": _centre(active),
        "centre_excess": _centre(excess),
        "excess": excess.mean(axis=1),
        "excess_spread": excess.std(axis=1),
        "share": share.mean(axis=1),
        "share_spread": share.std(axis=1),
    }


def _pitches(frames: SpeechFrames) -> Cues:
    voiced, excess = _windows(frames.voiced), _windows(np.maximum(frames.excess_db, 0))
    pitch, strength = _windows(frames.pitch), _windows(frames.strength)
    both = voiced[:, 1:] * voiced[:, :-1]
    moved = np.abs(np.diff(pitch, axis=1))
    pairs = both.sum(axis=1)
    heard = (excess[:, 1:] > _ACTIVE_DB) | (excess[:, :-1] > _ACTIVE_DB)
    mean, spread = _weighted(pitch[:, None], voiced)
    enough = voiced.sum(axis=1) > 3
    return {
        "voiced": voiced.mean(axis=1),
        "centre_voiced": _centre(voiced),
        "strength": (strength * excess).sum(axis=1) / (excess.sum(axis=1) + _TINY),
        "pitch_held": np.where(pairs > 3, (both * (moved < _HELD)).sum(axis=1) / np.maximum(pairs, 1), 0),
        "pitch_smooth": (both * (moved < _SMOOTH)).mean(axis=1),
        "pitch_glides": (both * ((moved >= _HELD) & (moved < _SMOOTH))).mean(axis=1),
        "pitch_jumps": (both * (moved >= _SMOOTH)).mean(axis=1),
        "pitch_spread": np.where(enough, spread[:, 0], 0),
        "pitch": np.where(enough, mean[:, 0], 7.3),  # 160 Hz where there is none
        "longest_voiced": np.minimum(_windows(_run_lengths(frames.voiced)).max(axis=1) / WINDOW, 1),
        "turns": (np.abs(np.diff(voiced, axis=1)) * heard).mean(axis=1),
    }


def _pace(frames: SpeechFrames) -> Cues:
    """How the level moves: slowly, with the syllables or faster, in Hz of the spectrum of the level in dB."""
    excess = _windows(np.maximum(frames.excess_db, 0))
    spectrum = np.abs(np.fft.rfft((excess - excess.mean(axis=1, keepdims=True)) * np.hanning(WINDOW), axis=1)) ** 2
    f = np.fft.rfftfreq(WINDOW, HOP / RATE_HZ)
    total = spectrum.sum(axis=1) + 30 * WINDOW
    bands, level = _windows(frames.bands), frames.bands.mean(axis=1, dtype=np.float64)
    rise, fall = np.percentile(_windows(np.diff(level), WINDOW - 1), [98, 2], axis=1)
    return {
        "slow": spectrum[:, (f > 0) & (f < 2)].sum(axis=1) / total,
        "syllables": spectrum[:, (f >= 2) & (f < 8)].sum(axis=1) / total,
        "fast": spectrum[:, f >= 8].sum(axis=1) / total,
        "together": (BANDS * _windows(level)).var(axis=1) / (BANDS * bands.var(axis=2).sum(axis=1) + 1),
        "rise": rise,
        "fall": -fall,
    }


def _shapes(frames: SpeechFrames) -> Cues:
    """How the spectrum is shaped, and how much its shape changes, whatever its level does."""
    each = frames.bands.astype(np.float64)
    shape = each - each.mean(axis=1, keepdims=True)
    balance = ((each + 1e-3) @ np.arange(BANDS)) / (each + 1e-3).sum(axis=1)
    flux = _windows(np.abs(np.diff(shape, axis=0)).mean(axis=1), WINDOW - 1)
    bands, shapes = _windows(each), _windows(shape)
    excess, voiced = _windows(np.maximum(frames.excess_db, 0)), _windows(frames.voiced)
    sums = bands.sum(axis=2)
    whole = sums.sum(axis=1) + _TINY
    clear = (excess > _CLEAR_DB).astype(np.float64)
    both = clear[:, 1:] * clear[:, :-1]
    return {
        "low": sums[:, :4].sum(axis=1) / whole,
        "middle": sums[:, 4:8].sum(axis=1) / whole,
        "high": sums[:, 8:].sum(axis=1) / whole,
        "balance_spread": _weighted(_windows(balance)[:, None], excess)[1][:, 0],
        "flux": _windows(np.abs(np.diff(each, axis=0)).mean(axis=1), WINDOW - 1).mean(axis=1),
        "band_spread": np.sqrt(bands.var(axis=2).mean(axis=1)),
        "shape_spread": np.sqrt((_weighted(shapes, clear)[1] ** 2).mean(axis=1)),
        "voiced_shape_spread": np.sqrt((_weighted(shapes, clear * voiced)[1] ** 2).mean(axis=1)),
        "shape_flux": (flux * both).sum(axis=1) / (both.sum(axis=1) + _TINY),
    }


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return mean and standard deviation over each window's frames, shape (steps, bands); 0 without any weight."""
    w = weights / (weights.sum(axis=1, keepdims=True) + _TINY)
    mean = np.einsum("sbf,sf->sb", values, w)
    spread = np.sqrt(np.einsum("sbf,sf->sb", (values - mean[..., None]) ** 2, w))
    return mean, spread


def _run_lengths(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each frame how many marked ones in a row end with it."""
    index = np.arange(1, len(marks) + 1)
    return index - np.maximum.accumulate(np.where(marks, 0, index))

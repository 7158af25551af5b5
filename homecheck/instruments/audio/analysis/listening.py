"""The sounds that somebody with a headset on listens to, and what came back of them.

Beeps to be counted, the person's own voice, and one sound that is measured: a sweep for leak and delay, then two steady
tones for drop-outs. All are about as loud as a caller's voice, -20 to -26 dBFS.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis import pilots, sweep
from homecheck.instruments.audio.analysis.pilots import FaintTones
from homecheck.standards.itu_p56 import speech_level

__all__ = ["FaintTones", "beeps", "came_back_of_sweep", "came_back_of_tones", "own_voice", "sweep_and_tones"]

BEEP_HZ: Final = 880.0
BEEP_SECONDS: Final = 0.15
PAUSE_SECONDS: Final = 0.35
BEEP_AMPLITUDE: Final = 0.1
SWEEP_AMPLITUDE: Final = 0.1
SWEEP_SECONDS: Final = sweep.SILENCE_SECONDS + sweep.SECONDS + sweep.TAIL_SECONDS
TONE_AMPLITUDE: Final = 0.07  # of each of two: as loud as the sweep
LEAST_HEARD: Final = 0.85  # of the tones; a few tenths of a second are lost at both ends
SUDDEN_DB: Final = 1.0  # by which tones that were taken away at once are quieter at the end than at the beginning
OWN_VOICE_DBOV: Final = -26.0  # the level that ITU-T test recordings of speech have (P.830)
OWN_VOICE_GAIN_DB: Final = 20.0  # at most: a room's noise is not to be blown up
OWN_VOICE_PEAK: Final = 0.7


def beeps(count: int, rate_hz: int) -> NDArray[np.float64]:
    """Return `count` short beeps with pauses around them."""
    t = np.arange(round(BEEP_SECONDS * rate_hz)) / rate_hz
    fade = np.minimum(1.0, np.minimum(t, t[::-1]) / 0.01)  # without it each would click
    beep = BEEP_AMPLITUDE * fade * np.sin(2 * np.pi * BEEP_HZ * t)
    pause = np.zeros(round(PAUSE_SECONDS * rate_hz))
    return np.concatenate([pause, *[beep, pause] * count, pause])


def own_voice(speech: NDArray[Any], rate_hz: int) -> NDArray[np.float64]:
    """Return recorded speech at a caller's level, at most 20 dB louder than it was; ValueError without samples."""
    x = np.asarray(speech, dtype=np.float64) - speech.mean()
    gain_db = min(OWN_VOICE_GAIN_DB, OWN_VOICE_DBOV - speech_level(x, rate_hz).active_db)
    louder: NDArray[np.float64] = np.clip(x * 10 ** (gain_db / 20), -OWN_VOICE_PEAK, OWN_VOICE_PEAK)
    return louder


def sweep_and_tones(rate_hz: int, tone_seconds: float) -> NDArray[np.float64]:
    """Return the sweep with its silences, `tone_seconds` of the two tones, and a second in which they may come back."""
    tail = np.zeros(round(sweep.TAIL_SECONDS * rate_hz))
    tones = pilots.tones(rate_hz, tone_seconds, TONE_AMPLITUDE)
    return np.concatenate([sweep.excitation(rate_hz, SWEEP_AMPLITUDE), tones, tail])


def came_back_of_sweep(x: NDArray[Any], rate_hz: int) -> sweep.Leak:
    """Return leak and delay of a recording that began with `sweep_and_tones`."""
    return sweep.leak(x[: round(SWEEP_SECONDS * rate_hz)], rate_hz, SWEEP_AMPLITUDE)


def came_back_of_tones(x: NDArray[Any], rate_hz: int) -> pilots.Dropouts:
    """Return the drop-outs of such a recording. Raises FaintTones when the tones are hardly heard, or not to the end.

    Tones that fade away are another matter, which `fade_db` tells: noise suppression does that.
    """
    part = x[round(SWEEP_SECONDS * rate_hz) :]
    found = pilots.dropouts(part, rate_hz, TONE_AMPLITUDE)
    played = len(part) / rate_hz - sweep.TAIL_SECONDS
    heard = found.seconds / max(1e-9, 1 - found.disturbed_share)
    if heard < LEAST_HEARD * played and found.fade_db < SUDDEN_DB:
        raise FaintTones(f"the tones were heard for {heard:.0f} of {played:.0f} seconds and then broke off")
    return found

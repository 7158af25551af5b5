"""Cues of sounds that differ in one respect only."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.speech_cues import MIN_SECONDS, NAMES, STEP_SECONDS, speech_cues
from homecheck.instruments.audio.analysis.speech_frames import speech_frames
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink


def cues(x: Sound) -> dict[str, float]:
    """The median of each cue."""
    rows = speech_cues(speech_frames(x))
    assert np.isfinite(rows).all()
    return dict(zip(NAMES, np.median(rows, axis=0).tolist(), strict=True))


def syllables(pitch: Sound, per_second: float) -> Sound:
    """A buzz of the given pitch (Hz, one value per sample) that is on half of the time."""
    t = np.arange(len(pitch)) / 8000
    phase = 2 * np.pi * np.cumsum(pitch) / 8000
    buzz = sum(np.cos(k * phase) for k in range(1, 15))
    return np.asarray(0.02 * buzz * (t * per_second % 1 < 0.5) + pink(8000, len(pitch) / 8000, -60))


HELD = np.full(64000, 150.0)
GLIDING = 150 * 2 ** (0.3 * np.sin(2 * np.pi * 1.3 * np.arange(64000) / 8000))


def test_a_voice_glides_and_a_note_holds() -> None:
    voice, note = cues(syllables(GLIDING, 4)), cues(syllables(HELD, 4))
    assert voice["pitch_glides"] > 3 * note["pitch_glides"]
    assert note["pitch_held"] > 0.7 > 3 * voice["pitch_held"]
    assert voice["pitch_spread"] > 0.1 > 0.02 > note["pitch_spread"]


@pytest.mark.parametrize(("per_second", "cue"), [(1, "slow"), (4, "syllables"), (12, "fast")])
def test_the_pace_is_told(per_second: float, cue: str) -> None:
    found = cues(syllables(GLIDING, per_second))
    assert found[cue] == max(found[name] for name in ("slow", "syllables", "fast"))


def test_steady_noise_is_never_active() -> None:
    found = cues(pink(8000, 8, -40))
    assert found["active"] < 0.02
    assert found["voiced"] < 0.02


def test_there_is_a_row_for_each_step_and_none_for_too_little_sound() -> None:
    assert len(speech_cues(speech_frames(pink(8000, 8, -40)))) == int((8 - MIN_SECONDS) / STEP_SECONDS) + 1
    assert speech_cues(speech_frames(pink(8000, MIN_SECONDS - 0.02, -40))).shape == (0, len(NAMES))
    assert speech_cues(speech_frames(pink(8000, MIN_SECONDS, -40))).shape == (1, len(NAMES))

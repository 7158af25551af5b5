"""Steady sounds and sounds in which something happens."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.modulation import THRESHOLD, modulation
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink, sine


def syllables(rate: int, rms_db: float, depth: float = 1.0) -> Sound:
    """Noise that swells and fades four times a second, as speech does."""
    t = np.arange(10 * rate) / rate
    return np.asarray(pink(rate, 10, rms_db, seed=9) * (1 + depth * np.sin(2 * np.pi * 4 * t)))


@pytest.mark.parametrize("rate", [48000, 44100, 16000, 8000])
@pytest.mark.parametrize("level", [-80, -40])
def test_steady_noise_reads_about_two_at_every_level(rate: int, level: float) -> None:
    assert 1 < modulation(pink(rate, 10, level), rate) < 3


@pytest.mark.parametrize("rate", [48000, 8000])
def test_noise_at_the_pace_of_speech_is_seen(rate: int) -> None:
    assert modulation(syllables(rate, -40) + pink(rate, 10, -60), rate) > 4 * THRESHOLD


def test_speech_below_the_noise_is_not_seen() -> None:
    assert modulation(syllables(16000, -70) + pink(16000, 10, -50), 16000) < THRESHOLD


def test_a_steady_tone_does_not_move() -> None:
    assert modulation(sine(100, 16000, 10, -40) + pink(16000, 10, -60), 16000) < THRESHOLD


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="2 s"):
        modulation(np.ones(8000), 8000)

"""What somebody with a headset on listens to: as many beeps as drawn, themselves, never too loud."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.listening import (
    FaintTones,
    beeps,
    came_back_of_tones,
    own_voice,
    sweep_and_tones,
)
from homecheck.standards.itu_p56 import speech_level
from tests.homecheck.instruments.audio.analysis.sounds import pink, sine


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_there_are_as_many_beeps_as_asked_for_with_silence_around(rate: int, count: int) -> None:
    x = beeps(count, rate)
    loud = np.convolve(np.abs(x) > 0.02, np.ones(rate // 50), mode="same") > 0.5
    assert int(np.sum(np.diff(loud.astype(int)) == 1)) == count
    assert not x[: rate // 4].any()
    assert not x[-rate // 4 :].any()


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_nothing_is_louder_than_a_loud_call(rate: int) -> None:
    for x in (beeps(3, rate), sweep_and_tones(rate, 2)):
        assert np.abs(x).max() <= 0.15
        assert 10 * np.log10(np.mean(x[np.abs(x) > 0.001] ** 2)) < -20


@pytest.mark.parametrize("level_db", [-40, -30, -15])
def test_ones_own_voice_has_the_level_of_a_caller(level_db: float) -> None:
    speech = np.concatenate([sine(440, 16000, 2, level_db), np.zeros(16000), sine(300, 16000, 2, level_db)])
    assert speech_level(own_voice(speech + 0.05, 16000), 16000).active_db == pytest.approx(-26, abs=0.3)


def test_a_whisper_is_not_blown_up_and_overload_is_not_played() -> None:
    whisper = sine(440, 16000, 2, -70)
    assert 10 * np.log10(np.mean(own_voice(whisper, 16000) ** 2)) == pytest.approx(-50, abs=0.1)
    click = np.concatenate([np.zeros(32000), [1.0], 0.001 * np.ones(10)])
    assert np.abs(own_voice(click, 16000)).max() <= 0.7


def test_silence_stays_silence() -> None:
    assert not own_voice(np.zeros(16000), 16000).any()


@pytest.mark.parametrize("noise_db", [-75, -300])
def test_tones_that_break_off_are_not_tones_without_a_gap(noise_db: float) -> None:
    """As when the system suspends the microphone: the rest is zeros, or the noise of a socket without a plug."""
    x = 0.1 * sweep_and_tones(16000, 20) + pink(16000, 26, noise_db)
    assert came_back_of_tones(x, 16000).count == 0
    x[11 * 16000 :] = pink(16000, 15, noise_db) if noise_db > -200 else 0
    with pytest.raises(FaintTones, match="heard for 6 of 20 seconds"):
        came_back_of_tones(x, 16000)

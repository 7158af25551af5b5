"""Mains hum in noise of known level."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.hum import THRESHOLD_DB, hum_spectra
from tests.homecheck.instruments.audio.analysis.sounds import bursts, pink, sine


@pytest.mark.parametrize("rate", [48000, 44100, 16000, 8000])
@pytest.mark.parametrize(("f", "mains"), [(50, 50), (60, 60), (60.03, 60)])
def test_hum_is_found_and_its_mains_named(rate: int, f: float, mains: int) -> None:
    x = sum((sine(f * k, rate, 10, -60 - 3 * k) for k in (1, 2, 3)), pink(rate, 10, -60))
    score, found = hum_spectra(x, rate).score_db()
    assert found == mains
    assert score > THRESHOLD_DB


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_hum(seed: int) -> None:
    assert hum_spectra(pink(16000, 10, -50, seed), 16000).score_db()[0] < 4


def test_a_tone_that_is_no_multiple_is_no_hum() -> None:
    x = pink(16000, 10, -60) + sine(440, 16000, 10, -40) + bursts(16000, 10, 2, 0.5, -30)
    assert hum_spectra(x, 16000).score_db()[0] < THRESHOLD_DB


def test_digital_silence_is_no_hum() -> None:
    assert hum_spectra(np.zeros(80000), 8000).score_db()[0] == 0


def test_a_draw_of_windows_has_the_score_of_their_sound() -> None:
    """Hum in the first half alone: windows drawn from there show it, windows drawn from the other half do not."""
    x = pink(8000, 20, -60)
    x[: 10 * 8000] += sine(50, 8000, 10, -50) + sine(100, 8000, 10, -56) + sine(150, 8000, 10, -60)
    spectra = hum_spectra(x, 8000)
    count = len(spectra.power)
    every, first, last = np.arange(count), np.arange(count) % 8, count - 1 - np.arange(count) % 8
    scores = spectra.scores_db(np.stack([every, first, last]))
    assert scores[0] == pytest.approx(spectra.score_db()[0], abs=1e-4)
    assert scores[1] > scores[0] > THRESHOLD_DB
    assert scores[2] < 4


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="4 s"):
        hum_spectra(np.zeros(8000), 8000)

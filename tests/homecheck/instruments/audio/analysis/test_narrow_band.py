"""Tones: those below 3.9 kHz stay as they are, those above 4 kHz are gone."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.narrow_band import narrow_band
from tests.homecheck.instruments.audio.analysis.sounds import sine


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("f", [50, 1000, 3800])
def test_what_speech_needs_is_untouched(rate: int, f: float) -> None:
    level = 10 * np.log10(np.mean(narrow_band(sine(f, rate, 4, -40), rate)[4000:-4000] ** 2))
    assert level == pytest.approx(-40, abs=0.02)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("f", [4000, 4200, 7000])
def test_what_lies_above_does_not_fold_back(rate: int, f: float) -> None:
    assert 10 * np.log10(np.mean(narrow_band(sine(f, rate, 4, -20), rate)[4000:-4000] ** 2) + 1e-12) < -90

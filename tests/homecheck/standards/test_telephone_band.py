"""Sines in, the same sines out where a telephone carries them, and nothing elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from homecheck.standards.telephone_band import telephone_band


def sine(f: float, rate: int, seconds: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.sin(2 * np.pi * f * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
def test_a_tone_within_the_band_stays_as_it_is_at_every_rate(rate: int) -> None:
    narrow = telephone_band(sine(1000, rate), rate)
    assert len(narrow) == 8000
    assert narrow[200:-200] == pytest.approx(sine(1000, 8000)[200:-200], abs=0.01)


@pytest.mark.parametrize(("f", "rate"), [(50, 8000), (200, 48000), (3700, 48000), (7000, 48000), (9000, 44100)])
def test_a_tone_beside_the_band_is_gone_and_does_not_fold_into_it(f: float, rate: int) -> None:
    assert float(np.abs(telephone_band(sine(f, rate), rate)[400:-400]).max()) < 0.02


def test_it_agrees_with_scipys_resampler_inside_the_band() -> None:
    x = sine(440, 48000) + 0.5 * sine(2500, 48000)
    assert telephone_band(x, 48000)[400:-400] == pytest.approx(resample_poly(x, 1, 6)[400:-400], abs=0.02)


def test_the_length_is_that_of_the_sound() -> None:
    assert [len(telephone_band(np.ones(n), 44100)) for n in (0, 1, 441, 44100, 50001)] == [0, 1, 80, 8000, 9071]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="no numbers"):
        telephone_band(np.array([0.0, bad]), 8000)


def test_a_rate_that_cannot_hold_the_band_is_refused() -> None:
    with pytest.raises(ValueError, match="6000"):
        telephone_band(np.zeros(10), 6000)

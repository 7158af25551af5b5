"""Tones at midbands, and white noise, whose share in a band is its width; a filter bank of scipy's as the oracle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from homecheck.standards.iec_61260_1 import MIDBANDS, edges, octave_power, octaves_below
from tests.homecheck.instruments.audio.analysis.sounds import pink, sine


@pytest.mark.parametrize(
    ("rate", "top"), [(48000, 8000), (44100, 8000), (32000, 8000), (16000, 4000), (8000, 2000), (11025, 2000)]
)
def test_a_rate_holds_the_bands_that_lie_wholly_below_its_half(rate: int, top: float) -> None:
    assert octaves_below(rate) == MIDBANDS[: MIDBANDS.index(top) + 1]


@pytest.mark.parametrize("rate", [48000, 44100, 16000, 8000])
def test_a_tone_is_in_its_own_band_alone(rate: int) -> None:
    bands = octaves_below(rate)
    for index, band in enumerate(bands):
        levels = 10 * np.log10(octave_power(sine(band, rate, 4, -40), rate, bands) + 1e-15)
        assert levels[index] == pytest.approx(-40, abs=0.05)
        assert np.delete(levels, index).max() < -80


def test_pink_noise_has_as_much_in_every_band_and_white_noise_twice_as_much_in_the_next() -> None:
    bands = octaves_below(48000)
    flat = 10 * np.log10(octave_power(pink(48000, 60, -30), 48000, bands))
    np.testing.assert_allclose(flat[2:], flat[2:].mean(), atol=0.4)
    white = octave_power(np.random.default_rng(1).standard_normal(60 * 48000) * 0.1, 48000, bands)
    widths = 1000 * 10 ** (0.3 * np.arange(-5, 4)) * (10**0.15 - 10**-0.15)
    np.testing.assert_allclose(10 * np.log10(white[3:] / (0.01 * widths[3:] / 24000)), 0, atol=0.15)


def test_neighbouring_bands_share_an_edge_and_lie_around_their_midband() -> None:
    """Edges at G^±(1/2) of the exact midband, G = 10^0.3 (5.2, 5.5): 707.9 and 1412.5 Hz for 1 kHz."""
    assert edges(1000) == pytest.approx((707.946, 1412.538), abs=0.001)
    for lower, upper in pairwise(MIDBANDS):
        assert edges(lower)[1] == pytest.approx(edges(upper)[0])


@pytest.mark.parametrize("band", [125, 1000, 4000])
def test_a_filter_bank_says_the_same_of_noise(band: float) -> None:
    x = pink(48000, 30, -30)
    exact = 1000 * 10 ** (0.3 * round(np.log(band / 1000) / np.log(10**0.3)))
    bank = butter(8, [exact * 10**-0.15, exact * 10**0.15], "bandpass", fs=48000, output="sos")
    expected = np.mean(sosfilt(bank, x) ** 2)
    assert 10 * np.log10(octave_power(x, 48000, (band,))[0] / expected) == pytest.approx(0, abs=0.2)


def test_too_little_sound_and_a_band_that_cannot_be_there_are_refused() -> None:
    with pytest.raises(ValueError, match="need 1 s"):
        octave_power(np.zeros(7999), 8000, (1000,))
    with pytest.raises(ValueError, match="cannot hold"):
        octave_power(np.zeros(8000), 8000, (1000, 4000))

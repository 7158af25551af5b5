"""Against sounds whose filtered or resampled form is known, and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve, firwin, freqz

from homecheck.standards.overlap_save import Stretches

NOISE = np.random.default_rng(3).standard_normal(100_001) * 0.1


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 11111])
def test_without_a_filter_the_sound_comes_back(rate: int) -> None:
    stretches = Stretches.of(NOISE, rate)
    roundings = stretches.filtered(np.ones(stretches.spectra.shape[1])) - NOISE
    assert 20 * np.log10(np.std(roundings) / np.std(NOISE)) < -125


def test_a_filter_is_the_same_as_a_convolution() -> None:
    taps = firwin(401, 3000, fs=48000)  # its delay of 200 samples is taken out
    stretches = Stretches.of(NOISE, 48000)
    _, response = freqz(taps, worN=stretches.frequencies, fs=48000)
    gain = np.real(response * np.exp(2j * np.pi * stretches.frequencies * 200 / 48000))
    expected = fftconvolve(NOISE, taps)[200:-200]
    np.testing.assert_allclose(stretches.filtered(gain), expected, atol=1e-4)


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100, 48000, 96000, 11111])
def test_another_rate_holds_the_same_tone_at_the_same_time(rate: int) -> None:
    x = np.sin(2 * np.pi * 1000 * np.arange(5 * rate) / rate + 0.5)
    stretches = Stretches.of(x, rate, 8000)
    y = stretches.at_other_rate(stretches.frequencies < min(rate, 8000) / 2)
    assert len(y) == 40000
    inner = slice(2000, -2000)  # a tone that begins at once has more than one frequency
    np.testing.assert_allclose(y[inner], np.sin(2 * np.pi * 1000 * np.arange(40000) / 8000 + 0.5)[inner], atol=2e-3)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("band", [(2000, 4000), (2818, 5623), (1000, 7900)])
def test_the_power_in_a_band_is_what_parsevals_theorem_says(rate: int, band: tuple[float, float]) -> None:
    """Of noise, a loud hum below the band, and a short burst in it: over the whole sound, not window by window."""
    n = np.arange(5 * rate + 321)
    burst = np.sin(2 * np.pi * 3000 * n / rate) * (abs(n - 2 * rate) < 0.01 * rate)  # where two stretches meet
    x = np.random.default_rng(2).standard_normal(len(n)) * 1e-3 + 0.3 * np.sin(2 * np.pi * 50 * n / rate) + burst
    x *= np.minimum(1, np.minimum(n, n[::-1]) / (0.2 * rate))  # a hum that breaks off has frequencies of its own
    power, f = np.abs(np.fft.rfft(x)) ** 2, np.fft.rfftfreq(len(x), 1 / rate)
    expected = 2 * power[(f >= band[0]) & (f < band[1])].sum() / len(x) ** 2
    got = Stretches.of(x, rate, 8000).band_power(*band)
    assert 10 * np.log10(got / expected) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("count", [0, 1, 95_999, 96_000, 96_001])
def test_any_length_keeps_its_length(count: int) -> None:
    stretches = Stretches.of(np.zeros(count), 48000, 8000)
    gain = stretches.frequencies < 4000
    assert len(stretches.filtered(gain)) == count
    assert len(stretches.at_other_rate(gain)) == count // 6

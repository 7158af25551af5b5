"""The sweep: sound that came back so much quieter and so much later is told by level and delay."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, fftconvolve, lfilter

from homecheck.instruments.audio.analysis.sweep import Leak, band, excitation, leak
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink

AMPLITUDE = 0.1


def came_back(rate: int, gain_db: float, delay_ms: float, noise_db: float) -> Leak:
    """Return what is told of a sweep that comes back once, in pink noise."""
    x = excitation(rate, AMPLITUDE)
    late = np.concatenate([np.zeros(round(delay_ms / 1000 * rate)), x])[: len(x)]
    return leak(10 ** (gain_db / 20) * late + pink(rate, len(x) / rate, noise_db), rate, AMPLITUDE)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize(("gain_db", "delay_ms"), [(-20, 35), (-40, 286.5), (-55, 620)])
def test_level_and_delay_are_those_that_were_put_in(rate: int, gain_db: float, delay_ms: float) -> None:
    found = came_back(rate, gain_db, delay_ms, -75)
    assert not found.at_most
    assert found.level_db == pytest.approx(gain_db, abs=max(0.2, found.half_width_db))
    assert found.half_width_db < 2
    assert found.delay_seconds == pytest.approx(delay_ms / 1000, abs=0.0002)


@pytest.mark.parametrize(("gain_db", "noise_db"), [(-75, -50), (-200, -60), (-90, -65)])
def test_what_noise_hides_is_a_bound_that_holds(gain_db: float, noise_db: float) -> None:
    found = came_back(16000, gain_db, 100, noise_db)
    assert found.at_most
    # The sweep has -23 dBFS: what is hidden by noise cannot come back louder than about that noise.
    assert gain_db < found.level_db < noise_db + 23


def test_a_way_with_echoes_has_the_level_of_its_energy_in_the_band() -> None:
    """Gain of a filter by scipy's own response: what a small earpiece and a reflection make of the sweep."""
    rate = 16000
    x = excitation(rate, AMPLITUDE)
    numerator, denominator = butter(2, [300, 3400], "bandpass", fs=rate)
    y = 0.01 * np.asarray(lfilter(numerator, denominator, np.concatenate([np.zeros(480), x])[: len(x)]))
    found = leak(y + pink(rate, len(x) / rate, -90), rate, AMPLITUDE)
    energy_db = 10 * np.log10(np.sum(y**2) / np.sum(x**2))
    assert found.level_db == pytest.approx(energy_db, abs=max(0.3, found.half_width_db))
    assert found.delay_seconds == pytest.approx(0.030, abs=0.001)


def test_the_inverse_turns_the_sweep_into_an_impulse() -> None:
    """By scipy's convolution: one peak, and nothing within 20 dB of it more than 2 ms away."""
    rate = 16000
    low, high = band(rate)
    x: Sound = excitation(rate, 1.0)[rate : 4 * rate]
    t = np.arange(len(x)) / rate
    response = np.abs(fftconvolve(x, (x * np.exp(t * np.log(high / low) / 3))[::-1]))
    peak = int(np.argmax(response))
    far = np.abs(np.arange(len(response)) - peak) > 0.002 * rate
    assert peak == len(x) - 1
    assert response[far].max() < response[peak] / 10


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_the_sweep_stays_below_the_rates_upper_end_and_the_amplitude(rate: int) -> None:
    x = excitation(rate, AMPLITUDE)
    assert band(rate)[1] <= 0.4 * rate
    assert np.abs(x).max() <= AMPLITUDE
    assert not x[:rate].any()
    assert not x[4 * rate :].any()


def test_a_silent_microphone_is_a_bound_and_not_a_crash() -> None:
    found = leak(np.zeros(5 * 16000), 16000, AMPLITUDE)
    assert found.at_most
    assert found.delay_seconds is None


def test_too_short_a_recording_is_refused() -> None:
    with pytest.raises(ValueError, match="100 samples"):
        leak(np.zeros(100), 16000, AMPLITUDE)

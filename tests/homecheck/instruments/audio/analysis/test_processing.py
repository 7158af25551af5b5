"""Gates, gains and suppression put on a known sound show, and what rooms and voices do by themselves does not.

The table in docs/probes/headset.md comes from bench/processing.py, with real synthetic voices; here the voice is made.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, lfilter

from homecheck.instruments.audio.analysis.processing import Signs, signs
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink

RATE = 16000
CUE = 4 * RATE


def voice() -> Sound:
    """Return nine seconds of words: low noise in humps of 0.6 s at -26 dB with pauses of 0.6 s, no two words alike."""
    t = np.arange(9 * RATE) / RATE
    hump = np.sin(np.pi * (t % 1.2) / 0.6) ** 2 * (t % 1.2 < 0.6)
    loud = 1 + 0.5 * np.sin(2 * np.pi * 0.31 * t)
    low = lfilter(*butter(2, [200, 1500], "bandpass", fs=RATE), np.random.default_rng(2).normal(size=len(t)))
    x = hump * loud * low
    return np.asarray(x * 10 ** (-26 / 20) / np.sqrt(np.mean(x[hump > 0.1] ** 2)))


def recorded(noise_db: float) -> Sound:
    return np.concatenate([np.zeros(CUE), voice()]) + pink(RATE, 13, noise_db)


def told(x: Sound) -> Signs:
    return signs(x[: round(3.7 * RATE)], x[round(4.3 * RATE) :], RATE)


def held_open(closed: float) -> Sound:
    """Return the gain of a gate that opens with each word and stays open for 0.25 s after it, at once."""
    t = np.arange(9 * RATE) / RATE
    return np.concatenate([np.full(CUE, closed), np.where(t % 1.2 < 0.85, 1.0, closed)])


@pytest.mark.parametrize("noise_db", [-80, -65, -50])
def test_an_open_microphone_shows_nothing(noise_db: float) -> None:
    found = told(recorded(noise_db))
    assert found.found == ()
    assert found.drift_db == pytest.approx(0, abs=0.7)


@pytest.mark.parametrize("noise_db", [-80, -65, -50])
def test_a_gate_that_shuts_leaves_zeros(noise_db: float) -> None:
    found = told(held_open(0.0) * recorded(noise_db))
    assert "zeros" in found.found
    # Shut for the whole silence of 3.7 s, and for 0.35 s of every 1.2 s of 8.7 s.
    assert found.zero_share == pytest.approx((3.7 + 8.7 * 0.35 / 1.2) / 12.4, abs=0.03)


@pytest.mark.parametrize("offset", [-0.2, 0.005])
def test_a_converters_offset_hides_no_gate(offset: float) -> None:
    found = told(held_open(0.0) * recorded(-65) + offset)
    assert "zeros" in found.found
    lowered = told(held_open(10 ** (-18 / 20)) * recorded(-65) + offset)
    assert "steps" in lowered.found
    assert told(recorded(-65) + offset).found == ()


@pytest.mark.parametrize("closed_db", [-24, -18, -12])
def test_a_gate_that_only_lowers_leaves_steps(closed_db: float) -> None:
    found = told(held_open(10 ** (closed_db / 20)) * recorded(-65))
    assert "steps" in found.found
    assert "zeros" not in found.found


@pytest.mark.parametrize(("gain_db", "there"), [(-6, True), (6, True), (1, False)])
def test_a_floor_that_moves_along_a_line_shows(gain_db: float, there: bool) -> None:
    ramp = np.concatenate([np.linspace(0, gain_db, CUE), np.full(9 * RATE, gain_db)])
    found = told(10 ** (ramp / 20) * recorded(-65))
    assert ("drift" in found.found) is there
    # The first and the last of fourteen quarters of a second lie 3.25 s apart.
    assert found.drift_db == pytest.approx(gain_db * 3.25 / 4, abs=0.8)


def test_a_gain_that_comes_down_with_the_voice_lowers_the_pauses() -> None:
    gain = np.concatenate([np.ones(CUE), np.full(9 * RATE, 10 ** (-12 / 20))])
    found = told(gain * recorded(-55))
    assert "lowered" in found.found
    assert found.lowered_db == pytest.approx(12, abs=2)


def test_a_floor_below_every_microphone_shows_without_a_single_zero() -> None:
    x = np.concatenate([np.zeros(CUE), voice()]) + pink(RATE, 13, -110)
    assert (x != 0).all()
    assert "floor" in told(x).found


def test_traffic_and_keys_are_no_processing() -> None:
    t = np.arange(13 * RATE) / RATE
    swelling = recorded(-60) + pink(RATE, 13, -60, seed=5) * 10 ** (3 * np.sin(2 * np.pi * t / 3) / 20)
    assert told(swelling).found == ()
    clicks = recorded(-65)
    for at in range(RATE // 7, len(clicks) - 800, RATE // 4):
        clicks[at : at + 400] += 0.03 * np.random.default_rng(at).normal(size=400) * np.exp(-np.arange(400) / 80)
    assert told(clicks).found == ()


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_every_rate_tells_a_gate_from_an_open_microphone_in_silence_alone(rate: int) -> None:
    silence = pink(rate, 4, -60)
    steps = np.where(np.arange(len(silence)) // (rate // 2) % 2, 0.1, 1.0)
    assert signs(silence, silence[:0], rate).found == ()
    assert signs(silence, silence[:0], rate).lowered_db is None
    assert "steps" in signs(steps * silence, silence[:0], rate).found


@pytest.mark.parametrize("seconds", [0, 1.9])
def test_too_short_a_silence_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="2 s are needed"):
        signs(np.zeros(round(seconds * RATE)), np.zeros(0), RATE)

"""Gaps and jumps put into two tones by hand are all found, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.pilots import FaintTones, dropouts, tones
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink

AMPLITUDE = 0.07
MOMENTS = (1.0137, 2.4, 3.91, 4.2, 5.5551)  # seconds: all but two of them on no frame's edge

Damage = Callable[[Sound, int, int], tuple[Sound, int]]  # sound, where, rate: what comes there, and where it goes on


def gap_3ms(_x: Sound, at: int, rate: int) -> tuple[Sound, int]:
    return np.zeros(round(0.003 * rate)), at + round(0.003 * rate)


def pause_20ms(_x: Sound, at: int, rate: int) -> tuple[Sound, int]:
    return np.zeros(round(0.02 * rate)), at


def skip_61(_x: Sound, at: int, _rate: int) -> tuple[Sound, int]:
    return np.zeros(0), at + 61


def skip_100ms(_x: Sound, at: int, rate: int) -> tuple[Sound, int]:
    return np.zeros(0), at + rate // 10


def repeat_131(x: Sound, at: int, _rate: int) -> tuple[Sound, int]:
    return x[at - 131 : at], at


def damaged(x: Sound, rate: int, damage: Damage) -> Sound:
    parts, last = [], 0
    for moment in MOMENTS:
        piece, goes_on = damage(x, round(moment * rate), rate)
        parts += [x[last : round(moment * rate)], piece]
        last = goes_on
    return np.concatenate([*parts, x[last:]])


def heard(rate: int, leak_db: float = -30, noise_db: float = -75, damage: Damage | None = None) -> Sound:
    """Return seven seconds of tones as a microphone hears them 281.7 ms later, damaged or not."""
    x = np.concatenate([np.zeros(round(0.2817 * rate)), tones(rate, 7, AMPLITUDE), np.zeros(rate // 4)])
    y = x if damage is None else damaged(x, rate, damage)
    return np.asarray(10 ** (leak_db / 20) * y + pink(rate, len(y) / rate, noise_db))


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize(
    ("damage", "gaps"), [(gap_3ms, 5), (pause_20ms, 5), (skip_61, 0), (skip_100ms, 0), (repeat_131, 0)]
)
def test_every_gap_and_jump_is_found_once(rate: int, damage: Damage, gaps: int) -> None:
    found = dropouts(heard(rate, damage=damage), rate, AMPLITUDE)
    assert found.count == 5
    if gaps:
        assert found.gaps == gaps


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize(("leak_db", "noise_db"), [(-10, -300), (-30, -75), (-45, -85)])
def test_whole_tones_have_no_event(rate: int, leak_db: float, noise_db: float) -> None:
    found = dropouts(heard(rate, leak_db, noise_db), rate, AMPLITUDE)
    assert (found.count, found.disturbed_share) == (0, 0)
    assert found.seconds == pytest.approx(6.8, abs=0.05)
    assert found.level_db == pytest.approx(leak_db, abs=0.1)
    assert found.fade_db == pytest.approx(0, abs=0.1)


def test_a_jump_of_one_sample_is_found_at_the_rate_of_a_call() -> None:
    def skip_1(_x: Sound, at: int, _rate: int) -> tuple[Sound, int]:
        return np.zeros(0), at + 1

    assert dropouts(heard(16000, damage=skip_1), 16000, AMPLITUDE).jumps == 5


def test_clocks_that_differ_are_no_jumps() -> None:
    rate = 48000
    n = np.arange(7 * rate - 300)
    drifting = np.interp(n * 1.0001, np.arange(7 * rate), heard(rate, noise_db=-300)[: 7 * rate])  # 100 ppm apart
    assert dropouts(drifting, rate, AMPLITUDE).count == 0


def test_clicks_and_speech_on_top_are_left_out_and_counted_as_no_drop_out() -> None:
    rate = 16000
    y = heard(rate)
    noise = np.random.default_rng(5).normal(0, 0.05, rate // 20)
    for moment in (1.2, 2.7, 4.4):
        y[round(moment * rate) : round(moment * rate) + len(noise)] += noise
    found = dropouts(y, rate, AMPLITUDE)
    assert found.count == 0
    assert 0.02 < found.disturbed_share < 0.2


@pytest.mark.parametrize("moment", [0.05, 0.2, 7.35, 7.45])
def test_a_word_before_the_tones_or_after_them_is_no_gap(moment: float) -> None:
    rate = 16000
    y = heard(rate)
    word = slice(round(moment * rate), round((moment + 0.08) * rate))
    y[word] += np.random.default_rng(6).normal(0, 0.05, len(y[word]))
    assert dropouts(y, rate, AMPLITUDE).count == 0


def test_a_gap_of_100_ms_is_one_event() -> None:
    def gap(_x: Sound, at: int, rate: int) -> tuple[Sound, int]:
        return np.zeros(rate // 10), at + rate // 10

    found = dropouts(heard(16000, damage=gap), 16000, AMPLITUDE)
    assert (found.gaps, found.jumps) == (5, 0)


def test_tones_that_are_taken_away_as_noise_are_told_by_their_fading() -> None:
    rate = 16000
    y = heard(rate, noise_db=-300)
    slope = 10 ** (-np.linspace(0, 6, len(y)) / 20)  # 6 dB from beginning to end; the eighths' middles are 7/8 apart
    assert dropouts(y * slope, rate, AMPLITUDE).fade_db == pytest.approx(5.0, abs=0.4)


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros(50), np.zeros(16000 * 7), heard(16000, -60, -55)])
def test_tones_that_nobody_hears_have_no_answer(y: Sound) -> None:
    with pytest.raises(FaintTones):
        dropouts(y, 16000, AMPLITUDE)

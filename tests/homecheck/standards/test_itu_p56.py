"""Against the numbers of the ITU-T Software Tool Library's own program (actlev), for signals anybody can make."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from homecheck.standards.itu_p56 import speech_level, tally

# rate, frequency, amplitude, seconds on, seconds off, periods, long-term level, active level, activity in percent: what
# actlev prints. Its bisection stops within 0.5 dB of a threshold; ours interpolates, hence the 0.05 dB.
VECTORS = [
    (8000, 1000, 0.1, 2, 3, 4, -26.990, -23.558, 45.377),
    (16000, 1000, 0.1, 2, 3, 4, -26.990, -23.563, 45.423),
    (48000, 440, 0.05, 1, 1, 5, -32.042, -30.108, 64.064),
    (8000, 440, 0.5, 10, 0, 1, -9.031, -9.021, 99.767),
]


def bursts(rate: int, f: float, amplitude: float, on: float, off: float, periods: int) -> NDArray[np.float64]:
    n = np.arange(round((on + off) * rate) * periods)
    x = np.round(32767 * amplitude * np.sin(2 * np.pi * f * n / rate))
    return np.asarray(np.where(n % round((on + off) * rate) < on * rate, x, 0) / 32768)


@pytest.mark.parametrize("vector", VECTORS)
def test_the_level_is_that_of_the_itus_own_program(vector: tuple[float, ...]) -> None:
    rate, f, amplitude, on, off, periods, long_term, active, activity = vector
    level = speech_level(bursts(int(rate), f, amplitude, on, off, int(periods)), rate)
    assert level.active_db == pytest.approx(active, abs=0.05)
    assert level.long_term_db == pytest.approx(long_term, abs=0.005)
    assert 100 * level.activity == pytest.approx(activity, abs=0.5)


def test_pauses_do_not_lower_the_active_level() -> None:
    dense = speech_level(bursts(16000, 500, 0.2, 2, 0.5, 4), 16000)
    sparse = speech_level(bursts(16000, 500, 0.2, 2, 6, 4), 16000)
    assert dense.active_db - sparse.active_db == pytest.approx(0, abs=0.3)
    assert dense.long_term_db - sparse.long_term_db == pytest.approx(10 * np.log10(8 / 2.5), abs=0.01)


def test_the_level_is_found_where_the_threshold_lies_15_9_db_below_it() -> None:
    """Square waves, whose envelope is their amplitude: 80 s at 0.5, then 20 s at 0.09, by hand (clause 8.2).

    Energy 0.25 x 80 + 0.0081 x 20 = 20.162. At c = 2^-4 all 100 s are active: A = -6.955, A - C = 17.128. At c = 2^-3
    only the loud part and 0.3 s of hangover: A = -6.002, A - C = 12.060. The margin of 15.9 lies (17.128 - 15.9) /
    (17.128 - 12.060) = 0.2423 of the way, at -6.955 + 0.2423 x 0.953 = -6.724 dB.
    """
    signs = np.where(np.arange(100 * 8000) % 2, 1.0, -1.0)
    x = signs * np.where(np.arange(len(signs)) < 80 * 8000, 0.5, 0.09)
    assert speech_level(x, 8000).active_db == pytest.approx(-6.724, abs=0.01)


def test_silence_has_the_level_that_the_standards_program_gives_it() -> None:
    assert speech_level(np.zeros(768), 16000).active_db == -100
    assert speech_level(np.zeros(768), 16000).activity == 0


def test_segments_add_up_to_the_whole() -> None:
    x = bursts(8000, 700, 0.3, 0.7, 0.4, 7)
    whole, parts = speech_level(x, 8000), tally(x, 8000, 4321)
    assert parts.level().active_db == pytest.approx(whole.active_db, abs=1e-9)
    assert parts.samples.sum() == len(x)
    assert parts.level(np.arange(len(parts.samples))).activity == pytest.approx(whole.activity, abs=1e-9)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="needs samples"):
        speech_level(np.zeros(0), 8000)


def test_a_minute_takes_a_fraction_of_a_second() -> None:
    x = np.random.default_rng(1).standard_normal(60 * 48000) * 0.01
    started = time.process_time()
    speech_level(x, 48000)
    assert time.process_time() - started < 2  # 0.11 s on an idle core; a loop in Python takes a minute

"""Signals whose share of clipped samples is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, resample_poly

from homecheck.instruments.audio.analysis.clipping import CROWDED, clipped, crowding, overloaded


def test_a_clipped_sines_share_is_its_time_at_the_top() -> None:
    # |sin| > 0.5 for two thirds of the time.
    x = np.clip(np.sin(2 * np.pi * 101 * np.arange(48000) / 48000), -0.5, 0.5)
    assert clipped(x).mean() == pytest.approx(2 / 3, abs=0.01)


def test_clipping_in_one_direction_is_found() -> None:
    x = np.minimum(np.sin(2 * np.pi * 101 * np.arange(48000) / 48000), 0.5)
    assert clipped(np.clip(x, -0.5, 1)).mean() > 0.6
    assert 1 / 3 < clipped(x).mean() < 0.37  # a third at the top; the other half reaches its own top in passing


def test_an_offset_hides_no_clipping() -> None:
    x = np.clip(np.sin(2 * np.pi * 101 * np.arange(48000) / 48000), -0.5, 0.5)
    assert clipped(x + 0.01).mean() == pytest.approx(2 / 3, abs=0.01)


def test_noise_within_full_scale_is_not_clipped() -> None:
    assert clipped(np.random.default_rng(1).standard_normal(100_000) * 0.1).mean() == 0


def test_one_full_scale_sample_is_no_clipping_and_three_are() -> None:
    x = np.random.default_rng(1).standard_normal(1000) * 0.01
    x[500] = 1
    assert clipped(x).sum() == 0
    x[500:503] = 1
    assert np.flatnonzero(clipped(x)).tolist() == [500, 501, 502]


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_silence_is_not_clipped(count: int) -> None:
    assert clipped(np.zeros(count)).sum() == 0


def test_runs_at_both_ends_count() -> None:
    x = np.array([1, 1, 1, 0, 0, 0, 1, 1, 1.0])
    assert clipped(x).tolist() == [True] * 3 + [False] * 3 + [True] * 3


def humps(overload_db: float) -> NDArray[Any]:
    """Return low noise in a slow swell, amplified by so much into the limits: what overloaded speech is like."""
    t = np.arange(9 * 16000) / 16000
    low = lfilter(*butter(2, 500, fs=16000), np.random.default_rng(3).normal(0, 1, len(t)))
    swell = low * (0.2 + np.abs(np.sin(2 * np.pi * 0.7 * t)) ** 3)
    return np.asarray(np.clip(10 ** (overload_db / 20) * swell / np.abs(swell).max(), -1, 1))


@pytest.mark.parametrize(("up", "down"), [(441, 160), (1, 2), (3, 1)])
def test_after_a_change_of_rate_the_cut_tops_still_crowd(up: int, down: int) -> None:
    overloaded = 0.5 * resample_poly(humps(12), up, down)
    assert clipped(overloaded).mean() < 0.0005  # no two samples are equal any more
    assert crowding(overloaded) > CROWDED
    assert crowding(resample_poly(humps(0), up, down)) < CROWDED


def test_silence_and_nothing_crowd_nowhere() -> None:
    assert crowding(np.zeros(100)) == crowding(np.zeros(0)) == 0


def test_a_microphone_that_is_cut_off_all_the_time_is_overloaded() -> None:
    x = np.clip(3 * np.random.default_rng(1).standard_normal(48000), -1, 1)
    # p = 0.7389 lie beyond a third of the deviation; runs of one (p q²) and of two (2 p² q²) do not count.
    assert overloaded(x) == pytest.approx(0.614, abs=0.01)


@pytest.mark.parametrize(
    "x",
    [
        np.sin(2 * np.pi * 50 * np.arange(48000) / 48000),  # a clean sine dwells at its top
        np.round(np.random.default_rng(2).uniform(-1, 1, 48000)) / 32768,  # the last bit of a quiet microphone
        np.concatenate([np.full(480, 1.0), 0.01 * np.random.default_rng(3).standard_normal(48000)]),  # a door
        np.zeros(0),
    ],
    ids=["sine", "last bit", "door", "nothing"],
)
def test_tones_a_very_quiet_room_and_a_door_are_not_overloaded(x: NDArray[Any]) -> None:
    assert overloaded(x) == 0

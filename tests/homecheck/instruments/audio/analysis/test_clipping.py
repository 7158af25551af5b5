"""Signals whose share of clipped samples is known."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.clipping import clipped


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

"""Against numpy's transform in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.standards.frame_spectra import frame_power, spectra

NOISE = np.random.default_rng(7).standard_normal(40_000)


@pytest.mark.parametrize(("length", "hop", "size"), [(320, 128, 512), (256, 80, None), (16000, 8000, None), (9, 4, 9)])
def test_the_power_of_frames_is_that_of_their_transforms(length: int, hop: int, size: int | None) -> None:
    window = np.hanning(length)
    found = frame_power(NOISE, window.astype(np.float32), hop, size)
    starts = range(0, len(NOISE) - length + 1, hop)
    expected = [np.abs(np.fft.rfft(NOISE[start : start + length] * window, size)) ** 2 for start in starts]
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.max(expected))


def test_only_the_lines_that_are_asked_for_come_back() -> None:
    window = np.hanning(320).astype(np.float32)
    every = frame_power(NOISE, window, 128, 512)
    assert np.array_equal(frame_power(NOISE, window, 128, 512, slice(7, 250)), every[:, 7:250])


def test_spectra_are_single_and_divided_by_their_length() -> None:
    found = spectra(NOISE.astype(np.float32).reshape(4, -1))
    assert found.dtype == np.complex64
    expected = np.fft.rfft(NOISE.reshape(4, -1)) / 10_000
    assert np.std(found - expected) < 10 ** (-125 / 20) * np.std(expected)


def test_less_than_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="window shape"):
        frame_power(NOISE[:100], np.ones(101, dtype=np.float32), 10)

"""Sounds with a known pitch, and sounds with none."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.speech_frames import speech_frames
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink


def sung(f: float, seconds: float = 4.0) -> Sound:
    """A pulse train of pitch `f`, on for 0.3 s and off for 0.3 s."""
    t = np.arange(round(seconds * 8000)) / 8000
    tone = sum(np.cos(2 * np.pi * k * f * t) for k in range(1, int(3000 / f)))
    return np.asarray(0.01 * tone * (t % 0.6 < 0.3))


@pytest.mark.parametrize("f", [100, 120, 220, 330, 430])
def test_the_pitch_of_a_voice_is_found_within_one_per_cent(f: float) -> None:
    frames = speech_frames(sung(f) + pink(8000, 4, -60))
    inside = frames.voiced & (frames.excess_db > 15)
    assert inside.sum() > 60
    assert np.median(frames.pitch[inside]) == pytest.approx(np.log2(f), abs=0.015)


def test_noise_has_no_pitch() -> None:
    assert speech_frames(pink(8000, 4, -40)).voiced.mean() < 0.02


def test_what_never_stops_is_background_and_has_no_pitch() -> None:
    t = np.arange(4 * 8000) / 8000
    hum = sum(np.sin(2 * np.pi * 100 * k * t) / k for k in range(1, 20))
    frames = speech_frames(0.1 * hum + pink(8000, 4, -60))
    assert frames.voiced.mean() < 0.02
    assert np.percentile(frames.excess_db, 90) < 3


def test_digital_silence_stands_out_of_nothing() -> None:
    frames = speech_frames(np.zeros(16000))
    assert not frames.voiced.any()
    assert np.isfinite(frames.bands).all()


def test_the_level_does_not_matter() -> None:
    x = sung(150) + pink(8000, 4, -60)
    loud, soft = speech_frames(x), speech_frames(x * 0.03)
    np.testing.assert_allclose(loud.excess_db, soft.excess_db, atol=0.1)


def test_less_than_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="window shape"):
        speech_frames(np.zeros(100))

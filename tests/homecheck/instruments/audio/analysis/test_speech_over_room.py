"""Speech-like sounds whose level is known by construction, over noise of known level."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.speech_over_room import speech_over_room
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink, sine


def talk(rate: int, rms_db: float) -> Sound:
    """Eight seconds of tone, always on: its active level is its RMS."""
    return sine(500, rate, 8, rms_db)


@pytest.mark.parametrize("rate", [48000, 44100, 16000, 8000])
@pytest.mark.parametrize("room_db", [-80, -60, -45])
def test_the_difference_of_the_levels_is_right_at_every_rate(rate: int, room_db: float) -> None:
    found = speech_over_room(pink(rate, 10, room_db), talk(rate, -26) + pink(rate, 8, room_db, seed=2), rate)
    assert found.snr_db == pytest.approx(-26 - room_db, abs=max(0.2, found.uncertainty_db))
    assert found.room_db == pytest.approx(room_db, abs=0.1)
    assert found.activity > 0.95


def test_an_offset_of_the_converter_is_neither_speech_nor_room() -> None:
    plain = speech_over_room(pink(8000, 10, -60), talk(8000, -26), 8000)
    offset = speech_over_room(pink(8000, 10, -60) + 0.2, talk(8000, -26) + 0.2, 8000)
    assert offset.snr_db == pytest.approx(plain.snr_db, abs=0.01)


def test_gain_cancels() -> None:
    room, speech = pink(8000, 10, -60), talk(8000, -26)
    assert speech_over_room(room * 0.1, speech * 0.1, 8000).snr_db == pytest.approx(
        speech_over_room(room, speech, 8000).snr_db, abs=0.1
    )


def test_speech_that_is_buried_is_told_with_more_doubt() -> None:
    room = pink(8000, 10, -36)
    found = speech_over_room(room, talk(8000, -26) + pink(8000, 8, -36, seed=3), 8000)
    assert found.uncertainty_db > 3


def test_nothing_at_all_has_finite_levels() -> None:
    found = speech_over_room(np.zeros(80000), np.zeros(64000), 8000)
    assert np.isfinite([found.snr_db, found.uncertainty_db]).all()

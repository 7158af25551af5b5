"""Voices and what is none, by voices, languages, sentences and seeds that the network was not taught with.

Few scenes, so that it takes seconds; the tables of docs/probes/quiet_room.md are made from hundreds.
"""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.narrow_band import narrow_band
from homecheck.instruments.audio.analysis.speech_cues import NAMES
from homecheck.instruments.audio.analysis.voices import INNER, network, voices
from tests.homecheck.instruments.audio.analysis.sounds import pink
from tests.needs import need_program
from tests.room_sounds import EVENTS, HELD_OUT, STEADY, VOICES, make_scene

SEED = 500_000


def percent(source: str, seed: int, snr_db: float, rate: int) -> tuple[float, float]:
    """What is heard, and the truth."""
    scene = make_scene(source, seed, HELD_OUT, snr_db, rate)
    return 100 * float(voices(narrow_band(scene.x, scene.rate)).mean()), scene.voices_percent


@pytest.mark.parametrize("rate", [8000, 48000])
@pytest.mark.parametrize("source", VOICES)
def test_voices_are_heard_for_about_as_long_as_there_are_any(source: str, rate: int) -> None:
    need_program("espeak-ng", package="espeak-ng")
    heard, true = zip(*(percent(source, SEED + number, 15, rate) for number in range(3)), strict=True)
    assert min(heard) > 20
    assert np.mean(heard) == pytest.approx(np.mean(true), abs=30)


@pytest.mark.parametrize("source", [*EVENTS, *STEADY])
def test_other_sounds_are_no_voices(source: str) -> None:
    heard = [percent(source, SEED + number, 15, 16000)[0] for number in range(4)]
    assert np.mean(heard) < 10


def test_silence_noise_and_too_little_sound_hold_no_voice() -> None:
    assert not voices(np.zeros(80000)).any()
    assert not voices(pink(8000, 10, -30)).any()
    assert len(voices(np.zeros(8000))) == 0
    assert len(voices(np.zeros(0))) == 0


def test_the_network_fits_the_cues_and_is_finite() -> None:
    found = network()
    assert found.inner.shape == (len(NAMES), INNER)
    assert found.spread.min() > 0
    assert all(np.isfinite(part).all() for part in (found.mean, found.inner, found.inner_offset, found.answer))


def test_cues_far_beyond_all_that_was_taught_have_an_answer() -> None:
    cues = np.vstack([np.full(len(NAMES), 1e12), np.full(len(NAMES), -1e12)])
    assert ((network().probability(cues) >= 0) & (network().probability(cues) <= 1)).all()

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homecheck.collector.code_sound import wav
from homecheck.standards.itu_q24 import find_digits

RATE = 8000
# ITU-T Q.23, table 1, written by hand.
TONES = {
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477),
    "4": (770, 1209), "5": (770, 1336), "6": (770, 1477),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477),
    "0": (941, 1336),
}  # fmt: skip


def samples(digits: str) -> NDArray[Any]:
    with wave.open(io.BytesIO(wav(digits))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


@pytest.mark.parametrize("digit", TONES)
def test_each_key_sounds_with_its_two_frequencies_and_no_other(digit: str) -> None:
    tone = samples(digit)[3 * RATE : 3 * RATE + RATE // 10]
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), 80_000))  # 0.1 Hz between two lines
    f = np.fft.rfftfreq(80_000, 1 / RATE)
    for expected in TONES[digit]:
        near = np.abs(f - expected) < 30
        assert f[near][np.argmax(spectrum[near])] == pytest.approx(expected, rel=0.005)
    elsewhere = np.all([np.abs(f - expected) > 60 for expected in TONES[digit]], axis=0)
    assert spectrum[elsewhere].max() < spectrum.max() / 20  # 26 dB down


def test_the_code_is_repeated_with_silence_between_and_found_again_by_a_receiver() -> None:
    x = samples("190573")
    found = find_digits(x, RATE)
    assert "".join(digit.symbol for digit in found) == "190573" * 6
    starts = np.array([digit.start_seconds for digit in found]).reshape(6, 6)
    assert np.diff(starts, axis=1) == pytest.approx(0.2, abs=0.006)
    assert np.diff(starts[:, 0]) == pytest.approx(3 + 6 * 0.1 + 5 * 0.1, abs=0.006)
    assert starts[0, 0] == pytest.approx(3, abs=0.006)
    assert [digit.seconds for digit in found] == pytest.approx([0.1] * 36, abs=0.012)


def test_neither_a_click_nor_an_overload_is_in_it() -> None:
    x = samples("147*")
    assert np.abs(x).max() < 0.41
    assert np.abs(np.diff(x)).max() < 0.41 * 2 * np.pi * 1633 / RATE  # no steeper than its own tones


def test_what_is_no_key_of_a_telephone_is_refused() -> None:
    with pytest.raises(ValueError, match="no key"):
        wav("12x456")

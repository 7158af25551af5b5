"""The sound of a code: push-button tones (ITU-T Q.23), as a telephone system plays them on a call.

A WAV file of 8000 Hz, 16 bit, one channel: what telephone systems play without converting it. Tones of 100 ms with
pauses of 100 ms are well above what a receiver needs by Q.24 (40 ms), as calls over packet networks blur them.
"""

from __future__ import annotations

import io
import math
import sys
import wave
from array import array
from functools import cache
from typing import Final

from homecheck.standards.itu_q23 import frequencies_hz

RATE_HZ: Final = 8_000
TONE_SECONDS: Final = 0.1
PAUSE_SECONDS: Final = 0.1
BETWEEN_SECONDS: Final = 3.0  # silence before every round, so that the digits of a code stay together
ROUNDS: Final = 6
PEAK: Final = 0.2  # of full scale, for each of the two tones: -17 dBov, which is -11 dBm0 in G.711
RAMP_SECONDS: Final = 0.002  # at both ends of a tone, else it clicks


def wav(digits: str) -> bytes:
    """Return a WAV file that plays `digits` again and again for 25 seconds. ValueError for what is no key."""
    between, pause = _silence(BETWEEN_SECONDS), _silence(PAUSE_SECONDS)
    once = between + pause.join(_tone(digit) for digit in digits)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(once * ROUNDS + pause)
    return file.getvalue()


@cache
def _tone(digit: str) -> bytes:
    frequencies = frequencies_hz(digit)
    length, ramp = round(TONE_SECONDS * RATE_HZ), round(RAMP_SECONDS * RATE_HZ)
    samples = array("h")
    for index in range(length):
        level = min(1.0, (index + 1) / ramp, (length - index) / ramp) * PEAK * 32_767
        samples.append(round(level * sum(math.sin(2 * math.pi * hz * index / RATE_HZ) for hz in frequencies)))
    if sys.byteorder == "big":
        samples.byteswap()  # a WAV file is little-endian
    return samples.tobytes()


def _silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE_HZ))

"""Sounds with known properties, made anew for each test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]


def amplitude(db: float) -> float:
    """Return the factor of a level in dB."""
    return float(10 ** (db / 20))


def sine(f: float, rate: int, seconds: float, rms_db: float) -> Sound:
    """Return a tone whose RMS is `rms_db` relative to full scale."""
    t = np.arange(round(seconds * rate)) / rate
    return np.asarray(amplitude(rms_db) * np.sqrt(2) * np.sin(2 * np.pi * f * t + 0.3))


def pink(rate: int, seconds: float, rms_db: float, seed: int = 1) -> Sound:
    """Return noise whose power falls by 3 dB per octave above 20 Hz, repeating without a jump."""
    count = round(seconds * rate)
    f = np.fft.rfftfreq(count, 1 / rate)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(f))
    spectrum = np.where(f >= 20, 1 / np.sqrt(np.maximum(f, 20)), 0) * np.exp(1j * phases)
    x = np.fft.irfft(spectrum, count)
    return np.asarray(x * amplitude(rms_db) / np.sqrt(np.mean(x**2)))


def bursts(rate: int, seconds: float, every: float, length: float, rms_db: float) -> Sound:
    """Return 700 Hz tone bursts of `length` seconds, one `every` so many seconds, the first after half that time."""
    tone = sine(700, rate, seconds, rms_db)
    t = np.arange(len(tone)) / rate
    return np.asarray(np.where(((t - every / 2) % every) < length, tone, 0) * (t >= every / 2))

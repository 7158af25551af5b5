"""How much of what the earpiece plays comes back through the microphone, and how long that takes.

An exponential sweep (Farina, AES 108th Convention, 2000): x(t) = sin(2 pi f1 T/R (e^(tR/T) - 1)), R = ln(f2/f1). Played
backwards with its amplitude falling by e^(-tR/T), it is its own inverse: recording times inverse is the way's impulse
response, whose peak says when the sound came back, with 30 dB more than the recording itself has over its noise.

The leak's level is the energy of the recording in a band that moves with the sweep, less that of the silence before it
in the same bands, against the energy that was played: an impulse's energy would read 3 to 6 dB high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis.resampling import half_width
from homecheck.standards.iec_61672_1 import decibels

LOW_HZ: Final = 100.0
HIGH_HZ: Final = 8000.0
HIGHEST_SHARE: Final = 0.4  # of the rate, where that is lower: converters fall off above
SECONDS: Final = 3.0
FADE_SECONDS: Final = 0.02
SILENCE_SECONDS: Final = 1.0  # before it, for the noise
TAIL_SECONDS: Final = 1.0  # after it: the longest round trip that can be told
PEAK_OVER_NOISE: Final = 8.0  # of the impulse response, over the largest value where no answer can be
SURE: Final = 3.0  # standard deviations of the noise, that the recorded sweep must stand out by
LEAST_SHARE: Final = 0.1  # of the noise, the same: rooms change by so much within seconds
MARGIN: Final = 1.05  # around the frequencies that a tenth of a second runs through
FRAME_SECONDS: Final = 0.1  # what resampling draws
METHOD_DB: Final = 0.1


@dataclass(frozen=True)
class Leak:
    """What came back: the delay in seconds (None: nothing that stands out), its level against what was played in dB.

    `at_most`: the level is that of the noise; what came back lies somewhere below.
    """

    delay_seconds: float | None
    level_db: float
    half_width_db: float
    at_most: bool
    over_noise_db: float  # of the impulse's peak


def band(rate_hz: int) -> tuple[float, float]:
    """Return the sweep's first and last frequency in Hz."""
    return LOW_HZ, min(HIGH_HZ, HIGHEST_SHARE * rate_hz)


def excitation(rate_hz: int, amplitude: float) -> NDArray[np.float64]:
    """Return what is to be played: silence, sweep, silence; shape (frames,), full scale 1."""
    silence, tail = np.zeros(round(SILENCE_SECONDS * rate_hz)), np.zeros(round(TAIL_SECONDS * rate_hz))
    return np.concatenate([silence, amplitude * _sweep(rate_hz), tail])


def leak(recorded: NDArray[Any], rate_hz: int, amplitude: float) -> Leak:
    """Return what came back of `excitation`; `recorded` began with it. ValueError when it is shorter."""
    played = excitation(rate_hz, amplitude)
    if len(recorded) < len(played):
        raise ValueError(f"{len(recorded)} samples were recorded, {len(played)} were played")
    y = np.asarray(recorded[: len(played)], dtype=np.float64)
    delay, over_noise = _delay(y, rate_hz)
    start = round(SILENCE_SECONDS * rate_hz)
    late = start + round((delay or 0.0) * rate_hz)
    got, gave = _tracked(y[late:], rate_hz), _tracked(played[start:], rate_hz)
    noise = np.stack([_tracked(np.resize(quiet, len(played)), rate_hz) for quiet in _silences(y, rate_hz)])
    floor = noise.mean(axis=0)

    def level(rows: NDArray[np.int64]) -> float:
        return decibels(max(float((got - floor)[rows].sum()), 1e-20)) - decibels(float(gave[rows].sum()))

    heard, scatter = float((got - floor).sum()), float(noise.sum(axis=1).std(ddof=1))
    if delay is None or heard < SURE * scatter or heard < LEAST_SHARE * float(floor.sum()):
        hidden = max(heard, 0.0) + SURE * scatter + LEAST_SHARE * float(floor.sum())
        bound = decibels(max(hidden, 1e-20)) - decibels(float(gave.sum()))
        return Leak(delay, bound, METHOD_DB, at_most=True, over_noise_db=over_noise)
    everything = np.arange(len(got))
    spread = half_width(level, len(got), METHOD_DB)
    return Leak(delay, level(everything), spread, at_most=False, over_noise_db=over_noise)


def _tracked(x: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Return for each tenth of a second of a sweep that begins with `x` the energy in the band that it runs through."""
    low, high = band(rate_hz)
    size = round(FRAME_SECONDS * rate_hz)
    count = round(SECONDS / FRAME_SECONDS)
    power = np.abs(np.fft.rfft(x[: count * size].reshape(count, size), axis=1)) ** 2 / size**2
    f = np.fft.rfftfreq(size, 1 / rate_hz)
    edges = low * (high / low) ** (np.arange(count + 1) / count)
    inside = (f >= edges[:-1, None] / MARGIN) & (f <= edges[1:, None] * MARGIN)
    energy: NDArray[np.float64] = (power * inside).sum(axis=1)
    return energy


def _silences(y: NDArray[np.float64], rate_hz: int) -> list[NDArray[np.float64]]:
    """Return the tenths of a second before the sweep."""
    size = round(FRAME_SECONDS * rate_hz)
    count = round(SILENCE_SECONDS / FRAME_SECONDS) - 1
    return [y[index * size : (index + 1) * size] for index in range(count)]


def _delay(y: NDArray[np.float64], rate_hz: int) -> tuple[float | None, float]:
    """Return when the sweep came back in seconds, or None, and by how many dB the impulse's peak stands out."""
    sweep = _sweep(rate_hz)
    t = np.arange(len(sweep)) / rate_hz
    low, high = band(rate_hz)
    inverse = (sweep * np.exp(t * np.log(high / low) / SECONDS))[::-1]  # louder towards the rarer, high frequencies
    size = 1 << (len(y) + len(sweep)).bit_length()
    response = np.abs(np.fft.irfft(np.fft.rfft(y, size) * np.fft.rfft(inverse, size), size))
    zero = round(SILENCE_SECONDS * rate_hz) + len(sweep) - 1
    possible = response[zero : zero + round(TAIL_SECONDS * rate_hz)]
    # What stands before the sound can have come back is noise, and the sweep's own distortion.
    noise = response[zero - round(0.5 * SILENCE_SECONDS * rate_hz) : zero - round(0.01 * rate_hz)]
    peak = int(np.argmax(possible))
    ratio = float(possible[peak]) / max(float(np.sqrt((noise**2).mean())), 1e-12)
    over_noise = 2 * decibels(ratio) if ratio > 0 else 0.0
    return (peak / rate_hz if ratio > PEAK_OVER_NOISE else None), over_noise


def _sweep(rate_hz: int) -> NDArray[np.float64]:
    low, high = band(rate_hz)
    growth = np.log(high / low)
    t = np.arange(round(SECONDS * rate_hz)) / rate_hz
    x = np.sin(2 * np.pi * low * SECONDS / growth * (np.exp(t * growth / SECONDS) - 1))
    fade = np.minimum(1.0, np.minimum(t, t[::-1]) / FADE_SECONDS)  # without it both ends would click
    faded: NDArray[np.float64] = x * fade
    return faded

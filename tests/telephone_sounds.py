"""Sounds of a telephone: digits, exchange tones, and what a line and a microphone do to them. Made by formula.

    press("4711", 48000, twist_db=-8, snr_db=15)          the digits by ITU-T Q.23, typed again here
    exchange_tone((350, 440), (), snr_db=-10)             a tone by its lines and cadence
    through_a_line(x, rate, "mu")                         300 to 3400 Hz, 8 bits, 8000 samples per second
    at_a_microphone(x, rate, hum_hz=50)                   a handset held to the microphone of a room

Levels are in dBov: a full-scale sine has -3.01. An SNR counts the noise from 0 to 4 kHz, whatever the rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from tests.room_sounds import HELD_OUT, INNER, TRAINING, spoken

Sound = NDArray[np.float64]
Noise = Callable[[int, int, float, int], Sound]  # samples, rate, dB from 0 to 4 kHz, seed

# Q.23, table 1, typed again: the code under test reads its own.
KEYS: Final = {
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477), "A": (697, 1633),
    "4": (770, 1209), "5": (770, 1336), "6": (770, 1477), "B": (770, 1633),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477), "C": (852, 1633),
    "*": (941, 1209), "0": (941, 1336), "#": (941, 1477), "D": (941, 1633),
}  # fmt: skip
ALL: Final = "123A456B789C*0#D" * 2
RATES: Final = (8000, 16000, 44100, 48000)


def white(count: int, rate: int, db_below_4_khz: float, seed: int = 5) -> Sound:
    """Return white noise."""
    power = 10 ** (db_below_4_khz / 10) * rate / 8000
    return np.random.default_rng(seed).normal(scale=np.sqrt(power), size=count)


def pink(count: int, rate: int, db_below_4_khz: float, seed: int = 5) -> Sound:
    """Return noise of a room: as much power in every octave above 20 Hz."""
    return _coloured(count, rate, db_below_4_khz, seed, lambda f: np.where(f < 20, 0, 1 / np.sqrt(np.maximum(f, 20))))


def speech_shaped(count: int, rate: int, db_below_4_khz: float, seed: int = 5) -> Sound:
    """Return noise with the long-term spectrum of speech: flat from 100 to 500 Hz, then falling by 9 dB an octave."""
    return _coloured(
        count, rate, db_below_4_khz, seed, lambda f: np.where(f < 100, f / 100, (1 + (f / 500) ** 2) ** -0.75)
    )


def _coloured(
    count: int, rate: int, db_below_4_khz: float, seed: int, amplitude: Callable[[Sound], Sound]
) -> Sound:  # fmt: skip
    """Return noise with these amplitudes; its power from 0 to 4 kHz is as asked at every rate."""
    f = np.fft.rfftfreq(count, 1 / rate).astype(np.float64)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count)) * amplitude(f)
    spectrum[0] = 0
    power = 2 * np.sum(np.abs(spectrum[f < 4000]) ** 2) / count**2
    return np.asarray(np.fft.irfft(spectrum, count) * np.sqrt(10 ** (db_below_4_khz / 10) / power))


def press(
    symbols: str, rate: int = 8000, *, on: float = 0.05, off: float = 0.05, offset: float = 0.0, twist_db: float = 0.0,
    level_db: float = -15.0, snr_db: float | None = None, noise: Noise = white, seed: int = 4,
) -> Sound:  # fmt: skip
    """Return digits: `level_db` is the stronger tone's, `twist_db` the column's over the row's, SNR up to 4 kHz."""
    rng = np.random.default_rng(seed)
    row, column = (10 ** (db / 20) * np.sqrt(2) for db in (level_db - max(0, twist_db), level_db + min(0, twist_db)))
    t = np.arange(round(on * rate)) / rate
    parts = [np.zeros(rate // 5)]
    for symbol in symbols:
        low, high = KEYS[symbol]
        first, second = rng.uniform(0, 2 * np.pi, 2)
        parts.append(
            row * np.sin(2 * np.pi * low * (1 + offset) * t + first)
            + column * np.sin(2 * np.pi * high * (1 + offset) * t + second)
        )
        parts.append(np.zeros(round(off * rate)))
    x = np.concatenate([*parts, np.zeros(rate // 5)])
    if snr_db is None:
        return x
    return x + noise(len(x), rate, 10 * np.log10((row**2 + column**2) / 2) - snr_db, seed)


def exchange_tone(
    lines: tuple[float, ...], cadence: tuple[float, ...] = (), *, rate: int = 8000, seconds: float = 10.0,
    start: float = 0.0, snr_db: float | None = None, level_db: float = -30.0, noise: Noise = white, seed: int = 3,
) -> Sound:  # fmt: skip
    """Return a tone of `level_db` while on, `start` seconds into its cadence, over noise `snr_db` below that."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    x = np.zeros(len(t))
    for f in lines:
        x += np.sin(2 * np.pi * f * t + rng.uniform(0, 2 * np.pi))
    x *= 10 ** (level_db / 20) * np.sqrt(2 / len(lines))
    if cadence:
        within = (t + start) % sum(cadence)
        x *= np.searchsorted(np.cumsum(cadence), within, side="right") % 2 == 0
    return x if snr_db is None else x + noise(len(t), rate, level_db - snr_db, seed)


def in_the_telephone_band(x: Sound, rate: int) -> Sound:
    """Return what a line lets through: Butterworth, 300 to 3400 Hz."""
    return np.asarray(sosfilt(butter(4, (300, 3400), "bandpass", fs=rate, output="sos"), x))


def through_a_line(x: Sound, rate: int, law: str) -> Sound:
    """Return what a digital exchange carries of `x`, at the same rate: 8000 samples per second by the law "mu" or "A".

    The laws are the continuous ones, cut into 256 steps, which the segments of G.711 approximate.
    """
    narrow = in_the_telephone_band(resample_poly(x, 8000 // _common(rate), rate // _common(rate)), 8000)
    size, bend = np.minimum(np.abs(narrow), 1), 255.0 if law == "mu" else 87.6
    if law == "mu":
        code = np.log1p(bend * size) / np.log1p(bend)
    else:
        code = np.where(size < 1 / bend, bend * size, 1 + np.log(np.maximum(bend * size, 1))) / (1 + np.log(bend))
    code = (np.floor(np.minimum(code, 1 - 1e-9) * 128) + 0.5) / 128
    if law == "mu":
        size = np.expm1(code * np.log1p(bend)) / bend
    else:
        steep = code * (1 + np.log(bend))
        size = np.where(steep < 1, steep, np.exp(steep - 1)) / bend
    return np.asarray(resample_poly(np.sign(narrow) * size, rate // _common(rate), 8000 // _common(rate)))


def _common(rate: int) -> int:
    return int(np.gcd(rate, 8000))


def at_a_microphone(
    x: Sound, rate: int, *, level_db: float = -55.0, room_db: float = -75.0, hum_hz: float = 50.0,
    hum_db: float = -60.0, seed: int = 6,
) -> Sound:  # fmt: skip
    """Return `x` with its loudest tenth of a second at `level_db`, in a room with hum, as 16 bits.

    `room_db` is the level of pink noise, `hum_db` that of the mains' first harmonic; the next are 3 dB weaker each.
    """
    frames = x[: len(x) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    x = x * 10 ** (level_db / 20) / np.sqrt((frames**2).mean(axis=1).max())
    t = np.arange(len(x)) / rate
    for k in range(1, 13):
        x = x + 10 ** ((hum_db - 3 * (k - 1)) / 20) * np.sqrt(2) * np.sin(2 * np.pi * k * hum_hz * t + seed * k)
    return np.round((x + pink(len(x), rate, room_db, seed)) * 32768) / 32768


# --- People who talk -------------------------------------------------------------------------------------------------

VOICES: Final = (
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "Annie",
    "Mike",
    "klatt2",
)
CONSONANTS: Final = (*"bdfghjklmnprstvwz", "sh", "ch", "st", "tr", "br", "sk")
VOWELS: Final = (*"aeiou", "aa", "ee", "oo", "ai", "au", "ey")


def talk(seed: int, seconds: float, voices: int = 1, line: bool = False) -> tuple[Sound, int]:
    """Return speech without long pauses, from -15 to -35 dBov, and its rate of 16 kHz.

    Every few seconds it is somebody else: any language of `room_sounds`, any voice, pitch and pace; sentences, numbers
    that are read out, and made-up words that no dictionary has.
    """
    random = np.random.default_rng([seed, voices, 11])
    x = np.sum([_speech(random, seconds) for _ in range(voices)], axis=0)
    x *= 10 ** (random.uniform(-35, -15) / 20) / np.sqrt(np.mean(x**2))
    x = np.clip(x, -1, 1)
    return (through_a_line(x, INNER, str(random.choice(["mu", "A"]))) if line else x), INNER


def _speech(random: np.random.Generator, seconds: float) -> Sound:
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * INNER:
        kit = (TRAINING, HELD_OUT)[int(random.integers(2))]
        language = str(random.choice(list(kit.sentences)))
        text = (kit.sentences[language], _numbers(random), _made_up(random))[int(random.integers(3))]
        voice, pitch, pace = str(random.choice(VOICES)), int(random.integers(0, 100)), int(random.integers(90, 300))
        parts += [spoken(text, language, voice, pitch, pace), np.zeros(round(random.uniform(0.1, 0.5) * INNER))]
    return np.concatenate(parts)[: round(seconds * INNER)]


def _numbers(random: np.random.Generator) -> str:
    return ", ".join(str(random.integers(0, 10 ** int(random.integers(1, 6)))) for _ in range(8))


def _made_up(random: np.random.Generator) -> str:
    words = (
        "".join(random.choice(CONSONANTS) + random.choice(VOWELS) for _ in range(random.integers(1, 5)))
        for _ in range(15)
    )  # fmt: skip
    return " ".join(words)


def music_like(seed: int, seconds: float) -> tuple[Sound, int]:
    """Return what rings and lasts: chords and melodies of instruments with one to nine harmonics, up to 2 kHz."""
    random = np.random.default_rng([seed, 12])
    x = np.zeros(round(seconds * INNER))
    at = 0.0
    while at < seconds:
        length, harmonics = float(random.choice([0.15, 0.3, 0.6, 1.2, 5.0])), int(random.integers(2, 10))
        t = np.arange(round(min(length, seconds - at) * INNER)) / INNER
        swell = np.minimum(1, np.minimum(t, t[-1] - t) / 0.01) * np.exp(-t * random.choice([0, 0.5, 3]))
        for _ in range(int(random.integers(1, 5))):
            pitch = 440 * 2 ** (int(random.integers(-24, 20)) / 12)
            vibrato = random.choice([0, 0.003, 0.01]) * np.sin(2 * np.pi * 5.5 * t) / 5.5 * pitch
            note = sum(np.sin(k * (2 * np.pi * pitch * t + vibrato)) / k**1.2 for k in range(1, harmonics + 1))
            x[round(at * INNER) :][: len(t)] += swell * note
        at += length * random.uniform(0.5, 1)
    return x * 10 ** (random.uniform(-35, -15) / 20) / np.sqrt(np.mean(x**2)), INNER

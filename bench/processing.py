"""Which processing `headset.processed` finds: synthetic voices in noise, treated in known ways, as a table.

    .venv/bin/python bench/processing.py [seeds]

Voices are espeak-ng's (Debian: espeak-ng). Each row is one treatment at one level of noise: how many of the voices were
called processed, and by which signs. "webrtc" is the real thing, WebRTC's noise suppression and gain as PulseAudio's
module-echo-cancel brings them; it runs in real time and only with the word ``webrtc`` as second argument.
"""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.instruments.audio.analysis.processing import Signs, signs
from homecheck.standards.itu_p56 import speech_level

RATE = 16000
TEXT = (
    "Good morning, and thank you for calling. I will look into this for you right away, it only takes a moment. "
    "Is there anything else that I can help you with today?"
)
VOICES = ("en-us", "en-gb", "de", "sv", "es", "fr", "en-us+f3", "en-gb+f2", "sv+f4", "es+m7")

Sound = NDArray[np.float64]


def voice(name: str) -> Sound:
    """Return 9 s of a voice at -26 dBov (P.56), at 16 kHz."""
    spoken = subprocess.run(["espeak-ng", "-v", name, "--stdout", TEXT], capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        rate = file.getframerate()
        x = np.frombuffer(file.readframes(10**9), "<i2").astype(np.float64) / 32768
    t = np.arange(int(len(x) * RATE / rate)) / RATE
    y = np.interp(t, np.arange(len(x)) / rate, x)[: 9 * RATE]
    y = np.concatenate([y, np.zeros(9 * RATE - len(y))])
    return np.asarray(y * 10 ** ((-26 - speech_level(y, RATE).active_db) / 20))


def noise(seed: int, level_db: float, seconds: float = 13.0) -> Sound:
    """Return pink noise."""
    count = round(seconds * RATE)
    f = np.fft.rfftfreq(count, 1 / RATE)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(f))
    x = np.fft.irfft(np.where(f >= 20, 1 / np.sqrt(np.maximum(f, 20)), 0) * np.exp(1j * phases), count)
    return np.asarray(x * 10 ** (level_db / 20) / np.sqrt(np.mean(x**2)))


def untouched(x: Sound) -> Sound:
    """Leave the sound as it is."""
    return x


def in_16_bits(x: Sound) -> Sound:
    """Round to 16 bits, as most devices deliver it."""
    return np.round(x * 32767) / 32768


def in_a_room(x: Sound) -> Sound:
    """Add a reverberation of 0.4 s, 20 dB below the voice."""
    n = np.arange(round(0.4 * RATE))
    tail = np.random.default_rng(7).normal(size=len(n)) * 10 ** (-3 * n / len(n))
    tail *= 0.1 / np.sqrt(np.sum(tail**2))
    size = 1 << (len(x) + len(tail)).bit_length()
    return x + np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[: len(x)]


def with_keys(x: Sound) -> Sound:
    """Add a keyboard: four clicks a second, 30 dB below full scale."""
    y = x.copy()
    for at in range(RATE // 7, len(y) - 800, RATE // 4):
        y[at : at + 400] += 0.03 * np.random.default_rng(at).normal(size=400) * np.exp(-np.arange(400) / 80)
    return y


def with_swelling_noise(x: Sound) -> Sound:
    """Let the room's noise swell and fade by 3 dB both ways within 3 s: traffic."""
    t = np.arange(len(x)) / RATE
    return x + noise(99, -60, len(x) / RATE) * 10 ** (3 * np.sin(2 * np.pi * t / 3) / 20)


def _envelope(x: Sound, seconds: float) -> Sound:
    size = round(seconds * RATE)
    return np.sqrt(np.convolve(x**2, np.ones(size) / size, mode="same"))


def _gated(x: Sound, closed: float) -> Sound:
    """Open 5 ms before the level exceeds -45 dBFS, stay open for 200 ms, close within 20 ms."""
    opened = _envelope(x, 0.01) > 10 ** (-42 / 20)
    held = np.convolve(opened, np.ones(round(0.2 * RATE)))[: len(x)] > 0.5
    ramp = round(0.02 * RATE)
    gain = np.convolve(np.where(held, 1.0, closed), np.ones(ramp) / ramp, mode="same")
    gain[~np.isclose(gain, closed) & (gain < closed)] = closed
    return np.where(np.isclose(gain, closed), closed, gain) * x


def gate_to_nothing(x: Sound) -> Sound:
    """Switch the microphone off in pauses."""
    return in_16_bits(_gated(x, 0.0))


def gate_by_20_db(x: Sound) -> Sound:
    """Lower everything by 20 dB in pauses."""
    return _gated(x, 0.1)


def gate_by_12_db(x: Sound) -> Sound:
    """Lower everything by 12 dB in pauses."""
    return _gated(x, 0.25)


def suppression(x: Sound, floor_db: float = -18.0, learns: float = 0.0) -> Sound:
    """Suppress noise as a Wiener filter does: gain per bin, never below `floor_db`; learns the noise in `learns` s."""
    size, hop = 512, 256
    window = np.sqrt(np.hanning(size + 1)[:-1])
    y, gain = np.zeros(len(x)), np.ones(size // 2 + 1)
    reference = np.mean([np.abs(np.fft.rfft(window * x[i : i + size])) ** 2 for i in range(0, 3 * RATE, hop)], axis=0)
    for i in range(0, len(x) - size, hop):
        spectrum = np.fft.rfft(window * x[i : i + size])
        wanted = np.maximum(1 - 2 * reference / (np.abs(spectrum) ** 2 + 1e-12), 10 ** (floor_db / 20))
        gain = np.where(wanted > gain, wanted, 0.85 * gain + 0.15 * wanted)
        share = 1.0 if learns == 0 else min(1.0, i / RATE / learns)
        y[i : i + size] += window * np.fft.irfft(spectrum * gain**share)
    return y


def suppression_that_learns(x: Sound) -> Sound:
    """Suppress noise, the better the longer: the recording's beginning still has all of it."""
    return suppression(x, learns=6.0)


def automatic_gain(x: Sound, up_db_s: float = 3.0) -> Sound:
    """Bring everything to -20 dBFS: down within 50 ms, up by `up_db_s`, at most 20 dB."""
    level = _envelope(x, 0.05)
    gain_db, gains = 0.0, np.empty(len(x))
    step = RATE // 100
    for i in range(0, len(x), step):
        wanted = min(20.0, -20 - 20 * np.log10(float(level[i]) + 1e-9))
        gain_db = wanted if wanted < gain_db else min(wanted, gain_db + up_db_s / 100)
        gains[i : i + step] = gain_db
    return np.asarray(x * 10 ** (gains / 20))


def slow_gain(x: Sound) -> Sound:
    """The same, up by 1 dB a second."""
    return automatic_gain(x, 1.0)


TREATMENTS: tuple[tuple[bool, Callable[[Sound], Sound]], ...] = (
    (False, untouched), (False, in_16_bits), (False, in_a_room), (False, with_keys), (False, with_swelling_noise),
    (True, gate_to_nothing), (True, gate_by_20_db), (True, gate_by_12_db), (True, suppression),
    (True, suppression_that_learns), (True, automatic_gain), (True, slow_gain),
)  # fmt: skip


def told(x: Sound) -> Signs:
    """Return the signs of a recording of 4 s of silence and 9 s of speech, as the probe cuts it."""
    return signs(x[: round(3.7 * RATE)], x[round(4.3 * RATE) :], RATE)


def row(treat: Callable[[Sound], Sound], voices: list[Sound], level_db: float, seeds: int) -> Iterator[Signs]:
    """Yield the signs of every voice."""
    for index, spoken in enumerate(voices):
        for seed in range(seeds):
            x = np.concatenate([np.zeros(4 * RATE), spoken]) + noise(100 * index + seed, level_db)
            yield told(treat(x))


def webrtc(voices: list[Sound], level_db: float, arguments: str) -> Iterator[Signs]:
    """Yield the signs of voices that went through WebRTC's audio processing in PulseAudio, in real time."""
    from tests.soundcard import SoundCard

    with SoundCard.plugged_in() as card:
        card.pactl("load-module", "module-echo-cancel", "source_name=ec_mic", "source_master=wired_mic",
                   "sink_master=wired", "aec_method=webrtc", f'aec_args="{arguments}"')  # fmt: skip
        for index, spoken in enumerate(voices):
            x = np.concatenate([np.zeros(4 * RATE), spoken]) + noise(100 * index, level_db)
            recorder = subprocess.Popen(
                ["parec", "--device=ec_mic", "--format=float32le", "--channels=1", f"--rate={RATE}", "--raw"],
                stdout=subprocess.PIPE, env=card._env(),
            )  # fmt: skip
            assert recorder.stdout is not None
            with card.playing_into("wired", np.concatenate([x, x]).astype(np.float32), RATE):
                data = np.frombuffer(recorder.stdout.read(30 * RATE * 4), "<f4").astype(np.float64)
            recorder.kill()
            recorder.wait()
            # The second time round, when it has settled: found by the loudness, which begins after the silence.
            loud = _envelope(data, 0.02) > 0.01
            onset = np.flatnonzero(loud[15 * RATE :])
            quiet = np.flatnonzero(np.convolve(loud, np.ones(3 * RATE))[: len(loud)][6 * RATE :] < 0.5)
            first = 6 * RATE + int(quiet[0]) if len(quiet) else 0
            start = first + int(np.flatnonzero(loud[first:])[0]) - 4 * RATE if len(onset) else 0
            yield told(data[max(0, start) : max(0, start) + 13 * RATE])


def line(name: str, processed: bool | None, level_db: float, found: list[Signs]) -> str:
    """Return one row of the table."""
    names = Counter(name for one in found for name in one.found)
    hits = sum(bool(one.found) for one in found)
    by = ", ".join(f"{name} {count}" for name, count in names.items()) or "-"
    truth = {True: "yes", False: "no", None: "?"}[processed]
    return f"| {name.replace('_', ' ')} | {truth} | {level_db:.0f} | {hits}/{len(found)} | {by} |"


def main() -> None:
    """Print the table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    voices = [voice(name) for name in VOICES]
    print("| treatment | processed | noise, dBFS | called processed | signs |\n|---|---|---|---|---|")
    for processed, treat in TREATMENTS:
        for level_db in (-75.0, -65.0, -55.0):
            print(line(treat.__name__, processed, level_db, list(row(treat, voices, level_db, seeds))), flush=True)
    if "webrtc" in sys.argv[2:]:
        for part in ("noise_suppression", "digital_gain_control"):
            on = {"noise_suppression": 0, "analog_gain_control": 0, "digital_gain_control": 0, "high_pass_filter": 0}
            arguments = " ".join(f"{name}={value}" for name, value in (on | {part: 1}).items())
            print(line(f"WebRTC {part}", True, -55, list(webrtc(voices[:3], -55, arguments))), flush=True)


if __name__ == "__main__":
    main()

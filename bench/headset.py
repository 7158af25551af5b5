"""How near the truth leak, delay and drop-outs are: made sounds at four rates, and streams on the virtual sound card.

    .venv/bin/python bench/headset.py [streams]

The first two tables need nothing but numpy. With a number of streams, so many sweeps are played on each device of
the virtual sound card of the tests (PulseAudio), five seconds each: how far apart the round trips of streams lie.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.instruments.audio.analysis import pilots, sweep

RATES = (8000, 16000, 44100, 48000)
LEAKS_DB = (-20, -35, -45, -55, -65)
NOISE_DB = -65
SEEDS = 5
AMPLITUDE = 0.1
KINDS = ("none", "gap of 3 ms", "pause of 20 ms", "skip of 61", "skip of 100 ms", "repeat of 131")
MOMENTS = (1.0137, 2.4, 3.91, 5.2, 6.5551)

Sound = NDArray[np.float64]


def noise(count: int, rate: int, level_db: float, seed: int) -> Sound:
    """Return pink noise."""
    f = np.fft.rfftfreq(count, 1 / rate)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(f))
    x = np.fft.irfft(np.where(f >= 20, 1 / np.sqrt(np.maximum(f, 20)), 0) * np.exp(1j * phases), count)
    return np.asarray(x * 10 ** (level_db / 20) / np.sqrt(np.mean(x**2)))


def leaks() -> None:
    """Print the errors of level and delay."""
    print(
        f"| leak, noise {NOISE_DB} dBFS | values | largest error dB | within interval | bounds | worst delay error ms |"
    )
    print("|---|---|---|---|---|---|")
    for leak_db in LEAKS_DB:
        errors, inside, bounds, held, late = [], 0, 0, 0, [0.0]
        for rate in RATES:
            played = sweep.excitation(rate, AMPLITUDE)
            for seed in range(SEEDS):
                delay = 0.035 + 0.1 * seed
                y = np.concatenate([np.zeros(round(delay * rate)), played])[: len(played)] * 10 ** (leak_db / 20)
                found = sweep.leak(y + noise(len(y), rate, NOISE_DB, seed), rate, AMPLITUDE)
                if found.delay_seconds is not None:
                    late.append(abs(found.delay_seconds - round(delay * rate) / rate) * 1000)
                if found.at_most:
                    bounds, held = bounds + 1, held + (found.level_db >= leak_db)
                    continue
                errors.append(abs(found.level_db - leak_db))
                inside += errors[-1] <= found.half_width_db
        largest = f"{max(errors):.2f}" if errors else "-"
        print(f"| {leak_db} dB | {len(errors)} | {largest} | {inside} | {held} of {bounds} hold | {max(late):.2f} |")


def damaged(x: Sound, rate: int, kind: str) -> Sound:
    """Return `x` with five drop-outs of one kind."""
    parts, last = [], 0
    for moment in MOMENTS:
        at = round(moment * rate)
        piece, goes_on = {
            "none": (x[:0], at),
            "gap of 3 ms": (np.zeros(round(0.003 * rate)), at + round(0.003 * rate)),
            "pause of 20 ms": (np.zeros(round(0.02 * rate)), at),
            "skip of 61": (x[:0], at + 61),
            "skip of 100 ms": (x[:0], at + rate // 10),
            "repeat of 131": (x[at - 131 : at], at),
        }[kind]
        parts += [x[last:at], piece]
        last = goes_on
    return np.concatenate([*parts, x[last:]])


def drop_outs() -> None:
    """Print how many of five drop-outs were counted, at every rate and for two levels of the tones over the noise."""
    print("\n| five times | 30 dB leak, noise -75 dBFS | 45 dB, -85 | 45 dB, -65 |\n|---|---|---|---|")
    for kind in KINDS:
        cells = []
        for leak_db, noise_db in ((-30, -75), (-45, -85), (-45, -65)):
            counts: list[str] = []
            for rate in RATES:
                for seed in range(SEEDS):
                    x = np.concatenate([np.zeros(rate // 4), pilots.tones(rate, 8, 0.07), np.zeros(rate // 4)])
                    y = damaged(x, rate, kind) * 10 ** (leak_db / 20)
                    try:
                        counts.append(str(pilots.dropouts(y + noise(len(y), rate, noise_db, seed), rate, 0.07).count))
                    except pilots.FaintTones:
                        counts.append("too faint")
            cells.append(", ".join(f"{value} ({counts.count(value)}x)" for value in sorted(set(counts))))
        print(f"| {kind} | {' | '.join(cells)} |")


def round_trips(streams: int) -> None:
    """Print the round trips of so many streams on each virtual device."""
    from homecheck.instruments.audio import choose_input, endpoints
    from homecheck.instruments.audio.playing import earpiece_of, play, rate_of
    from tests.soundcard import SoundCard

    print("\n| device | rate | round trips ms | largest from their mean | level dB |\n|---|---|---|---|---|")
    with SoundCard.plugged_in() as card:
        os.environ.update(card.environment)
        for device in ("wired", "bluetooth", "builtin", "line"):
            card.couple(device, -40, 30)
            found = endpoints()
            microphone = choose_input(found, f"{device}_mic")
            earpiece, rate = earpiece_of(microphone, found), rate_of(microphone)
            told = []
            for _ in range(streams):
                played = play(microphone, earpiece, sweep.excitation(rate, AMPLITUDE))
                told.append(sweep.leak(played.recording.samples[:, 0], rate, AMPLITUDE))
            ms = np.array([1000 * (one.delay_seconds or np.nan) for one in told])
            levels = sorted({f"{one.level_db:.2f}" for one in told})
            off = float(np.abs(ms - ms.mean()).max())
            print(f"| {device} | {rate} | {', '.join(f'{one:.1f}' for one in ms)} | {off:.1f} | {', '.join(levels)} |")


if __name__ == "__main__":
    leaks()
    drop_outs()
    if len(sys.argv) > 1:
        round_trips(int(sys.argv[1]))

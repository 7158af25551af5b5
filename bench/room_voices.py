"""The detector of voices: how it is taught, and how often it is wrong.

    .venv/bin/python bench/room_voices.py             judge it: the tables of docs/probes/quiet_room.md
    .venv/bin/python bench/room_voices.py --train     teach it anew and write voices_network.csv

Teaching takes `TRAINING`'s voices and seeds below 1000 (`tests/room_sounds.py`, espeak-ng); judging takes `HELD_OUT`'s
voices, languages and sentences and seeds from 1000 on, and real recordings where Debian's packages have brought some:
asterisk-core-sounds-*-wav (people's voices), tuxpaint-stamps-default (people, animals, things; needs sox),
bucklespring-data (keys). Nothing of these recordings has gone into the network.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from homecheck.instruments.audio.analysis.narrow_band import RATE_HZ, narrow_band
from homecheck.instruments.audio.analysis.room import RoomSound, kind
from homecheck.instruments.audio.analysis.speech_cues import NAMES, STEP, STEP_SECONDS, WINDOW, speech_cues
from homecheck.instruments.audio.analysis.speech_frames import HOP, SIZE, speech_frames
from homecheck.instruments.audio.analysis.voices import INNER, LIMIT
from tests.room_sounds import HELD_OUT, SOURCES, TRAINING, Scene, Sound, in_a_room, make_scene
from tests.room_sounds import INNER as INNER_RATE

NETWORK: Final = Path(__file__).parent.parent / "homecheck/instruments/audio/voices_network.csv"
STRANGE: Final = ("animal", "instrument", "clatter")  # sounds of no kind in particular: the more of them the better
TAUGHT, JUDGED, FIRST_JUDGED = 100, 40, 1000  # scenes of each source; strange ones are taught three times as many
WEIGHT_DECAY: Final = 1e-3
SILENT_WEIGHT: Final = 0.5  # of a step without voices, of which there are three times as many
BURIED_WEIGHT: Final = 0.3  # of speech below 5 dB over the background


# --- Teaching --------------------------------------------------------------------------------------------------------

Lesson = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # cues, share with voices, weight


def lesson(job: tuple[str, int]) -> Lesson:
    """Return what one scene teaches."""
    scene = make_scene(*job, TRAINING)
    cues = speech_cues(speech_frames(narrow_band(scene.x - scene.x.mean(), scene.rate)))
    share = truth(scene.voiced, len(cues))
    weight = np.where(share == 0, SILENT_WEIGHT, BURIED_WEIGHT if scene.snr_db < 5 else 1.0)
    return cues, share, weight


def truth(voiced: NDArray[np.bool_], steps: int) -> NDArray[np.float64]:
    """Return for each step of the detector for how much of it somebody speaks."""
    first = ((WINDOW - STEP) / 2 * HOP + SIZE / 2) / RATE_HZ
    begins = first + STEP_SECONDS * np.arange(steps)
    return np.array([voiced[int(100 * at) : int(100 * (at + STEP_SECONDS))].mean() for at in begins])


def teach() -> None:
    """Make the scenes, fit the network, write it."""
    jobs = [(source, seed) for source in SOURCES for seed in range(TAUGHT * (3 if source in STRANGE else 1))]
    with Pool() as pool:
        lessons = pool.map(lesson, jobs, chunksize=8)
    cues, share, weight = (np.concatenate([one[part] for one in lessons]) for part in range(3))
    write(*fit(cues, share, weight))


def fit(
    cues: NDArray[np.float64], share: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Return mean, spread and the network's parameters: least cross-entropy by L-BFGS from a seeded start."""
    mean, spread = cues.mean(axis=0), cues.std(axis=0)
    z = np.clip((cues - mean) / spread, -LIMIT, LIMIT)
    count, width = z.shape
    weights = width * INNER

    def loss(p: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        inner, offset, answer = p[:weights].reshape(width, INNER), p[weights : weights + INNER], p[-INNER - 1 : -1]
        hidden = np.tanh(z @ inner + offset)
        logit = hidden @ answer + p[-1]
        entropy = float((weight * (np.logaddexp(0, logit) - share * logit)).sum()) / count
        decay = WEIGHT_DECAY / 2 * float((inner**2).sum() + (answer**2).sum())
        error = weight * (1 / (1 + np.exp(-logit)) - share) / count
        back = np.outer(error, answer) * (1 - hidden**2)
        slopes = ((z.T @ back + WEIGHT_DECAY * inner).ravel(), back.sum(axis=0))
        return entropy + decay, np.concatenate([*slopes, hidden.T @ error + WEIGHT_DECAY * answer, [error.sum()]])

    start = np.random.default_rng(1).standard_normal(weights + 2 * INNER + 1) * 0.1
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400})
    print(f"{count} steps, cross-entropy {found.fun:.4f} after {found.nit} rounds", file=sys.stderr)
    return mean, spread, found.x


def write(mean: NDArray[np.float64], spread: NDArray[np.float64], p: NDArray[np.float64]) -> None:
    """Write the network as a table: one row per cue, then the inner units' offsets, then the answer."""
    inner, rest = p[: len(NAMES) * INNER].reshape(len(NAMES), INNER), p[len(NAMES) * INNER :]
    with NETWORK.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["cue", "mean", "spread", *(f"unit {number}" for number in range(1, INNER + 1))])
        for name, *numbers in zip(NAMES, mean, spread, inner, strict=True):
            table.writerow([name, *(f"{value:.6g}" for value in (numbers[0], numbers[1], *numbers[2]))])
        table.writerow(["offset", 0, 0, *(f"{value:.6g}" for value in rest[:INNER])])
        table.writerow(["answer", f"{rest[-1]:.6g}", 0, *(f"{value:.6g}" for value in rest[INNER:-1])])


# --- Judging ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """What was heard in one scene."""

    source: str
    truth: str
    snr_db: float
    said: str
    heard_percent: float
    true_percent: float


def judge(scene: Scene) -> Judged:
    sound = RoomSound.of(scene.x, scene.rate)
    said = kind(sound)
    return Judged(scene.source, scene.kind, scene.snr_db, said, 100 * sound.voices_share, scene.voices_percent)


def judge_held_out(job: tuple[str, int]) -> Judged:
    return judge(make_scene(*job, HELD_OUT))


def confusion(rows: Sequence[Judged]) -> Iterator[str]:
    """Yield the table of kinds, in per cent of the scenes of each source."""
    kinds = ("quiet", "steady", "hum", "events", "voices")
    yield f"| source | scenes | {' | '.join(kinds)} | room.voices heard / true, % |"
    yield "|---" * (len(kinds) + 3) + "|"
    for source in dict.fromkeys(row.source for row in rows):
        own = [row for row in rows if row.source == source]
        shares = " | ".join(f"{100 * sum(row.said == name for row in own) / len(own):.0f}" for name in kinds)
        heard, true = (np.mean([getattr(row, name) for row in own]) for name in ("heard_percent", "true_percent"))
        yield f"| {source} | {len(own)} | {shares} | {heard:.0f} / {true:.0f} |"


def rates(rows: Sequence[Judged]) -> Iterator[str]:
    """Yield hits, false alarms and the error of the share by signal-to-noise ratio."""
    yield "| SNR | voices called voices | other sounds called voices | mean error of room.voices, voices present |"
    yield "|---|---|---|---|"
    for snr in sorted({row.snr_db for row in rows}):
        with_voices = [row for row in rows if row.snr_db == snr and row.truth == "voices"]
        others = [row for row in rows if row.snr_db == snr and row.truth != "voices"]
        hits, false = (sum(row.said == "voices" for row in part) for part in (with_voices, others))
        error = np.mean([abs(row.heard_percent - row.true_percent) for row in with_voices])
        yield f"| {snr:+.0f} dB | {hits}/{len(with_voices)} | {false}/{len(others)} | {error:.0f} % |"


# --- Real recordings -------------------------------------------------------------------------------------------------


def real_scenes() -> Iterator[Scene]:
    """Yield scenes of ten seconds made from recordings: one clip after the other over noise, at 5 to 30 dB."""
    for name, paths in real_files().items():
        random = np.random.default_rng([*name.encode()])
        clips = [clip for path in paths if len(clip := read(path)) > INNER_RATE // 20 and np.abs(clip).max() > 0.01]
        for snr in (5, 10, 20, 30) * 4 if clips else ():
            x, pause = np.zeros(10 * INNER_RATE), (0.05, 0.25) if name == "real keys" else (0.2, 1.5)
            at = int(random.uniform(0, 1) * INNER_RATE)
            while at < len(x):
                clip = clips[random.integers(len(clips))][: len(x) - at]
                x[at : at + len(clip)] += clip / np.sqrt(np.mean(clip**2))
                step = 0 if name == "real keys" else len(clip)
                at += step + int(random.uniform(*pause) * INNER_RATE)
            yield in_a_room(name, "voices" if "people" in name else "events", x, random, HELD_OUT, float(snr))


def real_files() -> dict[str, list[Path]]:
    asterisk, stamps = Path("/usr/share/asterisk/sounds"), Path("/usr/share/tuxpaint/stamps")
    no_speech = ("beep", "tone", "silence", "tt-")
    found = {
        f"people, {folder.name}": [
            path for path in sorted(folder.glob("*.wav")) if not any(word in path.name for word in no_speech)
        ][::8]
        for folder in sorted(asterisk.glob("??_*"))
    }
    described: dict[str, list[Path]] = {}
    for path in sorted(stamps.rglob("*_desc*.ogg")):
        language = path.stem.rpartition("_desc")[2].strip("_") or "en"
        described.setdefault(f"people, stamps {language}", []).append(path)
    found |= {name: paths[::5] for name, paths in described.items() if len(paths) > 50}
    things = [path for path in sorted(stamps.rglob("*.ogg")) if "_desc" not in path.name]
    for name, folder in (
        ("real dogs", "dogs"), ("real birds", "birds"), ("real apes", "apes"), ("real insects", "insects"),
        ("real animals, others", "animals"), ("real instruments", "music"), ("real household", "household"),
    ):  # fmt: skip
        chosen = [path for path in things if folder in path.parts]
        found[name] = chosen
        things = [path for path in things if path not in chosen]
    return {**found, "real keys": sorted(Path("/usr/share/buckle/wav").glob("*.wav"))}


def read(path: Path) -> Sound:
    """Return a recording at the inner rate, by sox; nothing where sox cannot read it."""
    command = ["sox", str(path), "-t", "s16", "-r", str(INNER_RATE), "-c", "1", "-"]
    data = subprocess.run(command, capture_output=True, check=False, timeout=60).stdout
    return np.frombuffer(data, dtype="<i2").astype(np.float64) / 32768


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--train", action="store_true")
    if arguments.parse_args().train:
        teach()
        return
    jobs = [(source, FIRST_JUDGED + number) for source in SOURCES for number in range(JUDGED)]
    with Pool() as pool:
        held_out = pool.map(judge_held_out, jobs, chunksize=8)
        real = pool.map(judge, real_scenes(), chunksize=4)
    print("Held-out synthetic scenes\n", *confusion(held_out), "", *rates(held_out), sep="\n")
    print("\nReal recordings\n", *confusion(real), sep="\n")


if __name__ == "__main__":
    main()

"""The ear for a telephone: digits and exchange tones, in tables; multimon-ng and spandsp hear the same sounds.

    .venv/bin/python bench/landline.py                        all tables of docs/probes/landline.md
    .venv/bin/python bench/landline.py digits|tones|talk      one part

Sounds are made by `tests/telephone_sounds.py`, voices by espeak-ng. The others are Debian's: multimon-ng (at the 22050
samples per second that it takes) and libspandsp-dev, whose receiver is compiled here with its own settings; a column
stays empty where one is not installed. A cell of a digits table is the share of right digits in per cent and, behind a
plus sign, how many were heard that nobody pressed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import Pool
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import resample_poly

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from homecheck.standards.itu_e180 import find_call_tone
from homecheck.standards.itu_q24 import find_digits
from homecheck.standards.national_tones import NationalTone, national_tones
from tests.telephone_sounds import (
    ALL,
    RATES,
    Noise,
    Sound,
    at_a_microphone,
    exchange_tone,
    music_like,
    pink,
    press,
    speech_shaped,
    talk,
    through_a_line,
    white,
)

SEEDS: Final = 4
TALK_SECONDS: Final = 30.0
TALK_HOURS: Final = 1.0
SNRS_DB: Final = (20, 15, 10, 6, 3, 0, -3, -5)
TONE_SNRS_DB: Final = (20, 10, 0, -5, -10)
NOISES: Final[Mapping[str, Noise]] = {"white": white, "pink": pink, "speech-shaped": speech_shaped}
SPANDSP: Final = r"""
#include <stdio.h>
#include <stdint.h>
#include <spandsp.h>
int main(void)
{
    int16_t sound[160];
    char digits[129];
    size_t count;
    dtmf_rx_state_t *receiver = dtmf_rx_init(NULL, NULL, NULL);
    while ((count = fread(sound, 2, 160, stdin)) > 0) {
        dtmf_rx(receiver, sound, (int) count);
        if (dtmf_rx_get(receiver, digits, 128) > 0)
            fputs(digits, stdout);
    }
    return 0;
}
"""

# --- Who listens -----------------------------------------------------------------------------------------------------

Ear = Callable[[Sound, int], str]


def homecheck(x: Sound, rate: int) -> str:
    return "".join(digit.symbol for digit in find_digits(x, rate))


def multimon(x: Sound, rate: int) -> str:
    """Return what multimon-ng hears."""
    told = _told(["multimon-ng", "-q", "-a", "DTMF", "-t", "raw", "-"], x, rate, 22050)
    return "".join(line.split()[-1] for line in told.splitlines() if line.startswith("DTMF:"))


def spandsp(x: Sound, rate: int) -> str:
    """Return what spandsp's receiver hears."""
    return _told([_spandsp_program()], x, rate, 8000)


def _told(command: Sequence[str], x: Sound, rate: int, wanted_rate: int) -> str:
    common = int(np.gcd(rate, wanted_rate))
    y = x if rate == wanted_rate else resample_poly(x, wanted_rate // common, rate // common)
    data = np.clip(np.round(y * 32768), -32768, 32767).astype("<i2").tobytes()
    told: bytes = subprocess.run(command, input=data, capture_output=True, check=True, timeout=600).stdout
    return told.decode("ascii")


@cache
def _spandsp_program() -> str:
    """Return the program around spandsp's receiver; compiled once, empty where that is not possible."""
    source = Path(tempfile.mkdtemp(prefix="spandsp-")) / "digits.c"
    source.write_text(SPANDSP, encoding="utf-8")
    program = str(source.with_suffix(""))
    done = subprocess.run(["cc", "-O2", "-o", program, str(source), "-lspandsp", "-lm"], capture_output=True)
    return program if done.returncode == 0 else ""


def ears() -> dict[str, Ear]:
    """Return who can listen here."""
    found: dict[str, Ear] = {"homecheck": homecheck}
    if shutil.which("multimon-ng"):
        found["multimon-ng"] = multimon
    if shutil.which("cc") and _spandsp_program():
        found["spandsp"] = spandsp
    return found


# --- Digits ----------------------------------------------------------------------------------------------------------


def in_order(pressed: str, heard: str) -> int:
    """Return how many of the pressed digits were heard, in their order: the longest common subsequence."""
    best = [0] * (len(heard) + 1)
    for one in pressed:
        before = 0
        for index, other in enumerate(heard, 1):
            before, best[index] = best[index], before + 1 if one == other else max(best[index], best[index - 1])
    return best[-1]


def cell(sounds: Callable[[int], tuple[Sound, int]], ear: Ear) -> str:
    right = extra = 0
    for seed in range(SEEDS):
        heard = ear(*sounds(seed))
        hits = in_order(ALL, heard)
        right, extra = right + hits, extra + len(heard) - hits
    return f"{100 * right / (SEEDS * len(ALL)):.0f}" + (f" +{extra}" if extra else "")


@dataclass(frozen=True)
class Row:
    """A row of a table: its name, and the sound of a seed with its rate."""

    name: str
    sound: Callable[[int], tuple[Sound, int]]


def digits_table(title: str, rows: Sequence[Row]) -> Iterator[str]:
    listeners = ears()
    yield f"| {title} | {' | '.join(listeners)} |"
    yield "|---" * (len(listeners) + 1) + "|"
    for row in rows:
        yield f"| {row.name} | {' | '.join(cell(row.sound, ear) for ear in listeners.values())} |"
    yield ""


def pressed(seed: int, rate: int = 8000, **how: object) -> tuple[Sound, int]:
    return press(ALL, rate, seed=seed, **how), rate  # type: ignore[arg-type]  # keywords of one table each


def worst_case(seed: int, rate: int, noise: Noise, snr_db: float) -> tuple[Sound, int]:
    """Everything at its limit at once: 40 ms, 8 or 4 dB of twist, 1.5 % off."""
    twist, offset = ((-8.0, 0.015), (4.0, -0.015), (-8.0, -0.015), (4.0, 0.015))[seed % 4]
    return pressed(seed, rate, on=0.04, off=0.04, twist_db=twist, offset=offset, noise=noise, snr_db=snr_db)


def through(law: str, seed: int, snr_db: float, offset: float) -> tuple[Sound, int]:
    return through_a_line(pressed(seed, snr_db=snr_db, offset=offset)[0], 8000, law), 8000


def held_up(seed: int, rate: int, loudness: float = 1.0, **room: float) -> tuple[Sound, int]:
    """A handset at the microphone; `loudness` above 1 overdrives it."""
    line = through_a_line(press(ALL, rate, on=0.08, seed=seed, snr_db=25), rate, "A")
    return np.clip(loudness * at_a_microphone(line, rate, seed=seed, **room), -1, 1), rate


def digits() -> Iterator[str]:
    """Yield the tables of digits."""
    yield from digits_table("frequency offset, 40/40 ms, no noise", [
        Row(f"{sign * share:+.1f} %", partial(pressed, on=0.04, off=0.04, offset=sign * share / 100))
        for share in (0, 1.0, 1.5, 1.8, 2.5, 3.0, 3.5) for sign in ((1, -1) if share else (1,))
    ])  # fmt: skip
    yield from digits_table("frequency offset, 50/50 ms, SNR 10 dB", [
        Row(f"{sign * share:+.1f} %", partial(pressed, offset=sign * share / 100, snr_db=10))
        for share in (0, 1.5, 2.5, 3.0, 3.5) for sign in ((1, -1) if share else (1,))
    ])  # fmt: skip
    yield from digits_table("high tone over low tone, 50/50 ms, SNR 15 dB", [
        Row(f"{twist:+d} dB", partial(pressed, twist_db=float(twist), snr_db=15))
        for twist in (-14, -12, -10, -8, -6, -4, 0, 4, 6, 8, 10)
    ])  # fmt: skip
    yield from digits_table("length of tone and pause, no noise", [
        Row(f"{ms} ms", partial(pressed, on=ms / 1000, off=max(ms, 40) / 1000))
        for ms in (10, 20, 23, 25, 30, 35, 40, 50, 60)
    ])  # fmt: skip
    for name, noise in NOISES.items():
        yield from digits_table(f"SNR, {name} noise, 50/50 ms", [
            Row(f"{snr} dB", partial(pressed, snr_db=snr, noise=noise)) for snr in SNRS_DB
        ])  # fmt: skip
    yield from digits_table("rate, 40/40 ms, SNR 10 dB", [
        Row(f"{rate} Hz", partial(pressed, rate=rate, on=0.04, off=0.04, snr_db=10)) for rate in RATES
    ])  # fmt: skip
    yield from digits_table("40/40 ms, twist -8 or +4 dB and 1.5 % off at once", [
        Row(f"{snr} dB {name}, {rate} Hz", partial(worst_case, rate=rate, noise=noise, snr_db=snr))
        for snr in (20, 15, 10) for name, noise in (("white", white), ("speech-shaped", speech_shaped))
        for rate in ((8000, 48000) if snr == 15 else (8000,))
    ])  # fmt: skip
    yield from digits_table("through a line, 50/50 ms, SNR 20 dB", [
        Row(f"{law}-law, {100 * offset:+.1f} %", partial(through, law, snr_db=20, offset=offset))
        for law in ("mu", "A") for offset in (0, 0.015, -0.015, 0.035, -0.035)
    ])  # fmt: skip
    yield from digits_table("a handset at the microphone, A-law, 80/50 ms, 48 kHz", [
        Row("-30 dBov, quiet room", partial(held_up, rate=48000, level_db=-30)),
        Row("-55 dBov, room -75, hum 50 Hz at -60", partial(held_up, rate=48000)),
        Row("the same at 8 kHz", partial(held_up, rate=8000)),
        Row("-55 dBov, room -65, hum 60 Hz at -45", partial(held_up, rate=48000, room_db=-65, hum_hz=60, hum_db=-45)),
        Row("-55 dBov, room -60, hum 50 Hz at -40", partial(held_up, rate=48000, room_db=-60, hum_db=-40)),
        Row("12 dB too loud, clipped", partial(held_up, rate=48000, level_db=-6, loudness=4.0)),
    ])  # fmt: skip


# --- Exchange tones --------------------------------------------------------------------------------------------------


def verdict(tone: NationalTone, x: Sound, rate: int) -> str:
    """Return how a tone of a plan was taken."""
    found = find_call_tone(x, rate)
    if found is None:
        return "none"
    if found.meaning == tone.meaning:
        return "named" if tone.country in found.countries else "kind"
    return "also" if (tone.meaning, tone.country) in found.also else f"wrong: {found.meaning}"


def _heard_tone(job: tuple[NationalTone, int, float, str, int]) -> tuple[str, str]:
    tone, rate, snr_db, noise, seed = job
    start = np.random.default_rng([seed, *tone.country.encode()]).uniform(0, sum(tone.cadence) or 1)
    x = exchange_tone(
        tone.lines_hz, tone.cadence, rate=rate, seconds=max(8.0, 1.8 * sum(tone.cadence)), start=float(start),
        snr_db=snr_db, noise=NOISES[noise], seed=seed,
    )  # fmt: skip
    return f"{tone.country} {tone.meaning} {tone.variant}", verdict(tone, x, rate)


def tones() -> Iterator[str]:
    """Yield how the tones of all plans are taken: per cent named with their country / named as a second reading /
    of the right kind / not heard / taken for something else."""
    plans = [tone for tone in national_tones() if tone.lines_hz != (50.0,)]
    missed: Counter[str] = Counter()
    yield "| tone, noise | " + " | ".join(f"{snr} dB" for snr in TONE_SNRS_DB) + " |"
    yield "|---" * (len(TONE_SNRS_DB) + 1) + "|"
    with Pool() as pool:
        for noise in NOISES:
            for meaning in dict.fromkeys(tone.meaning for tone in plans):
                cells = []
                for snr in TONE_SNRS_DB:
                    jobs = [
                        (tone, rate, float(snr), noise, rate)
                        for tone in plans if tone.meaning == meaning for rate in RATES
                    ]  # fmt: skip
                    heard = pool.map(_heard_tone, jobs, chunksize=8)
                    missed.update(f"{name}, {noise} {snr} dB: {how}" for name, how in heard if how != "named")
                    cells.append(_shares([how for _, how in heard]))
                yield f"| {meaning}, {noise} | {' | '.join(cells)} |"
    yield ""
    yield from (f"{name} ({count} of {len(RATES)})" for name, count in sorted(missed.items()))


def _shares(heard: Sequence[str]) -> str:
    counted = Counter("wrong" if how.startswith("wrong") else how for how in heard)
    return " / ".join(
        f"{100 * counted[how] / len(heard):.0f}" for how in ("named", "also", "kind", "none", "wrong")
    )  # fmt: skip


# --- Talk-off --------------------------------------------------------------------------------------------------------


def _false(job: tuple[str, int]) -> dict[str, int]:
    """Return false digits and dial tones in half a minute."""
    kind, seed = job
    x, rate = TALKS[kind](seed, TALK_SECONDS)
    found = {name: len(ear(x, rate)) for name, ear in ears().items()}
    tone = find_call_tone(x, rate)
    return found | {"dial tones": int(tone is not None and tone.meaning == "dial"), "other tones": int(
        tone is not None and tone.meaning != "dial"
    )}  # fmt: skip


TALKS: Final[Mapping[str, Callable[[int, float], tuple[Sound, int]]]] = {
    "one voice": partial(talk, voices=1),
    "two voices at once": partial(talk, voices=2),
    "one voice through a line": partial(talk, voices=1, line=True),
    "music-like": music_like,
}


def talk_off() -> Iterator[str]:
    """Yield false digits and false tones per hour of speech."""
    count = round(TALK_HOURS * 3600 / TALK_SECONDS)
    names = [*ears(), "dial tones", "other tones"]
    _spandsp_program()
    yield f"| {TALK_HOURS:g} h of | {' | '.join(f'{name}, false per hour' for name in names)} |"
    yield "|---" * (len(names) + 1) + "|"
    with Pool() as pool:
        for kind in TALKS:
            sums: Counter[str] = Counter()
            for found in pool.imap_unordered(_false, [(kind, seed) for seed in range(count)], chunksize=4):
                sums.update(found)
            yield f"| {kind} | {' | '.join(f'{sums[name] / TALK_HOURS:.0f}' for name in names)} |"


def main() -> None:
    parts = {"digits": digits, "tones": tones, "talk": talk_off}
    for name in sys.argv[1:] or parts:
        began = time.monotonic()
        for row in parts[name]():
            print(row, flush=True)
        print(f"({name}: {time.monotonic() - began:.0f} s)\n", file=sys.stderr)


if __name__ == "__main__":
    main()

"""What the audio code costs and how right it is, with an oracle's figure beside each.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python bench/audio.py

CPU time is the least of five runs in this process (user and system), of 60 s of 48 kHz mono; the whole of the quiet
room is everything that the probe does with a recording, and its median tells how busy the machine was. Limits: 0.25 s
for that, 0.4 s for importing the audio code in a new process, where numpy alone stands beside it.
Exit status 1 when a limit is passed. A new figure is a line in `speed` or `accuracy`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import bilinear_zpk, freqs_zpk, lfilter, sosfilt, zpk2sos

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from homecheck.instruments.audio.analysis.narrow_band import narrow_band
from homecheck.instruments.audio.analysis.voices import voices
from homecheck.instruments.audio.endpoint import AudioEndpoint
from homecheck.instruments.audio.recording import Recording
from homecheck.standards.exponential_average import exponential_average
from homecheck.standards.iec_61672_1 import FAST, SLOW, a_weighted_power
from homecheck.standards.itu_e180 import find_call_tone
from homecheck.standards.itu_p56 import speech_level
from homecheck.standards.itu_q24 import find_digits
from probes.quiet_room import QuietRoom
from tests.homecheck.instruments.audio.analysis.sounds import pink

RATE: Final = 48000
ROOM_LIMIT_S, IMPORT_LIMIT_S = 0.25, 0.4
# Not `probes.quiet_room`: with it come all other probes, and twice as many seconds for the network.
AUDIO_CODE: Final = "import sounddevice, homecheck.instruments.audio.capture, homecheck.instruments.audio.analysis.room"
POLES: Final = -2 * np.pi * np.array([20.598997, 20.598997, 107.65265, 737.86223, 12194.217, 12194.217])
ENDPOINT: Final = AudioEndpoint(
    id="bench", name="Bench", backend="pulse", input_channels=1, default_input=True,
    transport="wired", connection="usb", headset=True,
)  # fmt: skip


def runs(work: Callable[[], object]) -> list[float]:
    """Return the CPU times of five runs."""
    seconds = []
    for _ in range(5):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return seconds


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of five runs."""
    return min(runs(work))


def import_seconds() -> tuple[float, float]:
    """Return the least CPU times of five new interpreters that import the audio code and numpy, less a bare one's."""
    spent: dict[str, list[float]] = {"pass": [], AUDIO_CODE: [], "import numpy": []}
    for code in list(spent) * 5:  # in turn, so that a busy moment strikes all of them
        child = subprocess.Popen([sys.executable, "-c", code])
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0
        spent[code].append(usage.ru_utime + usage.ru_stime)
    bare, audio, numpy = (min(seconds) for seconds in spent.values())
    return audio - bare, numpy - bare


def quiet_room(x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    recording = Recording(x[:, None].astype(np.float32), RATE, ENDPOINT.id, (ENDPOINT.id,), "bench")
    probe = QuietRoom(60, endpoints=lambda: (ENDPOINT,), record=lambda *_: recording)
    return runs(lambda: list(probe.run()))


def speed(room_s: list[float], import_s: float, numpy_s: float) -> Iterator[str]:
    """Yield what each step costs, and the oracle's cost of the same where there is one."""
    x = pink(RATE, 60, -50)
    narrow = narrow_band(x, RATE)
    tone = x + 0.01 * np.sin(2 * np.pi * 425 * np.arange(len(x)) / RATE)
    filters = zpk2sos(*bilinear_zpk(np.zeros(4), POLES, 1.0, RATE))
    yield "CPU ms, 60 s of 48 kHz mono                 ours   oracle"
    steps: tuple[tuple[str, Callable[[], object], Callable[[], object] | None], ...] = (
        ("A-weighting (scipy: bilinear sosfilt)", lambda: a_weighted_power(x, RATE), lambda: sosfilt(filters, x)),
        ("exponential average (scipy: lfilter)", lambda: exponential_average(x, FAST, RATE),
         lambda: lfilter([1e-4], [1, -0.9999], x)),
        ("to 8 kHz", lambda: narrow_band(x, RATE), None),
        ("voices, at 8 kHz", lambda: voices(narrow), None),
        ("P.56 at 48 kHz", lambda: speech_level(x, RATE), None),
        ("DTMF receiver, noise", lambda: find_digits(x, RATE), None),
        ("dial tone receiver, tone in noise", lambda: find_call_tone(tone, RATE), None),
    )  # fmt: skip
    for name, ours, oracle in steps:
        other = "" if oracle is None else f"{1000 * cpu_seconds(oracle):8.0f}"
        yield f"  {name:40} {1000 * cpu_seconds(ours):6.0f} {other}"
    whole, usual = 1000 * min(room_s), 1000 * statistics.median(room_s)
    yield f"  {'the whole of the quiet room':40} {whole:6.0f}   limit {1000 * ROOM_LIMIT_S:.0f} (median {usual:.0f})"
    least, limit, alone = 1000 * import_s, 1000 * IMPORT_LIMIT_S, 1000 * numpy_s
    yield f"  {'importing the audio code':40} {least:6.0f}   limit {limit:.0f} (numpy alone {alone:.0f})"


def accuracy() -> Iterator[str]:
    """Yield readings beside what they should be."""
    yield "Readings                                           ours     oracle"
    for rate in (48000, 44100, 16000, 8000):
        x = pink(rate, 10, -50)
        f = np.append(np.fft.rfftfreq(len(x), 1 / rate), 1000)
        _, response = freqs_zpk([0] * 4, POLES, 1, 2 * np.pi * f)
        power = np.abs(np.fft.rfft(x) * response[:-1] / response[-1]) ** 2
        analogue = 10 * np.log10(2 * power[1:-1].sum() / len(x) ** 2)
        reading = a_weighted_power(x, rate).level_db()
        yield f"  LAeq of pink noise, {rate:5} Hz (analogue filter) {reading:8.2f} {analogue:8.2f} dBFS(A)"
    burst = np.concatenate([np.zeros(2 * RATE), np.sin(2 * np.pi * 4000 * np.arange(RATE // 5) / RATE), np.zeros(RATE)])
    steady = a_weighted_power(np.sin(2 * np.pi * 4000 * np.arange(RATE) / RATE), RATE).level_db()
    for name, constant, table in (("Fast", FAST, -1.0), ("Slow", SLOW, -7.4)):
        reading = a_weighted_power(burst, RATE).time_weighted_db(constant).max() - steady
        yield f"  {name}, burst of 200 ms (IEC 61672-1 Table 4)      {reading:8.2f} {table:8.1f} dB"
    for rate, f0, a, on, off, periods, itu in (
        (8000, 1000, 0.1, 2, 3, 4, -23.558), (16000, 1000, 0.1, 2, 3, 4, -23.563), (48000, 440, 0.05, 1, 1, 5, -30.108),
    ):  # fmt: skip
        n = np.arange((on + off) * periods * rate)
        sound = np.where(n / rate % (on + off) < on, a * np.sin(2 * np.pi * f0 * n / rate), 0)
        reading = speech_level(np.round(32767 * sound) / 32768, rate).active_db
        yield f"  P.56 of bursts, {rate:5} Hz (ITU-T software library) {reading:8.3f} {itu:8.3f} dBov"


def main() -> None:
    room_s, (import_s, numpy_s) = quiet_room(pink(RATE, 60, -50)), import_seconds()
    print(*speed(room_s, import_s, numpy_s), "", *accuracy(), sep="\n")
    sys.exit(min(room_s) > ROOM_LIMIT_S or import_s > IMPORT_LIMIT_S)


if __name__ == "__main__":
    main()

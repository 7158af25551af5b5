"""Bad inputs to headset and room as a candidate meets them: the real command line on a virtual sound card.

    .venv/bin/python bench/bad_audio.py                        every item, about a quarter of an hour
    .venv/bin/python bench/bad_audio.py --item "unplugged"     those whose name holds the words

Each item is a sound card of tests/soundcard.py with one thing wrong, and `homecheck check` for headset and room:
without anybody there, or (items that begin with "guided") with a person at a real terminal who does as the texts say
and whose voice is espeak-ng's. The table says what came of it: what is printed, by code and culprit, seconds, exit
status, and the numbers that were measured all the same. Nothing is judged here: docs/probes/bad-input.md does that.
Linux; root for the item that asks as another user; Debian packages pulseaudio, pulseaudio-utils, libportaudio2,
libasound2-plugins, espeak-ng.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.standards.itu_p56 import speech_level
from tests.homecheck.instruments.audio.analysis.sounds import pink
from tests.soundcard import DEVICES, SoundCard

Sound = NDArray[Any]
RATE: Final = 48000
NUMBERS: Final = ("headset.snr", "headset.leak", "headset.dropouts", "headset.processed", "room.noise", "room.kind")
READING: Final = (
    "Good morning, and thank you for calling. I will look into this for you right away, it only takes a moment. "
    "Is there anything else that I can help you with today?"
)
POLICY: Final = 'name = "audio"\nversion = "1"\ntitle = "Audio"\n' + "".join(
    f'\n[[requirement]]\nquantity = "{name}"\n{limit}\nreason = "r"\nadvice = "a"\n'
    for name, limit in (
        ("headset.transport", 'one_of = ["wired"]'), ("headset.snr", "at_least = 20"),
        ("headset.clipping", "at_most = 1"), ("headset.dropouts", "at_most = 20"),
        ("headset.processed", "equals = false"), ("room.noise", "at_most = -40"),
        ("room.kind", 'none_of = ["voices"]'),
    )
)  # fmt: skip


@dataclass
class Scene:
    """A sound card, what its headset's microphone hears, and what is done `after` so many seconds of recording."""

    card: SoundCard
    sound: Sound = field(default_factory=lambda: pink(RATE, 4, -70))
    spoken: bool = True
    options: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    prefix: list[str] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    meanwhile: Callable[[], object] | None = None
    cue: str = ""  # guided: the words after which `meanwhile` happens, 3 s later; else 3 s after recording begins


Item = Callable[[Scene], object]


def _before(action: Callable[[SoundCard], object]) -> Item:
    return lambda scene: setattr(scene, "before", lambda: action(scene.card))


def _meanwhile(action: Callable[[SoundCard], object], cue: str = "") -> Item:
    def prepare(scene: Scene) -> None:
        scene.meanwhile, scene.cue = (lambda: action(scene.card)), cue

    return prepare


def _hears(sound: Callable[[], Sound]) -> Item:
    return lambda scene: setattr(scene, "sound", sound())


def _asked_by_nobody(scene: Scene) -> None:
    """Run as another user, who may not open the socket."""
    scene.prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def _stopped(card: SoundCard) -> None:
    card.daemon.send_signal(signal.SIGSTOP)


def _overloaded() -> Sound:
    return np.asarray(np.clip(pink(RATE, 4, 10), -1, 1))


READ, TONES = "Now read aloud", "Playing, please be silent"
ITEMS: Final[dict[str, Item]] = {
    "nothing wrong": lambda _scene: None,
    "zeros (muted)": _before(lambda card: card.mute("wired")),
    "one constant value": _hears(lambda: np.full(RATE, 0.5)),
    "overloaded all the time": _hears(_overloaded),
    "NaN from the driver": _hears(lambda: np.full(RATE, np.nan)),
    "infinity from the driver": _hears(lambda: np.full(RATE, np.inf)),
    "background below every microphone": _hears(lambda: pink(RATE, 4, -110)),
    "offset of half the range": _hears(lambda: 0.5 + pink(RATE, 4, -70)),
    "unplugged before": _before(lambda card: card.unplug("wired")),
    "unplugged while recording": _meanwhile(lambda card: card.unplug("wired")),
    "suspended before": _before(lambda card: card.suspend("wired")),
    "suspended while recording": _meanwhile(lambda card: card.suspend("wired")),
    "moved to another device while recording": _meanwhile(lambda card: card.move_recording("dongle")),
    "default device changed while recording": _meanwhile(lambda card: card.set_default("dongle")),
    "sound service killed while recording": _meanwhile(lambda card: card.end()),
    "sound service hangs while recording": _meanwhile(_stopped),
    "sound service hangs before": _before(_stopped),
    "sound service gone before": _before(lambda card: card.end()),
    "socket of another user": _asked_by_nobody,
    "a headset that is not there": lambda scene: scene.options.extend(["--headset", "Büro 🎧"]),
    "guided: nothing wrong": lambda _scene: None,
    "guided: nobody reads": lambda scene: setattr(scene, "spoken", False),
    "guided: a room as loud as the voice": _hears(lambda: pink(RATE, 4, -25)),
    "guided: overloaded all the time": _hears(_overloaded),
    "guided: muted before the reading": _meanwhile(lambda card: card.mute("wired"), "Please be silent now"),
    "guided: unplugged while reading": _meanwhile(lambda card: card.unplug("wired"), READ),
    "guided: unplugged in the tones": _meanwhile(lambda card: card.unplug("wired"), TONES),
    "guided: suspended in the tones": _meanwhile(lambda card: card.suspend("wired"), TONES),
    "guided: default device changed in the tones": _meanwhile(lambda card: card.set_default("builtin"), TONES),
}


@dataclass(frozen=True)
class Came:
    """What came of a check."""

    exit_status: int
    seconds: float
    result: dict[str, Any]


def check(scene: Scene, folder: Path, guided: bool) -> Came:
    """Make one check and return what came of it."""
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    (folder / "home").mkdir(mode=0o777, exist_ok=True)
    (folder / "home").chmod(0o777)
    command = [
        *scene.prefix, sys.executable, "-m", "homecheck", "check", "--policy", str(folder / "policy.toml"),
        "--only", "headset*", "--only", "room*", "--listen", "10s", "--no-upload", "--output", "json", *scene.options,
    ]  # fmt: skip
    environment = {**os.environ, **scene.card.environment, "HOMECHECK_HOME": str(folder / "home"), **scene.environment}
    begun = time.monotonic()
    if guided:
        status, told = at_a_terminal(scene, command, environment)
    else:
        if scene.meanwhile is not None:
            threading.Thread(target=_when_recording, args=(scene.card, scene.meanwhile), daemon=True).start()
        done = subprocess.run([*command, "--unattended"], env=environment, capture_output=True, text=True, timeout=300)
        status, told = done.returncode, done.stdout
    return Came(status, time.monotonic() - begun, json.loads(told))


def _when_recording(card: SoundCard, action: Callable[[], object]) -> None:
    """Act three seconds after homecheck's stream has appeared, unless it never does."""
    for _ in range(300):
        streams = json.loads(card.pactl("-f", "json", "list", "source-outputs"))
        if any(stream["properties"].get("application.process.binary", "").startswith("python") for stream in streams):
            time.sleep(3)
            action()
            return
        time.sleep(0.1)


def at_a_terminal(scene: Scene, command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Be the person at a terminal; return exit status and what stands on stdout."""
    with tempfile.TemporaryFile() as out, ExitStack() as stack:
        ear = stack.enter_context(_Ear.listening(scene.card))
        process, terminal = pty.fork()
        if process == 0:
            os.dup2(out.fileno(), 1)
            os.execvpe(command[0], command, {**environment, "TERM": "dumb"})
        seen, answered, acted = "", 0, scene.meanwhile is None
        while True:
            ready, _, _ = select.select([terminal], [], [], 0.05)
            try:
                seen += os.read(terminal, 65536).decode("utf-8", "replace") if ready else ""
            except OSError:
                break
            if not acted and scene.cue in seen:
                acted = True
                threading.Timer(3, scene.meanwhile or int).start()
            answered = _answer(scene, terminal, ear, seen, answered)
        _, status = os.waitpid(process, 0)
        out.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode()


def _answer(scene: Scene, terminal: int, ear: _Ear, seen: str, answered: int) -> int:
    """Do what the next text asks for; return up to where the texts are answered."""
    asked = re.compile(r"Press Enter to go on|How many beeps|own voice, clearly|Now read aloud|Now please say|Ready\?")
    match = asked.search(seen, answered)
    if match is None:
        return answered
    text = match.group()
    if text.startswith("Press"):
        os.write(terminal, b"\n")
    elif text.startswith("How"):
        os.write(terminal, f"{ear.beeps()}\n".encode())
    elif text.startswith("own"):
        os.write(terminal, b"y\n")
    elif text.startswith("Now") and scene.spoken:
        threading.Timer(0.5, _speak, (scene.card,)).start()
    elif text.startswith("Ready"):
        ear.heard.clear()
    return match.end()


class _Ear:
    """What the headset's earpiece plays, as a person hears it: beeps are counted."""

    def __init__(self, source: io.BufferedReader) -> None:
        self.heard = bytearray()
        self._source = source
        threading.Thread(target=self._listen, daemon=True).start()

    @classmethod
    @contextmanager
    def listening(cls, card: SoundCard) -> Iterator[_Ear]:
        """Put an ear at the earpiece meanwhile."""
        command = ["parec", "--device=wired.monitor", "--format=float32le", "--channels=1", f"--rate={RATE}", "--raw"]
        recorder = subprocess.Popen(
            [*command, "--latency-msec=50"], stdout=subprocess.PIPE, env={**os.environ, **card.environment}
        )
        assert isinstance(recorder.stdout, io.BufferedReader)
        try:
            yield cls(recorder.stdout)
        finally:
            recorder.kill()
            recorder.wait()

    def beeps(self) -> int:
        """Return how many sounds have come since the last instruction."""
        time.sleep(0.5)
        x = np.frombuffer(bytes(self.heard[: len(self.heard) // 4 * 4]), "<f4")
        loud = np.sqrt((x[: len(x) // 960 * 960].reshape(-1, 960) ** 2).mean(axis=1)) > 0.01
        return int((np.diff(loud.astype(int)) == 1).sum())

    def _listen(self) -> None:
        while data := self._source.read1(65536):
            self.heard += data


def _speak(card: SoundCard) -> None:
    """Read the sentences into the microphone once, at -26 dBov."""
    made = subprocess.run(["espeak-ng", "-v", "en-us+m3", "--stdout", READING], capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(made)) as file:
        x = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        x = resample_poly(x, RATE, file.getframerate())
    x = x * 10 ** ((-26 - speech_level(x, RATE).active_db) / 20)
    command = ["pacat", "--playback", "--device=wired_inject", "--format=float32le", "--channels=1", f"--rate={RATE}"]
    subprocess.run(
        [*command, "--raw", "--latency-msec=60"],
        input=x.astype("<f4").tobytes(),
        env={**os.environ, **card.environment},
        stderr=subprocess.DEVNULL,
        timeout=60,
    )


def row(name: str, came: Came) -> str:
    """Return one line of the table: what was not measured and why, and what was."""
    causes: dict[tuple[str, str, str], list[str]] = {}
    values = []
    for quantity, measured in came.result["measurements"].items():
        if failure := measured["failure"]:
            cause = (failure["message"], failure["code"], failure["at_fault"])
            causes.setdefault(cause, []).append(quantity)
        elif quantity in NUMBERS:
            value = measured["value"]
            values.append(f"{quantity} {value:.1f}" if isinstance(value, float) else f"{quantity} {value}")
    told = [
        f"{message} (`{code}`, {at_fault}: {_group(quantities)})"
        for (message, code, at_fault), quantities in causes.items()
        if code != "needs_person"
    ]
    cells = (name, "<br>".join(told) or "–", ", ".join(values) or "–", f"{came.seconds:.0f}", str(came.exit_status))
    return f"| {' | '.join(cells)} |"


def _group(quantities: list[str]) -> str:
    """Return `headset`, `room` or the names, where only some of a probe's quantities are meant."""
    whole = {"headset": 12, "room": 7}
    names = {probe: [q.partition(".")[2] for q in quantities if q.startswith(f"{probe}.")] for probe in whole}
    parts = []
    for probe, of_probe in names.items():
        if len(of_probe) >= whole[probe] - 1:  # "needs_person" may have one of its own
            parts.append(f"all of {probe}")
        elif of_probe:
            parts.append(f"{probe} " + ", ".join(of_probe))
    return "; ".join(parts)


def run(name: str, prepare: Item) -> str:
    """Break one sound card and return its line of the table."""
    with SoundCard.plugged_in(DEVICES) as card, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        scene = Scene(card)
        prepare(scene)
        card.couple("wired", -40, 30)
        stack.enter_context(card.playing_into("wired", scene.sound, RATE))
        scene.before()
        return row(name, check(scene, Path(folder), name.startswith("guided")))


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--item", default="", help="words in the names of the items")
    chosen = options.parse_args().item
    print("| broken | what is printed (code, at fault: what is not measured) | measured all the same | s | exit |")
    print("|---|---|---|---|---|")
    for name, prepare in ITEMS.items():
        if chosen in name:
            print(run(name, prepare), flush=True)


if __name__ == "__main__":
    main()

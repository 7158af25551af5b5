"""A virtual sound card for tests: a private PulseAudio without hardware, with real PCM flowing through named devices.

    with SoundCard.plugged_in() as card:
        with card.playing_into("wired", tone, 48000):     # the microphone of the headset hears the tone
            ...

Each device is an earpiece (a null sink), an injection point (a second null sink) and a microphone (a source made from
the injection point's monitor) with the properties that a real card has. ``norewinds=1`` keeps the monitor exact: what
is injected comes out sample for sample. The daemon has a folder, a socket and a configuration of its own, so that any
number of cards run side by side and none touches the user's sound. Nothing needs root, a desktop or D-Bus.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.needs import need, need_library, need_program

PATIENCE_SECONDS: Final = 60.0  # on a machine that has much else to do


@dataclass(frozen=True)
class VirtualDevice:
    """One device: its name, rate in Hz, microphone channels, PulseAudio properties and kind of samples."""

    name: str
    rate: int
    channels: int
    properties: str
    format: str = "float32le"


DEVICES: Final[Mapping[str, VirtualDevice]] = {
    # No form factor, as the real one has none.
    "wired": VirtualDevice(
        "Plantronics Blackwire 3225 Series",
        48000,
        1,
        "device.bus=usb device.vendor.id=047f device.product.id=c058 device.api=alsa",
    ),
    "dongle": VirtualDevice(
        "Jabra Link 370",
        48000,
        1,
        "device.bus=usb device.vendor.id=0b0e device.product.id=245e device.form_factor=headset device.api=alsa",
    ),
    "bluetooth": VirtualDevice(
        "Kopfhörer WH-1000XM4",
        16000,
        1,
        "device.bus=bluetooth device.form_factor=headset device.api=bluez api.bluez5.profile=headset-head-unit",
    ),
    "builtin": VirtualDevice(
        "Built-in Audio Analog Stereo",
        44100,
        2,
        "device.bus=pci device.form_factor=internal device.vendor.id=8086 device.product.id=a171 device.api=alsa",
    ),
    "line": VirtualDevice(
        "USB Internet Phone",
        8000,
        1,
        "device.bus=usb device.vendor.id=06e6 device.product.id=c200 device.form_factor=handset device.api=alsa",
    ),
}


@dataclass(frozen=True)
class SoundCard:
    """A running daemon; `environment` is what a process needs to use it."""

    folder: Path
    environment: Mapping[str, str]
    daemon: subprocess.Popen[bytes]

    @classmethod
    @contextmanager
    def plugged_in(cls, devices: Mapping[str, VirtualDevice] = DEVICES) -> Iterator[SoundCard]:
        """Start a daemon with `devices`, the first of which is the default; end it afterwards."""
        pulseaudio = need_program("pulseaudio", package="pulseaudio")
        need_program("pactl", package="pulseaudio-utils")
        need_library("portaudio", package="libportaudio2")
        need(_has_alsa_pulse(), "ALSA has no bridge to PulseAudio", "apt-get install libasound2-plugins")
        # A short path: the name of a Unix socket ends at 107 characters.
        folder = Path(tempfile.mkdtemp(prefix="hc-"))
        environment = _environment(folder)
        daemon = _start(pulseaudio, folder, environment, devices)
        card = cls(folder, environment, daemon)
        try:
            card._wait_until_ready()
            yield card
        finally:
            daemon.kill()  # an orderly end has nothing to put in order
            daemon.wait()
            shutil.rmtree(folder)

    @contextmanager
    def playing_into(self, device: str, samples: NDArray[Any], rate: int) -> Iterator[None]:
        """Repeat `samples` (frames, or frames by channels; full scale 1) into the microphone of `device` meanwhile.

        `samples` should repeat without a jump. The first second has been played when the body starts.
        """
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        player = subprocess.Popen(
            ["pacat", "--playback", f"--device={device}_inject", "--format=float32le", f"--rate={rate}",
             f"--channels={channels}", "--raw", "--latency-msec=1000"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._env(),
        )  # fmt: skip
        data, stop = np.ascontiguousarray(samples, dtype="<f4").tobytes(), threading.Event()
        feeder = threading.Thread(target=_feed, args=(player, data, stop), daemon=True)
        feeder.start()
        try:
            self._wait_for_stream("sink-inputs", player.pid)
            time.sleep(0.5)  # longer than the latency asked for: sound has reached the microphone
            yield
        finally:
            stop.set()
            player.kill()
            player.wait()
            feeder.join()
            assert player.stdin is not None
            with suppress(BrokenPipeError):
                player.stdin.close()

    def capture_earpiece(self, device: str, seconds: float) -> NDArray[np.float32]:
        """Return `seconds` of what the earpiece of `device` plays, shape (frames, 2), at the device's rate."""
        command = ["parec", f"--device={device}.monitor", "--format=float32le", "--channels=2", "--raw"]
        frames = round(seconds * DEVICES[device].rate)
        recorder = subprocess.Popen(
            [*command, f"--rate={DEVICES[device].rate}"], stdout=subprocess.PIPE, env=self._env()
        )
        assert recorder.stdout is not None
        try:
            data = recorder.stdout.read(frames * 8)
        finally:
            recorder.kill()
            recorder.wait()
            recorder.stdout.close()
        return np.frombuffer(data, dtype="<f4").reshape(-1, 2)

    def couple(self, device: str, gain_db: float, delay_ms: int = 30) -> None:
        """Let the microphone of `device` hear its earpiece, `gain_db` (below 0) quieter and about `delay_ms` later.

        A coupling that is there already is replaced.
        """
        self._unload(f"source={device}.monitor")
        before = {item["index"] for item in self._sink_inputs()}
        self.pactl(
            "load-module", "module-loopback", f"source={device}.monitor", f"sink={device}_inject",
            f"latency_msec={delay_ms}", "adjust_time=0", "remix=yes",
        )  # fmt: skip
        (new,) = (item["index"] for item in self._sink_inputs() if item["index"] not in before)
        self.pactl("set-sink-input-volume", str(new), f"{gain_db:.2f}dB")

    def _sink_inputs(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self.pactl("-f", "json", "list", "sink-inputs"))
        return listed

    def mute(self, device: str, muted: bool = True) -> None:
        """Mute the microphone: it then delivers exact zeros without an error, like a refused permission on macOS."""
        self.pactl("set-source-mute", f"{device}_mic", "1" if muted else "0")

    def suspend(self, device: str) -> None:
        """Stop the microphone without taking it away: it delivers nothing any more, not even zeros."""
        self.pactl("suspend-source", f"{device}_mic", "1")

    def move_recording(self, device: str) -> None:
        """Move every recording that goes on to the microphone of `device`, as a desktop's sound settings can."""
        for stream in json.loads(self.pactl("-f", "json", "list", "source-outputs")):
            if stream["properties"].get("application.process.binary", "").startswith("python"):
                self.pactl("move-source-output", str(stream["index"]), f"{device}_mic")

    @contextmanager
    def piped(self, device: str, says: int, delivers: int) -> Iterator[None]:
        """Plug in a microphone that says one rate and delivers noise at another, in Hz."""
        pipe, stop = self.folder / f"{device}.pipe", threading.Event()
        self.pactl(
            "load-module", "module-pipe-source", f"source_name={device}_mic", f"file={pipe}", "format=s16le",
            f"rate={says}", "channels=1", "source_properties='device.bus=usb device.description=Slow'",
        )  # fmt: skip
        writer = threading.Thread(target=_drip, args=(pipe, delivers, stop), daemon=True)
        writer.start()
        try:
            yield
        finally:
            stop.set()
            writer.join()
            self.unplug(device)

    def end(self) -> None:
        """End the daemon: every device and stream is gone, and nobody answers."""
        self.daemon.kill()

    def unplug(self, device: str) -> None:
        """Take earpiece and microphone away, and what couples them; the injection point stays."""
        # The coupling would go on from another device: it goes first.
        for own in (f"source={device}.monitor", f"source_name={device}_mic", f"sink_name={device}"):
            self._unload(own)

    def _unload(self, argument: str) -> None:
        for line in self.pactl("list", "short", "modules").splitlines():
            number, _, arguments = line.split("\t")[:3]
            if argument in arguments.split():
                self.pactl("unload-module", number)

    def plug(self, device: str) -> None:
        """Plug a device of `DEVICES` in again; nothing is coupled to it any more."""
        known = DEVICES[device]
        named = f"\"device.description='{known.name}' {known.properties}\""
        rate = f"rate={known.rate}"
        self.pactl(
            "load-module", "module-null-sink", f"sink_name={device}", rate, f"format={known.format}", "norewinds=1",
            "channels=2", f"sink_properties={named}",
        )  # fmt: skip
        self.pactl(
            "load-module", "module-remap-source", f"source_name={device}_mic", f"master={device}_inject.monitor",
            f"channels={known.channels}", f"source_properties={named}",
        )  # fmt: skip

    def set_default(self, device: str) -> None:
        """Make `device` the system's default for both directions."""
        self.pactl("set-default-source", f"{device}_mic")
        self.pactl("set-default-sink", device)

    def pactl(self, *arguments: str) -> str:
        """Return what pactl prints."""
        return subprocess.run(
            ["pactl", *arguments], env=self._env(), check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        ).stdout

    def _env(self) -> dict[str, str]:
        return _env(self.environment)

    def _wait_until_ready(self) -> None:
        """Return when the last line of the script has been carried out."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise RuntimeError(f"PulseAudio ended: {(self.folder / 'log').read_text(encoding='utf-8')}")
            asked = subprocess.run(["pactl", "info"], env=self._env(), capture_output=True, timeout=PATIENCE_SECONDS)
            if asked.returncode == 0:  # the script has been carried out before the first client is answered
                return
            time.sleep(0.02)
        raise TimeoutError("PulseAudio does not answer")

    def _wait_for_stream(self, kind: str, process: int) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if f'"application.process.id":"{process}"' in self.pactl("-f", "json", "list", kind):
                return
            time.sleep(0.02)
        raise TimeoutError(f"process {process} has no stream among the {kind}")


def _start(
    pulseaudio: str, folder: Path, environment: Mapping[str, str], devices: Mapping[str, VirtualDevice]
) -> subprocess.Popen[bytes]:
    for name in ("run/pulse", "state"):
        (folder / name).mkdir(parents=True, mode=0o700)
    (folder / "client.conf").write_text("autospawn = no\n")
    script = folder / "card.pa"
    script.write_text("\n".join(_script(devices)) + "\n", encoding="utf-8")
    return subprocess.Popen(
        [pulseaudio, "-n", "--daemonize=no", "--fail=yes", "--exit-idle-time=-1", "--disable-shm=yes",
         "--use-pid-file=yes", "--log-level=warning", f"--log-target=file:{folder}/log", "-F", str(script)],
        env={**_env(environment), "HOME": str(folder), "DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": ""},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _env(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environment, "LC_ALL": "C"}


def _environment(folder: Path) -> dict[str, str]:
    return {
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "PULSE_RUNTIME_PATH": str(folder / "run/pulse"),
        "PULSE_STATE_PATH": str(folder / "state"),
        "PULSE_COOKIE": str(folder / "cookie"),
        "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
        "PULSE_SERVER": f"unix:{folder}/run/pulse/native",
    }


def _script(devices: Mapping[str, VirtualDevice]) -> Iterator[str]:
    yield "load-module module-native-protocol-unix auth-anonymous=1"
    for key, device in devices.items():
        sink = f"rate={device.rate} format={device.format} norewinds=1"
        named = f"device.description='{device.name}' {device.properties}"
        yield f'load-module module-null-sink sink_name={key} {sink} channels=2 sink_properties="{named}"'
        yield (
            f"load-module module-null-sink sink_name={key}_inject {sink} channels={device.channels} "
            f"sink_properties=\"device.description='INJECT {device.name}' device.class=abstract\""
        )
        yield (
            f"load-module module-remap-source source_name={key}_mic master={key}_inject.monitor "
            f'channels={device.channels} source_properties="{named}"'
        )
    if devices:
        first = next(iter(devices))
        yield f"set-default-sink {first}"
        yield f"set-default-source {first}_mic"


def _feed(player: subprocess.Popen[bytes], data: bytes, stop: threading.Event) -> None:
    assert player.stdin is not None
    try:
        while not stop.is_set():
            player.stdin.write(data)
    except OSError:
        return  # the player has been ended


def _drip(pipe: Path, rate: int, stop: threading.Event) -> None:
    """Write noise of 16 bits into `pipe` at `rate` samples a second."""
    noise = np.random.default_rng(1).integers(-300, 300, rate, dtype=np.int16)
    with pipe.open("wb", buffering=0) as out:
        begun, written = time.monotonic(), 0
        while not stop.wait(0.01):
            due = int((time.monotonic() - begun) * rate)
            out.write(np.resize(noise, due - written).tobytes())
            written = due


def _has_alsa_pulse() -> bool:
    folders = (Path("/usr/lib"), Path("/usr/lib64"))
    return any(any(folder.glob("**/alsa-lib/libasound_module_pcm_pulse.so")) for folder in folders if folder.exists())

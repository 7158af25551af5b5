"""The child's side of a recording: PortAudio, and the questions that prove which endpoint it records from.

Runs in a process of its own (`homecheck.instruments.child`), because a driver may hang or crash, and because PortAudio
lists devices once per process: a device plugged in later is seen by the next child.

On Linux with a sound server, PortAudio opens the ALSA device ``pulse``, and the variable PULSE_SOURCE names the source.
The stream's real source is asked from the server by process id when it starts, every half second, and at the end,
since a stream whose device is unplugged silently moves to the default device.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments import child
from homecheck.instruments.audio import pactl
from homecheck.instruments.audio.endpoint import Backend

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTLE_SECONDS: Final = 0.3  # dropped at the beginning: opening a device clicks, and its filters swing
POLL_SECONDS: Final = 0.5
FIRST_SECONDS: Final = 8.0  # until the first sample: a Bluetooth headset changes its profile before it delivers one
STALL_SECONDS: Final = 3.0  # without a new sample after that: the device is gone
FALLBACK_RATE: Final = 48000
_HOST_APIS: Final[Mapping[Backend, str]] = {
    "pulse": "ALSA",
    "alsa": "ALSA",
    "coreaudio": "Core Audio",
    "wasapi": "Windows WASAPI",
}


@dataclass(frozen=True)
class Request:
    """What to record, in values that pass through a pipe."""

    backend: Backend
    id: str
    name: str
    rate_hz: int | None
    channels: int
    seconds: float


@dataclass(frozen=True)
class Captured:
    """What was recorded: samples of the shape (frames, channels), and the endpoints the stream was seen on."""

    samples: NDArray[Any] = field(repr=False)
    rate_hz: int
    used: tuple[str, ...]
    device: str


def capture(request: Request) -> Captured:
    """Record as `request` says. Raises ProbeError as `homecheck.instruments.audio.recording.record` lists."""
    sounddevice = _sounddevice()
    devices, host_apis = list(sounddevice.query_devices()), list(sounddevice.query_hostapis())
    index = portaudio_index(request, devices, host_apis)
    rate = request.rate_hz or int(devices[index]["default_samplerate"]) or FALLBACK_RATE
    blocks: list[NDArray[Any]] = []
    try:
        stream = sounddevice.InputStream(
            device=index,
            samplerate=rate,
            channels=request.channels,
            dtype="float32",
            callback=lambda data, *_: blocks.append(data.copy()),
        )
        with stream:
            used = _listen(request, stream, blocks, rate)
    except sounddevice.PortAudioError as error:
        raise portaudio_error(request.name, error.args) from None
    return Captured(_cut(blocks, rate, request), rate, used, str(devices[index]["name"]))


def default_names() -> tuple[str, str]:
    """Return the names of the default input and output of the system's main host API; empty where there is none."""
    sounddevice = _sounddevice()
    devices = list(sounddevice.query_devices())
    apis = [api for api in sounddevice.query_hostapis() if api["name"] in ("Windows WASAPI", "Core Audio")]
    chosen = [apis[0][key] if apis else -1 for key in ("default_input_device", "default_output_device")]
    first, second = (str(devices[index]["name"]) if index >= 0 else "" for index in chosen)
    return first, second


def portaudio_index(
    request: Request, devices: Sequence[Mapping[str, Any]], host_apis: Sequence[Mapping[str, Any]]
) -> int:
    """Return the number of the PortAudio device that reaches the requested endpoint; ProbeError unless there is one.

    One device stands once per host API in the list; only the system's own API counts.
    """
    matches = [
        index
        for index, device in enumerate(devices)
        if device["max_input_channels"] > 0
        and host_apis[device["hostapi"]]["name"] == _HOST_APIS[request.backend]
        and _reaches(request, str(device["name"]))
    ]
    if len(matches) == 1:
        return matches[0]
    if request.backend == "pulse":
        raise ProbeError(
            "pulse_plugin_missing",
            "Install the package libasound2-plugins.",
            message="ALSA has no device 'pulse', the bridge from PortAudio to the sound server",
        )
    raise ProbeError(
        "ambiguous_device" if matches else "device_not_found",
        "Unplug the one that is not to be tested." if matches else "Plug it in again, then repeat the check.",
        message=f"{request.name}: {len(matches)} such devices can be opened",
    )


def portaudio_error(name: str, args: Sequence[Any]) -> ProbeError:
    """Return what PortAudio's error means: its number, and for host errors the sound system's own number and text."""
    code = args[1] if len(args) > 1 else None
    host_code, host_text = (args[2][1], args[2][2]) if len(args) > 2 and args[2] else (0, "")
    told = f"{name}: {args[0] if args else 'PortAudio error'} {host_text}".strip()
    if code == -9985 or host_code == -16:  # paDeviceUnavailable; ALSA's EBUSY
        advice = "Close other programs that use the microphone, such as a softphone, and repeat the check."
        return ProbeError("device_busy", advice, message=f"{told}: another program holds it")
    if code == -9996 or host_code in (-2, -5, -19):  # paInvalidDevice; ENOENT, EIO (PulseAudio: no such source), ENODEV
        return ProbeError("device_not_found", "Plug it in again, then repeat the check.", message=f"{told}: it is gone")
    advice = "Unplug the device and plug it in again; if it happens again, update its driver."
    return ProbeError("device_refused", advice, message=told)


def refuse_other(used: tuple[str, ...], asked: str, name: str) -> None:
    """Raise ProbeError when a stream was seen on another endpoint than the one that was asked for."""
    if used and used[0] != asked:
        raise ProbeError(
            "wrong_endpoint",
            "Choose the headset as input in the system's sound settings, and repeat the check.",
            message=f"{name}: the sound system recorded from another device",
        )
    if any(endpoint != asked for endpoint in used):
        raise unplugged(name, "the sound system moved the recording to another device")


def unplugged(name: str, what: str) -> ProbeError:
    """Return the error for a device that vanished while it was recorded from."""
    advice = "Plug it in firmly, do not touch the cable, and repeat the check."
    return ProbeError("unplugged", advice, message=f"{name}: unplugged while it was recorded from; {what}")


def _nothing(name: str) -> ProbeError:
    advice = "Unplug the device and plug it in again, or switch it off and on; then repeat the check."
    return ProbeError("no_samples", advice, message=f"{name}: it could be opened and delivers nothing")


def _sounddevice() -> Any:
    """Return the module; it loads the PortAudio library, which Linux does not bring along."""
    try:
        import sounddevice
    except OSError as error:
        raise ProbeError(
            "no_portaudio",
            "Install the package libportaudio2 (Debian, Ubuntu) or portaudio (Fedora, Arch).",
            message=f"the PortAudio library cannot be loaded: {error}",
        ) from None
    return sounddevice


def _reaches(request: Request, name: str) -> bool:
    if request.backend == "pulse":
        return name == "pulse"
    if request.backend == "alsa":
        return name.endswith(f"({request.id})")
    return name == request.name


def _listen(request: Request, stream: Any, blocks: list[NDArray[Any]], rate: int) -> tuple[str, ...]:
    """Wait until enough has arrived; return the endpoints that the stream was seen on, in order of appearance."""
    wanted = (SETTLE_SECONDS + request.seconds) * rate
    seen: dict[str, None] = {}
    where = _where(request, stream)
    told, frames, last_news = False, 0, time.monotonic()
    next_poll = 0.0
    while True:
        time.sleep(0.02)
        now, arrived = time.monotonic(), sum(len(block) for block in blocks)
        if arrived > frames:
            frames, last_news = arrived, now
        elif now - last_news > (STALL_SECONDS if frames else FIRST_SECONDS) or not stream.active:
            raise unplugged(request.name, "no more sound arrives") if frames else _nothing(request.name)
        if not told and frames > SETTLE_SECONDS * rate:
            told = True
            child.report("started")
        if now >= next_poll or frames >= wanted:
            seen |= dict.fromkeys(where())
            refuse_other(tuple(seen), request.id, request.name)  # at once: the person need not wait for the rest
            next_poll = time.monotonic() + POLL_SECONDS
        if frames >= wanted:
            return tuple(seen)


def _where(request: Request, stream: Any) -> Callable[[], tuple[str, ...]]:
    """Return the function that tells which endpoints this process records from at the moment."""
    if request.backend == "pulse":
        return _pulse_sources
    # Here the device is opened by its own name, and a stream ends with its device instead of moving.
    return lambda: (request.id,) if stream.active else ()


def _pulse_sources() -> tuple[str, ...]:
    outputs, sources = pactl.listing("list", "source-outputs"), pactl.listing("list", "sources")
    return pactl.recorded_by(os.getpid(), outputs or [], sources or [])


def _cut(blocks: list[NDArray[Any]], rate: int, request: Request) -> NDArray[Any]:
    import numpy as np  # in the child, where sounddevice has loaded it already

    settled = round(SETTLE_SECONDS * rate)
    samples: NDArray[Any] = np.concatenate(blocks)[settled : settled + round(request.seconds * rate)]
    return samples

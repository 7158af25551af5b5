"""The child's side of a recording: PortAudio, and the questions that prove which endpoint it records from.

Runs in a process of its own (`homecheck.instruments.child`), because a driver may hang or crash, and because PortAudio
lists devices once per process: a device plugged in later is seen by the next child.

On Linux with a sound server, PortAudio opens the ALSA device ``pulse``, and the variable PULSE_SOURCE names the source.
The stream's real source is asked from the server by process id when it starts, every half second, and at the end,
since a stream whose device is unplugged silently moves to the default device. Without a sound server the kernel is
asked which process owns the running stream of which card. Windows and macOS tell neither.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from homecheck.errors import ProbeError
from homecheck.instruments import child
from homecheck.instruments.audio import asound, pactl
from homecheck.instruments.audio.broken_off import Listed, fell_silent, moved
from homecheck.instruments.audio.endpoint import Backend
from homecheck.instruments.audio.pace import refuse_wrong_pace

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTLE_SECONDS: Final = 0.3  # dropped at the beginning: opening a device clicks, and its filters swing
POLL_SECONDS: Final = 0.5
FIRST_SECONDS: Final = 8.0  # until the first sample: a Bluetooth headset changes its profile before it delivers one
LEVEL_SECONDS: Final = 0.1  # between two levels that are told
SILENT_DBFS: Final = -120.0  # told instead of the level of exact zeros, which is no number
STALL_SECONDS: Final = 3.0  # without a new sample after that: the device is gone
FALLBACK_RATE: Final = 48000
_INVALID_RATE: Final = -9997  # paInvalidSampleRate
Direction = Literal["input", "output"]
_HOST_APIS: Final[Mapping[Backend, str]] = {
    "pulse": "ALSA",
    "alsa": "ALSA",
    "coreaudio": "Core Audio",
    "wasapi": "Windows WASAPI",
}
# The sound systems' own numbers: ALSA's errno, WASAPI's HRESULT (negative, as PortAudio gives it), CoreAudio's letters.
_BUSY: Final = frozenset({-16, 0x8889000A - 2**32, int.from_bytes(b"!hog")})  # EBUSY, AUDCLNT_E_DEVICE_IN_USE
_GONE: Final = frozenset({
    -2, -5, -19,  # ENOENT, EIO (PulseAudio: no such source), ENODEV
    0x88890004 - 2**32, 0x88890026 - 2**32,  # AUDCLNT_E_DEVICE_INVALIDATED, AUDCLNT_E_RESOURCES_INVALIDATED
    int.from_bytes(b"!dev"),
})  # fmt: skip
_FORBIDDEN: Final = frozenset({-13, 0x80070005 - 2**32})  # EACCES, E_ACCESSDENIED


@dataclass(frozen=True)
class Request:
    """What to record, in values that pass through a pipe."""

    backend: Backend
    id: str
    name: str
    rate_hz: int | None
    channels: int
    seconds: float
    tells_levels: bool = False  # while it records, ten times a second


@dataclass(frozen=True)
class Captured:
    """What was recorded: samples of the shape (frames, channels), and the endpoints the stream was seen on."""

    samples: NDArray[Any] = field(repr=False)
    rate_hz: int
    used: tuple[str, ...]
    device: str


def capture(request: Request) -> Captured:
    """Record as `request` says. Raises ProbeError as `homecheck.instruments.audio.recording.record` lists."""
    sounddevice = portaudio()
    devices, host_apis = list(sounddevice.query_devices()), list(sounddevice.query_hostapis())
    index = portaudio_index(request, devices, host_apis)
    own_rate = int(devices[index]["default_samplerate"]) or FALLBACK_RATE
    tape = _Tape()
    try:
        rate, stream = _opened(sounddevice, index, request, own_rate, tape)
        # It is never closed: closing a stream whose device hangs would hang too, and it ends with this process.
        stream.start()
        used = _listen(request, stream, tape, rate)
    except sounddevice.PortAudioError as error:
        raise portaudio_error(request.name, error.args) from None
    refuse_wrong_pace(tape.arrivals, rate, request.name)
    return Captured(_cut(tape.blocks, rate, request), rate, used, str(devices[index]["name"]))


def _opened(sounddevice: Any, index: int, request: Request, own_rate: int, tape: _Tape) -> tuple[int, Any]:
    """Return the rate and the stream; at the sound library's own rate where the listed one is not to be had.

    Windows opens a shared device at its mixer's rate alone, and its registry may hold an older one.
    """
    listed = request.rate_hz or own_rate
    rates = dict.fromkeys((listed, own_rate))
    for rate in rates:
        try:
            return rate, sounddevice.InputStream(
                device=index, samplerate=rate, channels=request.channels, dtype="float32", callback=tape.run
            )
        except sounddevice.PortAudioError as error:
            if rate == own_rate or error.args[1:2] != (_INVALID_RATE,):
                raise
    raise AssertionError("the last rate is the library's own")


class _Tape:
    """What has been recorded, and when it arrived."""

    def __init__(self) -> None:
        self.blocks: list[NDArray[Any]] = []
        self.arrivals: list[tuple[float, int]] = []  # seconds, samples until then
        self.frames = 0

    def run(self, recorded: NDArray[Any], frames: int, _time_info: object, _flags: object) -> None:
        """Be PortAudio's callback."""
        self.blocks.append(recorded.copy())
        self.frames += frames
        self.arrivals.append((time.monotonic(), self.frames))

    def newest_level(self) -> float:
        """Return the level of the newest block in its loudest channel, as an effective value in dBFS."""
        import numpy as np  # in the child, where sounddevice has loaded it already

        loudest = float(np.square(self.blocks[-1], dtype=np.float64).mean(axis=0).max())
        return max(SILENT_DBFS, 10 * math.log10(loudest)) if loudest > 0 else SILENT_DBFS


def default_names() -> tuple[str, str]:
    """Return the names of the default input and output of the system's main host API; empty where there is none."""
    sounddevice = portaudio()
    devices = list(sounddevice.query_devices())
    apis = [api for api in sounddevice.query_hostapis() if api["name"] in ("Windows WASAPI", "Core Audio")]
    chosen = [apis[0][key] if apis else -1 for key in ("default_input_device", "default_output_device")]
    first, second = (str(devices[index]["name"]) if index >= 0 else "" for index in chosen)
    return first, second


def portaudio_index(
    request: Request,
    devices: Sequence[Mapping[str, Any]],
    host_apis: Sequence[Mapping[str, Any]],
    direction: Direction = "input",
) -> int:
    """Return the number of the PortAudio device that reaches the requested endpoint; ProbeError unless there is one.

    One device stands once per host API in the list; only the system's own API counts.
    """
    matches = [
        index
        for index, device in enumerate(devices)
        if device[f"max_{direction}_channels"] > 0
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
    if request.backend == "alsa" and not may_read(request.id):
        raise _no_permission(request.name)
    raise ProbeError(
        "ambiguous_device" if matches else "device_not_found",
        "Unplug the one that is not to be tested." if matches else "Plug it in again, then repeat the check.",
        message=f"{request.name}: {len(matches)} such devices can be opened",
    )


def portaudio_error(name: str, args: Sequence[Any]) -> ProbeError:
    """Return what PortAudio's error means: its number, and for host errors the sound system's own number and text."""
    code = args[1] if len(args) > 1 else None
    host_code, host_text = (args[2][1], args[2][2]) if len(args) > 2 and args[2] else (0, "")
    told = f"{args[0] if args else 'PortAudio error'} {host_text}".strip()  # for whoever helps, behind the plain words
    if code == -9985 or host_code in _BUSY:  # paDeviceUnavailable
        advice = "Close other programs that use the microphone, such as a softphone, and repeat the check."
        return ProbeError("device_busy", advice, message=f"{name}: another program is using it ({told})")
    if code == -9996 or host_code in _GONE:  # paInvalidDevice
        advice = "Plug it in again, then repeat the check."
        return ProbeError("device_not_found", advice, message=f"{name}: it is not there any more ({told})")
    if host_code in _FORBIDDEN:
        return _no_permission(name, told)
    advice = "Unplug the device and plug it in again; if it happens again, update its driver."
    return ProbeError("device_refused", advice, message=f"{name}: it cannot be opened ({told})")


def may_read(endpoint: str, folder: Path = Path("/dev/snd"), access: Callable[[Path, int], bool] = os.access) -> bool:
    """Tell whether this user may record from the ALSA device ``hw:CARD,DEVICE``; True also where it is not there.

    PortAudio leaves out what it may not open, so that a microphone without permission looks like none at all.
    """
    card, _, device = endpoint.removeprefix("hw:").partition(",")
    node = folder / f"pcmC{card}D{device}c"
    return not node.exists() or access(node, os.R_OK)


def _no_permission(name: str, told: str = "") -> ProbeError:
    return ProbeError(
        "permission_refused",
        "Allow homecheck to use the microphone in the system's privacy settings; on Linux without a sound server, add "
        "your user to the group 'audio' and sign in again.",
        message=f"{name}: the system does not let this program use it" + (f" ({told})" if told else ""),
        at_fault="person",
    )


def refuse_other(used: tuple[str, ...], request: Request, listed: Listed | None = None) -> None:
    """Raise ProbeError when a stream was seen on another endpoint than the one that was asked for."""
    if all(endpoint == request.id for endpoint in used):
        return
    why = moved(request.backend, request.id, request.name, "the recording", listed)
    if used[0] == request.id or why.code == "unplugged":
        raise why
    raise ProbeError(
        "wrong_endpoint",
        "Choose the headset as input in the system's sound settings, and repeat the check.",
        message=f"{request.name}: the sound system recorded from another device",
    )


def delivers_nothing(name: str) -> ProbeError:
    """Return the error for a device that opens and stays silent to the program."""
    advice = "Unplug the device and plug it in again, or switch it off and on; then repeat the check."
    return ProbeError("no_samples", advice, message=f"{name}: it could be opened and delivers nothing")


def portaudio() -> Any:
    """Return the module sounddevice; it loads the PortAudio library, which Linux does not bring along."""
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


def _listen(request: Request, stream: Any, tape: _Tape, rate: int) -> tuple[str, ...]:
    """Wait until enough has arrived; return the endpoints that the stream was seen on, in order of appearance."""
    wanted = (SETTLE_SECONDS + request.seconds) * rate
    seen: dict[str, None] = {}
    where = where_recorded(request, stream)
    told, frames, last_news = False, 0, time.monotonic()
    next_poll = next_level = 0.0
    while True:
        time.sleep(0.02)
        now, arrived = time.monotonic(), tape.frames
        if arrived > frames:
            frames, last_news = arrived, now
        elif now - last_news > (STALL_SECONDS if frames else FIRST_SECONDS) or not stream.active:
            raise no_sound(request, begun=frames > 0)
        if not told and frames > SETTLE_SECONDS * rate:
            told = True
            child.report("started")
        if told and request.tells_levels and now >= next_level:
            child.report(tape.newest_level())
            next_level = now + LEVEL_SECONDS
        if now >= next_poll or frames >= wanted:
            seen |= dict.fromkeys(where())
            refuse_other(tuple(seen), request)  # at once: the person need not wait for the rest
            next_poll = time.monotonic() + POLL_SECONDS
        if frames >= wanted:
            return tuple(seen)


def no_sound(request: Request, begun: bool) -> ProbeError:
    """Return why `request` gets no sound, or none any more."""
    if begun:
        return fell_silent(request.backend, request.id, request.name)
    return delivers_nothing(request.name)


def where_recorded(request: Request, stream: Any) -> Callable[[], tuple[str, ...]]:
    """Return the function that tells which endpoints this process records from at the moment."""
    if request.backend == "pulse":
        return _pulse_sources
    if request.backend == "alsa":
        return lambda: asound.recorded_by(own_tasks())
    # Here the device is opened by its own name, and a stream ends with its device instead of moving.
    return lambda: (request.id,) if stream.active else ()


def own_tasks() -> frozenset[int]:
    """Return the numbers of this process' threads, as Linux counts them."""
    return frozenset(int(task.name) for task in Path("/proc/self/task").iterdir())


def _pulse_sources() -> tuple[str, ...]:
    outputs = pactl.listing("list", "source-outputs")
    if outputs is None:  # a server that hangs is not waited for twice: soon no more sound arrives either
        return ()
    return pactl.recorded_by(os.getpid(), outputs, pactl.listing("list", "sources"))


def _cut(blocks: list[NDArray[Any]], rate: int, request: Request) -> NDArray[Any]:
    import numpy as np  # in the child, where sounddevice has loaded it already

    settled = round(SETTLE_SECONDS * rate)
    samples: NDArray[Any] = np.concatenate(blocks)[settled : settled + round(request.seconds * rate)]
    return samples

"""The child's side of playing: one PortAudio stream that plays and records at the same time.

Runs in a process of its own (`homecheck.instruments.child`). Both directions are served by one callback, so the
recording's sample n was fetched when the sound's sample n was handed over: what comes back late, comes back late by
the whole round trip. On Linux with a sound server the real source and the real sink are asked from the server by
process id when sound begins, every half second, and at the end, as for a recording.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments import child
from homecheck.instruments.audio import asound, pactl
from homecheck.instruments.audio.broken_off import Listed, moved
from homecheck.instruments.audio.capture import (
    FIRST_SECONDS,
    POLL_SECONDS,
    SETTLE_SECONDS,
    STALL_SECONDS,
    Request,
    no_sound,
    own_tasks,
    portaudio,
    portaudio_error,
    portaudio_index,
    refuse_other,
    where_recorded,
)
from homecheck.instruments.audio.pace import refuse_wrong_pace

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUFFER_SECONDS: Final = 0.2  # a busy computer must not tear holes that would be taken for the headset's


@dataclass(frozen=True)
class DuplexRequest:
    """What to play and where to record meanwhile; `sound` has the shape (frames,), full scale 1."""

    microphone: Request
    earpiece: Request
    rate_hz: int
    sound: NDArray[Any] = field(repr=False)


@dataclass(frozen=True)
class Heard:
    """What was recorded while the sound was played, from its first sample to its last; shape (frames, channels).

    `used` are the endpoints that were recorded from, `played_to` those that were played to, in order of appearance.
    `buffer_seconds` is the time between a sample's entry and its exit as the sound library itself reckons it, without
    the devices; None where it does not. `stalls` counts the callbacks for which the sound system says that it was kept
    waiting: through ALSA's bridge to PulseAudio it says so in every run, also when not a sample is missing.
    `held_up_seconds` is the longest time between two callbacks, beyond which buffers run empty.
    """

    samples: NDArray[Any] = field(repr=False)
    used: tuple[str, ...]
    played_to: tuple[str, ...]
    device: str
    buffer_seconds: float | None
    stalls: int
    held_up_seconds: float


def play_and_record(request: DuplexRequest) -> Heard:
    """Play and record as `request` says. Raises ProbeError as `homecheck.instruments.audio.playing.play` lists."""
    sounddevice = portaudio()
    devices, host_apis = list(sounddevice.query_devices()), list(sounddevice.query_hostapis())
    source = portaudio_index(request.microphone, devices, host_apis)
    sink = portaudio_index(request.earpiece, devices, host_apis, "output")
    tape = _Tape(request)
    # Windows opens a shared device at its own rate alone, and the two ends may have different ones.
    converting = sounddevice.WasapiSettings(auto_convert=True) if request.microphone.backend == "wasapi" else None
    try:
        stream = sounddevice.Stream(
            device=(source, sink),
            samplerate=request.rate_hz,
            channels=(request.microphone.channels, min(2, request.earpiece.channels)),
            dtype="float32",
            latency=BUFFER_SECONDS,
            extra_settings=converting,
            callback=tape.run,
        )
        # It is never closed: closing a stream whose device hangs would hang too, and it ends with this process.
        stream.start()
        used, played_to = _attend(request, stream, tape)
    except sounddevice.PortAudioError as error:
        both = dict.fromkeys((request.microphone.name, request.earpiece.name))  # as a rule they are called alike
        raise portaudio_error(" with ".join(both), error.args) from None
    refuse_wrong_pace(tape.arrivals, request.rate_hz, request.microphone.name)
    name = str(devices[sink]["name"])
    return Heard(tape.recorded(), used, played_to, name, tape.buffer_seconds(), tape.stalls, tape.held_up_seconds())


class _Tape:
    """What is still to be played and what has been recorded."""

    def __init__(self, request: DuplexRequest) -> None:
        import numpy as np  # in the child, where sounddevice has loaded it already

        self._settle = round(SETTLE_SECONDS * request.rate_hz)
        self._sound = np.concatenate([np.zeros(self._settle), request.sound]).astype(np.float32)
        self._blocks: list[NDArray[Any]] = []
        self._ways: list[float] = []
        self.arrivals: list[tuple[float, int]] = []  # seconds, samples until then
        self.frames = 0
        self.stalls = 0

    def run(self, recorded: NDArray[Any], to_play: NDArray[Any], frames: int, time_info: Any, flags: object) -> None:
        """Be PortAudio's callback."""
        self._ways.append(time_info.outputBufferDacTime - time_info.inputBufferAdcTime)
        self._blocks.append(recorded.copy())
        part = self._sound[self.frames : self.frames + frames]
        to_play[: len(part)] = part[:, None]
        to_play[len(part) :] = 0
        self.frames += frames
        self.arrivals.append((time.monotonic(), self.frames))
        self.stalls += bool(flags)

    @property
    def has_begun(self) -> bool:
        """Whether the sound itself is being played."""
        return self.frames > self._settle

    @property
    def is_over(self) -> bool:
        """Whether all of it has been handed over, and as much recorded."""
        return self.frames >= len(self._sound)

    def buffer_seconds(self) -> float | None:
        """Return the sound library's own reckoning of the way through its buffers."""
        middle = sorted(self._ways)[len(self._ways) // 2] if self._ways else 0.0
        return round(middle, 4) if 0 < middle < FIRST_SECONDS else None

    def held_up_seconds(self) -> float:
        """Return the longest time between two callbacks."""
        return max((after - before for (before, _), (after, _) in pairwise(self.arrivals)), default=0.0)

    def recorded(self) -> NDArray[Any]:
        """Return what was recorded since the sound began."""
        import numpy as np

        samples: NDArray[Any] = np.concatenate(self._blocks)[self._settle : len(self._sound)]
        return samples


def _attend(request: DuplexRequest, stream: Any, tape: _Tape) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Wait until all is played; return the endpoints that were recorded from and played to, in order of appearance."""
    sources: dict[str, None] = {}
    sinks: dict[str, None] = {}
    recording_from, playing_to = where_recorded(request.microphone, stream), _where_played(request.earpiece, stream)
    told, frames, last_news, next_poll = False, 0, time.monotonic(), 0.0
    while True:
        time.sleep(0.02)
        now, over = time.monotonic(), tape.is_over
        if tape.frames > frames:
            frames, last_news = tape.frames, now
        elif now - last_news > (STALL_SECONDS if frames else FIRST_SECONDS) or not stream.active:
            raise no_sound(request.microphone, begun=frames > 0)
        if not told and tape.has_begun:
            told = True
            child.report("started")
        if now >= next_poll or over:
            sources |= dict.fromkeys(recording_from())
            sinks |= dict.fromkeys(playing_to())
            refuse_other(tuple(sources), request.microphone)
            refuse_other_earpiece(tuple(sinks), request.earpiece)
            next_poll = time.monotonic() + POLL_SECONDS
        if over:
            return tuple(sources), tuple(sinks)


def refuse_other_earpiece(played_to: tuple[str, ...], request: Request, listed: Listed | None = None) -> None:
    """Raise ProbeError when the sound was played to another endpoint than the one that was asked for."""
    if all(endpoint == request.id for endpoint in played_to):
        return
    why = moved(request.backend, request.id, request.name, "the sound", listed)
    if played_to[0] == request.id or why.code == "unplugged":
        raise why
    raise ProbeError(
        "wrong_endpoint",
        "Choose the headset as output in the system's sound settings, and repeat the check.",
        message=f"{request.name}: the sound system played to another device",
    )


def _where_played(request: Request, stream: Any) -> Callable[[], tuple[str, ...]]:
    """Return the function that tells which endpoints this process plays to at the moment."""
    if request.backend == "pulse":
        return _pulse_sinks
    if request.backend == "alsa":
        return lambda: asound.played_by(own_tasks())
    # Here the device is opened by its own name, and a stream ends with its device instead of moving.
    return lambda: (request.id,) if stream.active else ()


def _pulse_sinks() -> tuple[str, ...]:
    inputs = pactl.listing("list", "sink-inputs")
    if inputs is None:  # a server that hangs is not waited for twice: soon no more sound arrives either
        return ()
    return pactl.played_by(os.getpid(), inputs, pactl.listing("list", "sinks"))

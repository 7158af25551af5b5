"""Recording from one named endpoint, with proof that it was this one.

The sound stays in memory: it comes out of a child process through a pipe and is dropped when its levels are known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments import child
from homecheck.instruments.audio import capture, macos, windows
from homecheck.instruments.audio.broken_off import unplugged
from homecheck.instruments.audio.endpoint import AudioEndpoint, Backend, Facts

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and a probe's module must load without it
    from numpy.typing import NDArray

PROOFS: Final[Mapping[Backend, str]] = {
    "pulse": "the sound server named this process' source when it began, every half second and at the end",
    "alsa": "the kernel named this process as the owner of the card's stream, from begin to end",
    "coreaudio": "opened by a name that one device alone had, before and after; macOS tells no more",
    "wasapi": "opened by a name that one device alone had, before and after; Windows tells no more",
}
_LISTS: Final[Mapping[Backend, Callable[[], Iterable[Facts]]]] = {"coreaudio": macos.read, "wasapi": windows.read}
START_SECONDS: Final = 15.0  # time beyond the recording's own for a new process, the sound server and a slow driver


@dataclass(frozen=True)
class Recording:
    """Samples and where they came from.

    `samples` has the shape (frames, channels), float32, full scale 1. `asked` and `used` are endpoint ids; `used` holds
    every endpoint that the stream was seen on, in order of appearance.
    """

    samples: NDArray[Any] = field(repr=False)
    rate_hz: int
    asked: str
    used: tuple[str, ...]
    device: str  # what the sound library calls the device
    proof: str = ""  # how it is known that it came from there
    name: str = "the microphone"  # as the system shows it

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate_hz


def record(
    endpoint: AudioEndpoint,
    seconds: float,
    started: Callable[[], None] | None = None,
    level: Callable[[float], None] | None = None,
) -> Recording:
    """Return `seconds` of sound from `endpoint` at its native rate; `started` is called when sound begins to arrive.

    `level` gets the newest level in dBFS ten times a second, for a meter that somebody looks at.

    Raises ProbeError: ``no_portaudio``, ``pulse_plugin_missing``, ``device_not_found``, ``device_busy``,
    ``device_refused``, ``permission_refused``, ``no_samples``, ``unplugged``, ``moved`` (to another device by the sound
    system), ``stalled``, ``sound_service``, ``wrong_endpoint``, ``wrong_rate``, ``endpoint_unproven``, ``timeout``,
    ``crashed``.
    """
    if sys.platform == "win32":
        windows.mind_the_privacy_switch()
    request = capture.Request(
        endpoint.backend,
        endpoint.id,
        endpoint.name,
        endpoint.native_rate,
        endpoint.input_channels,
        seconds,
        tells_levels=level is not None,
    )
    captured = child.call(
        capture.capture,
        request,
        deadline_seconds=seconds + START_SECONDS,
        # libpulse records from the source that this variable names; PortAudio itself cannot see PulseAudio's names.
        environment={"PULSE_SOURCE": endpoint.id} if endpoint.backend == "pulse" else None,
        on_report=partial(_pass_on, started or _nothing, level),
        device=endpoint.name,
    )
    proof, name = PROOFS[endpoint.backend], endpoint.name
    recording = Recording(captured.samples, captured.rate_hz, endpoint.id, captured.used, captured.device, proof, name)
    refuse_unproven(recording)
    mind_it_is_still_there(endpoint)
    return recording


def _pass_on(started: Callable[[], None], level: Callable[[float], None] | None, report: object) -> None:
    """Hand on what the child reports: a word when sound arrives, and numbers, its levels."""
    if level is not None and isinstance(report, float):
        level(report)
    elif not isinstance(report, float):
        started()


def _nothing() -> None:
    """Do nothing."""


def mind_it_is_still_there(endpoint: AudioEndpoint, read: Callable[[], Iterable[Facts]] | None = None) -> None:
    """Raise ProbeError ``unplugged`` unless the system still lists the same endpoint, where it tells nothing more.

    Windows and macOS do not tell where a running stream comes from. The device was opened by its own name, which one
    endpoint alone had; if that endpoint is there before and after, and no USB id speaks against it, it was this one.
    """
    read = read or _LISTS.get(endpoint.backend)
    if read is None:
        return
    named = [facts for facts in read() if facts.is_input == endpoint.is_input and facts.name == endpoint.name]
    if len(named) != 1 or not _same(named[0], endpoint):
        raise unplugged(endpoint.name, "the system lists it no more, or lists another device by its name")


def _same(now: Facts, before: Facts) -> bool:
    """Tell whether nothing speaks against both being one endpoint; macOS' report on USB may fail to come once."""
    ids = ((now.vendor_id, before.vendor_id), (now.product_id, before.product_id))
    return now.id == before.id and all(None in pair or pair[0] == pair[1] for pair in ids)


def default_names() -> tuple[str, str]:
    """Return the names of PortAudio's default input and output; empty where there is none."""
    return child.call(capture.default_names, deadline_seconds=START_SECONDS)


def refuse_unproven(recording: Recording) -> None:
    """Raise ProbeError unless the recording is known to have come from the endpoint that was asked for.

    The child has refused what came from elsewhere already, and could still ask the system why.
    """
    if set(recording.used) != {recording.asked}:
        raise ProbeError(
            "endpoint_unproven",
            "Repeat the check; if it happens again, restart the computer's sound service.",
            message=f"{recording.name}: the sound system does not tell where the recording came from",
        )


def loudest_channel(recording: Recording) -> NDArray[Any]:
    """Return the samples of the channel in which most happens, as float64; raises what `loudest` raises."""
    return loudest(recording).astype("float64")


def loudest(recording: Recording) -> NDArray[Any]:
    """Return the samples of the channel in which most happens as they were recorded: nothing is copied.

    A mean of channels would hide a microphone among eleven silent inputs, and a constant offset is no sound. Raises
    ProbeError ``too_short``, ``bad_samples`` for a driver's NaN or infinity, ``muted`` for exact zeros, and ``stuck``
    for any other value that never changes.
    """
    import numpy as np  # here, so that importing this module stays cheap

    samples = recording.samples
    if samples.ndim != 2 or len(samples) < recording.rate_hz // 10:
        raise ProbeError(
            "too_short",
            "Repeat the check; if it happens again, try another USB port.",
            message=f"{recording.name} delivered {len(samples)} samples",
        )
    energy = np.einsum("ij,ij->j", samples, samples, dtype=np.float64)  # finite for all that 32 bits can hold
    if not np.isfinite(energy).all():
        raise ProbeError(
            "bad_samples",
            "Update the sound driver, or use another device.",
            message=f"{recording.name}: its driver delivered values that are no numbers",
        )
    if not energy.any():
        raise muted(recording.name)
    if not np.ptp(samples, axis=0).any():
        raise _stuck(recording.name)
    happening = energy - len(samples) * samples.mean(axis=0, dtype=np.float64) ** 2
    channel: NDArray[Any] = samples[:, int(np.argmax(happening))]
    return channel


def gated_share(x: NDArray[Any], rate_hz: int) -> float:
    """Return the share of time in stretches of 50 ms without any change: a noise gate, not a quiet room.

    A closed gate delivers zeros, or whatever constant the converter behind it adds.
    """
    frame = max(1, rate_hz // 20)
    frames = x[: len(x) // frame * frame].reshape(-1, frame)
    return float((frames == frames[:, :1]).all(axis=1).mean()) if len(frames) else 0.0


def muted(name: str, system: str = sys.platform, organisation_refuses: Callable[[], bool] | None = None) -> ProbeError:
    """Return the error for a microphone that delivers exact zeros, with what is behind it on this system."""
    message = (
        f"{name}: no sound at all arrives, only exact zeros: it is muted, or the system keeps it from this program"
    )
    unmute = "Unmute the microphone (on its cable or boom, and in the sound settings)"
    if system == "darwin":  # without permission macOS delivers zeros and no error
        advice = (
            "System Settings, Privacy & Security, Microphone: allow Terminal, or whichever program started homecheck; "
            f"then quit that program and start it again. If it is allowed already: {unmute[0].lower()}{unmute[1:]}."
        )
        return ProbeError("muted", advice, message=message)
    if system == "win32" and (organisation_refuses or windows.organisation_refuses)():
        advice = f"{unmute}. If it is not muted, ask your IT: the policy LetAppsAccessMicrophone forbids microphones."
        return ProbeError("muted", advice, message=f"{message}; an organisation's policy forbids apps the microphone")
    return ProbeError("muted", f"{unmute} and allow this program to use it.", message=message)


def _stuck(name: str) -> ProbeError:
    return ProbeError(
        "stuck",
        "Unplug the device and plug it in again, into another USB port if you can. If that does not help, use another.",
        message=f"{name}: one and the same value arrives all the time, which no working microphone delivers",
    )

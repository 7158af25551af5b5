"""Recording from one named endpoint, with proof that it was this one.

The sound stays in memory: it comes out of a child process through a pipe and is dropped when its levels are known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments import child
from homecheck.instruments.audio import capture, windows
from homecheck.instruments.audio.endpoint import AudioEndpoint

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and a probe's module must load without it
    from numpy.typing import NDArray

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

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate_hz


def record(endpoint: AudioEndpoint, seconds: float, started: Callable[[], None] | None = None) -> Recording:
    """Return `seconds` of sound from `endpoint` at its native rate; `started` is called when sound begins to arrive.

    Raises ProbeError: ``no_portaudio``, ``pulse_plugin_missing``, ``device_not_found``, ``device_busy``,
    ``device_refused``, ``permission_refused``, ``no_samples``, ``unplugged`` (the stream stopped or was moved to
    another device), ``wrong_endpoint``, ``endpoint_unproven``, ``timeout``, ``crashed``.
    """
    if sys.platform == "win32" and windows.microphone_refused():
        raise ProbeError(
            "permission_refused",
            "Settings, Privacy, Microphone: allow desktop apps to use the microphone.",
            message="Windows keeps the microphone from desktop programs",
            at_fault="person",
        )
    request = capture.Request(
        endpoint.backend, endpoint.id, endpoint.name, endpoint.native_rate, endpoint.input_channels, seconds
    )
    captured = child.call(
        capture.capture,
        request,
        deadline_seconds=seconds + START_SECONDS,
        # libpulse records from the source that this variable names; PortAudio itself cannot see PulseAudio's names.
        environment={"PULSE_SOURCE": endpoint.id} if endpoint.backend == "pulse" else None,
        on_report=None if started is None else lambda _report: started(),
    )
    recording = Recording(captured.samples, captured.rate_hz, endpoint.id, captured.used, captured.device)
    refuse_moved(recording, endpoint.name)
    return recording


def default_names() -> tuple[str, str]:
    """Return the names of PortAudio's default input and output; empty where there is none."""
    return child.call(capture.default_names, deadline_seconds=START_SECONDS)


def refuse_moved(recording: Recording, name: str) -> None:
    """Raise ProbeError unless the recording came from the endpoint that was asked for, and from no other."""
    capture.refuse_other(recording.used, recording.asked, name)
    if not recording.used:
        raise ProbeError(
            "endpoint_unproven",
            "Repeat the check; if it happens again, restart the computer's sound service.",
            message=f"{name}: the sound system does not tell where the recording came from",
        )


def loudest_channel(recording: Recording) -> NDArray[Any]:
    """Return the samples of the channel with the most energy, as float64.

    A mean of channels would hide a microphone among eleven silent inputs. Raises ProbeError ``too_short``,
    ``bad_samples`` for a driver's NaN or infinity, and ``muted`` for exact zeros.
    """
    import numpy as np  # here, so that importing this module stays cheap

    samples = recording.samples.astype(np.float64)
    if samples.ndim != 2 or len(samples) < recording.rate_hz // 10:
        raise ProbeError(
            "too_short",
            "Repeat the check; if it happens again, try another USB port.",
            message=f"the microphone delivered {len(samples)} samples",
        )
    if not np.isfinite(samples).all():
        raise ProbeError(
            "bad_samples",
            "Update the sound driver, or use another device.",
            message="the sound driver delivered values that are no numbers",
        )
    if not samples.any():
        raise muted()
    loudest: NDArray[Any] = samples[:, int(np.argmax(np.sum(samples**2, axis=0)))]
    return loudest


def gated_share(x: NDArray[Any], rate_hz: int) -> float:
    """Return the share of time in stretches of 50 ms that are exactly zero: a noise gate, not a quiet room."""
    frame = max(1, rate_hz // 20)
    frames = x[: len(x) // frame * frame].reshape(-1, frame)
    return float((~frames.any(axis=1)).mean()) if len(frames) else 0.0


def muted() -> ProbeError:
    """Return the error for a microphone that delivers exact zeros."""
    return ProbeError(
        "muted",
        "Unmute the microphone (on its cable or boom, and in the sound settings) and allow this program to use it.",
        message="the microphone delivers exact zeros: it is muted, or the system refuses permission without saying so",
    )

"""Playing to one named earpiece while its own microphone is recorded, with proof that it was these two.

The sound that is recorded stays in memory, like every recording.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments import child
from homecheck.instruments.audio import capture, duplex, windows
from homecheck.instruments.audio.endpoint import AudioEndpoint
from homecheck.instruments.audio.recording import (
    PROOFS,
    START_SECONDS,
    Recording,
    mind_it_is_still_there,
    refuse_unproven,
)

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and a probe's module must load without it
    from numpy.typing import NDArray

DEADLINE_FACTOR: Final = 1.2  # a sound device's clock may be slow, a computer under load too


@dataclass(frozen=True)
class Played:
    """What came through the microphone while a sound was played, sample for sample beside it."""

    recording: Recording
    played_to: tuple[str, ...]  # every endpoint that the sound was seen on, in order of appearance
    buffer_seconds: float | None  # the sound library's own share of the round trip, as it reckons it
    stalls: int
    held_up_seconds: float = 0.0  # the longest that this computer let the sound wait: beyond its buffers it tore a hole


def play(
    microphone: AudioEndpoint,
    earpiece: AudioEndpoint,
    sound: NDArray[Any],
    started: Callable[[], None] | None = None,
) -> Played:
    """Play `sound` (frames, at `rate_of(microphone)`, full scale 1) and return what was recorded meanwhile.

    `started` is called when the sound begins. Raises ProbeError as `homecheck.instruments.audio.recording.record`.
    """
    if sys.platform == "win32":
        windows.mind_the_privacy_switch()
    rate = rate_of(microphone)
    seconds = len(sound) / rate
    source = _request(microphone, microphone.input_channels, seconds)
    sink = _request(earpiece, earpiece.output_channels, seconds)
    request = duplex.DuplexRequest(source, sink, rate, sound)
    heard = child.call(
        duplex.play_and_record,
        request,
        deadline_seconds=DEADLINE_FACTOR * seconds + START_SECONDS,
        # libpulse takes the source and the sink that these name; PortAudio itself cannot see PulseAudio's names.
        environment=_names(microphone, earpiece) if microphone.backend == "pulse" else None,
        on_report=None if started is None else lambda _report: started(),
        device=microphone.name,
    )
    proof = PROOFS[microphone.backend]
    recording = Recording(heard.samples, rate, microphone.id, heard.used, heard.device, proof, microphone.name)
    refuse_unproven(recording)
    if set(heard.played_to) != {earpiece.id}:
        raise ProbeError(
            "endpoint_unproven",
            "Repeat the check; if it happens again, restart the computer's sound service.",
            message=f"{earpiece.name}: the sound system does not tell where the sound was played",
        )
    mind_it_is_still_there(microphone)
    mind_it_is_still_there(earpiece)
    return Played(recording, heard.played_to, heard.buffer_seconds, heard.stalls, heard.held_up_seconds)


def rate_of(microphone: AudioEndpoint) -> int:
    """Return the rate in Hz that both directions run at: the microphone's own."""
    return microphone.native_rate or capture.FALLBACK_RATE


def earpiece_of(microphone: AudioEndpoint, found: Iterable[AudioEndpoint]) -> AudioEndpoint:
    """Return the earpiece of the thing that `microphone` belongs to.

    The system's own tie decides (card, container, radio address); where it tells none, USB ids and model; then the
    model's name alone. Raises ProbeError ``no_earpiece``, ``ambiguous_earpiece`` or ``earpiece_muted``.
    """
    outputs = [endpoint for endpoint in found if endpoint.output_channels > 0]
    matches = next((some for some in _ties(microphone, outputs) if some), [])
    if len(matches) != 1:
        raise _not_one(microphone, len(matches))
    if matches[0].muted:
        raise ProbeError(
            "earpiece_muted",
            "Unmute the sound of the headset: on its cable, and in the system's sound settings.",
            message=f"{matches[0].name}: its sound is switched off",
        )
    return matches[0]


def _ties(microphone: AudioEndpoint, outputs: list[AudioEndpoint]) -> list[list[AudioEndpoint]]:
    """Return the outputs that belong to the microphone, by each kind of evidence, the surest first."""
    both = [output for output in outputs if output.id == microphone.id]  # macOS may list one device for both
    unit = [output for output in outputs if microphone.unit and output.unit == microphone.unit]
    if unit:
        return [both, [output for output in unit if output.bus == microphone.bus] or unit]
    untied = [output for output in outputs if not (microphone.unit and output.unit)]  # else it is another thing's
    usb = (microphone.vendor_id, microphone.product_id)
    named = [output for output in untied if output.model == microphone.model and output.bus == microphone.bus]
    same_ids = [output for output in untied if all(usb) and (output.vendor_id, output.product_id) == usb]
    return [both, [output for output in same_ids if output in named] or same_ids, named]


def _not_one(microphone: AudioEndpoint, count: int) -> ProbeError:
    if count == 0:
        return ProbeError(
            "no_earpiece",
            "Use a headset, or choose the headset's own microphone as input in the system's sound settings.",
            message=f"{microphone.name}: this microphone has no earpiece of its own",
        )
    return ProbeError(
        "ambiguous_earpiece",
        "Unplug the device that is not to be tested.",
        message=f"{microphone.name}: {count} earpieces could belong to this microphone",
    )


def _request(endpoint: AudioEndpoint, channels: int, seconds: float) -> capture.Request:
    return capture.Request(endpoint.backend, endpoint.id, endpoint.name, endpoint.native_rate, channels, seconds)


def _names(microphone: AudioEndpoint, earpiece: AudioEndpoint) -> dict[str, str]:
    return {"PULSE_SOURCE": microphone.id, "PULSE_SINK": earpiece.id}

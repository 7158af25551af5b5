"""The headset: what it is and how it is connected, and how loud and how clear its wearer's speech comes out.

What it is can be told at any time. How it sounds needs somebody who is silent for four seconds and then reads two
sentences; without a person these quantities fail with the code ``needs_person``.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.endpoint import shown
from homecheck.instruments.audio.recording import Recording, gated_share, loudest_channel, record
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Person, Quantity

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and listing the probes must not pay for it
    from typing import Any

    from numpy.typing import NDArray

TRANSPORT: Final = Quantity.text("headset.transport", "system's device list and table of USB ids; never the name alone")
CONNECTION: Final = Quantity.text("headset.connection", "system's device list")
MODEL: Final = Quantity.text("headset.model", "the device's own product name")
HEADSET: Final = Quantity.yes_no("headset.headset", "table of USB ids, form factor, occupied jack, product name")
SPEECH_LEVEL: Final = Quantity("headset.speech_level", "dBFS", "active speech level, ITU-T P.56 method B (dBov)")
SNR: Final = Quantity("headset.snr", "dB", "active speech level over the silent stretch of the same recording")
CLIPPING: Final = Quantity("headset.clipping", "%", "samples in runs of 3 or more at the recording's own top")
IDENTITY: Final = (TRANSPORT, CONNECTION, MODEL, HEADSET)
SOUND: Final = (SPEECH_LEVEL, SNR, CLIPPING)

SILENCE_SECONDS: Final = 4.0
SPEECH_SECONDS: Final = 9.0
REACTION_SECONDS: Final = 0.3  # left out before and after the cue: the silence must be silent
SEGMENT_SECONDS: Final = 0.5  # what resampling draws
LEVEL_METHOD_DB: Final = 0.05  # P.56 by interpolation against the standard's own software
P56_MARGIN_DB: Final = 15.9  # below this much speech over noise, P.56 takes noise for speech
NO_SPEECH_DB: Final = 3.0

READY: Final = (
    "Put the headset on with the microphone at the corner of your mouth. Next you will be silent for four seconds "
    "and then read two sentences aloud. Ready?"
)
BE_SILENT: Final = "Please be silent now …"
READ_ALOUD: Final = (
    "Now read aloud, as you speak to a customer: “Good morning, and thank you for calling. I will look into this for "
    "you right away, it only takes a moment. Is there anything else that I can help you with today?”"
)
THANKS: Final = "Thank you, that was all for the headset."

Recorder = Callable[[AudioEndpoint, float, Callable[[], None]], Recording]


@dataclass(frozen=True)
class Headset:
    """Measures the endpoint `wanted` (id, name or model), or the system's default microphone."""

    person: Person | None = None
    wanted: str | None = None
    endpoints: Callable[[], tuple[AudioEndpoint, ...]] = endpoints
    record: Recorder = record

    name: ClassVar[str] = "headset"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (*IDENTITY, *SOUND)
    reveals: ClassVar[str] = (
        "Which headset or microphone you use and how it is connected; how loud and clear you speak, never the sound."
    )

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Headset:
        """Return the probe for one check."""
        return cls(person=setup.person, wanted=setup.headset)

    @property
    def needs(self) -> frozenset[Need]:
        """The microphone and somebody to speak, or nothing: reading the device list disturbs nobody."""
        return frozenset() if self.person is None else frozenset({Need.MICROPHONE, Need.PERSON})

    @property
    def deadline_seconds(self) -> float:
        """With a person, time to put the headset on is included."""
        return 40.0 if self.person is None else 240.0

    def run(self) -> Iterator[Measurement]:
        """Tell what the endpoint is; with a person, record once and measure the speech."""
        endpoint = choose_input(self.endpoints(), self.wanted)
        yield from identity(endpoint)
        try:
            yield from measure(endpoint, self._guided(endpoint))
        except ProbeError as error:  # what the headset is stays known when it cannot be heard
            yield from (Measurement.failed(quantity, error) for quantity in SOUND)

    def _guided(self, endpoint: AudioEndpoint) -> Recording:
        """Record while the person is silent and then reads."""
        person = self.person
        if person is None:
            raise ProbeError(
                "needs_person",
                "Run the check yourself, without --unattended, with the headset on.",
                message="speech can be measured only while somebody speaks",
                at_fault="person",
            )
        person.confirm(READY)
        cue = threading.Timer(SILENCE_SECONDS, person.tell, (READ_ALOUD,))

        def started() -> None:
            person.tell(BE_SILENT)
            cue.start()

        try:
            recording = self.record(endpoint, SILENCE_SECONDS + SPEECH_SECONDS, started)
        finally:
            cue.cancel()  # nobody is to read aloud to a recording that has failed
        person.tell(THANKS)
        return recording


def identity(endpoint: AudioEndpoint) -> Iterator[Measurement]:
    """Yield what the endpoint is. Its id stays here: it may hold a serial number or a radio address."""
    usb = f"{endpoint.vendor_id}:{endpoint.product_id}" if endpoint.bus == "usb" and endpoint.vendor_id else None
    details: Details = {
        "reason": endpoint.reason[:400],
        "usb_id": usb,
        "table_kind": endpoint.kind or None,
        "default": endpoint.default_input,
        "native_rate_hz": endpoint.native_rate,
        "jack": endpoint.jack,
        "read_from": {field: text[:200] for field, text in endpoint.read_from.items()},
    }
    yield Measurement(TRANSPORT, endpoint.transport, details=details)
    yield Measurement(CONNECTION, endpoint.connection)
    yield Measurement(MODEL, shown(endpoint.model))
    if endpoint.headset is None:
        yield Measurement.failed(HEADSET, _unknown_kind(endpoint))
    else:
        yield Measurement(HEADSET, endpoint.headset)


def measure(endpoint: AudioEndpoint, recording: Recording) -> Iterator[Measurement]:
    """Yield level, SNR and clipping of a recording that begins with `SILENCE_SECONDS` of silence."""
    # Here and not at the top: numpy takes 0.2 s, and listing the probes must not pay for it.
    from homecheck.standards.iec_61672_1 import decibels

    x, rate, cue = loudest_channel(recording), recording.rate_hz, SILENCE_SECONDS
    silence = x[: round((cue - REACTION_SECONDS) * rate)]
    speech = x[round((cue + REACTION_SECONDS) * rate) :]
    gated = gated_share(silence, rate)
    if len(speech) < rate:
        raise ProbeError("too_short", "Repeat the check.", message=f"{recording.seconds:.1f} s of sound arrived")
    # A converter's constant offset is neither speech nor noise. The silence tells it: speech has a mean of its own that
    # would come out as noise once it were taken from the silence.
    offset = float(silence.mean())
    silence, speech = silence - offset, speech - offset
    level, level_u, activity = _speech(speech, rate)
    noise, noise_u = _noise(silence, rate)
    details: Details = {
        "endpoint": shown(endpoint.name),
        "rate_hz": rate,
        "seconds": round(recording.seconds, 2),
        "exact_zero_percent": round(100 * float((x == 0).mean()), 3),
        "activity_percent": round(100 * activity, 1),
        "speech_level_dbfs": round(level, 2),
        "noise_dbfs": round(noise, 2),
        "peak_dbfs": round(2 * decibels(float(abs(x).max())), 2),
    }
    if level - noise < NO_SPEECH_DB:
        raise _no_speech(level - noise)
    yield Measurement(SPEECH_LEVEL, level, level_u, details=details)
    yield _snr(level, level_u, noise, noise_u, gated, details)
    share, share_u = _clipping(speech, rate)
    yield Measurement(CLIPPING, share, share_u, details={"endpoint": shown(endpoint.name), "rate_hz": rate})


def _speech(x: NDArray[Any], rate: int) -> tuple[float, float, float]:
    """Return active level in dBov, its uncertainty, and the activity."""
    from homecheck.instruments.audio.analysis.resampling import half_width
    from homecheck.standards.itu_p56 import tally

    sums = tally(x, rate, round(SEGMENT_SECONDS * rate))
    level = sums.level()
    uncertainty = half_width(lambda rows: sums.level(rows).active_db, len(sums.samples), LEVEL_METHOD_DB)
    return level.active_db, uncertainty, level.activity


def _noise(x: NDArray[Any], rate: int) -> tuple[float, float]:
    """Return the level of the silent stretch in dBov and its uncertainty."""
    from homecheck.instruments.audio.analysis.resampling import half_width
    from homecheck.standards.iec_61672_1 import decibels

    size = round(SEGMENT_SECONDS / 2 * rate)
    blocks = (x[: len(x) // size * size] ** 2).reshape(-1, size).mean(axis=1)
    return decibels(float(blocks.mean())), half_width(lambda rows: decibels(float(blocks[rows].mean())), len(blocks))


def _snr(level: float, level_u: float, noise: float, noise_u: float, gated: float, details: Details) -> Measurement:
    if gated > 0.05:
        return Measurement.failed(
            SNR,
            ProbeError(
                "gated",
                "Turn off noise suppression for this microphone, or measure with another one.",
                message=f"exact zeros for {100 * gated:.0f} % of the silence: a noise gate hides the room",
            ),
        )
    snr, uncertainty = level - noise, math.hypot(level_u, noise_u)
    if snr < P56_MARGIN_DB:
        # Noise then counts as speech and fills the pauses: the active level is low by the unknown share of pauses.
        uncertainty = math.hypot(uncertainty, 3.0)
    return Measurement(SNR, snr, uncertainty, details=details)


def _clipping(x: NDArray[Any], rate: int) -> tuple[float, float]:
    """Return the share of clipped samples in percent and its uncertainty."""
    import numpy as np

    from homecheck.instruments.audio.analysis.clipping import clipped
    from homecheck.instruments.audio.analysis.resampling import half_width

    size = round(SEGMENT_SECONDS * rate)
    marks = clipped(x)
    segments = marks[: len(x) // size * size].reshape(-1, size).mean(axis=1)
    return 100 * float(np.mean(marks)), 100 * half_width(lambda rows: float(segments[rows].mean()), len(segments))


def _unknown_kind(endpoint: AudioEndpoint) -> ProbeError:
    return ProbeError(
        "unverified",
        "Ask IT to add this device to its list, or use a headset that is on it.",
        message=f"{shown(endpoint.model)}: nothing proves that this is a headset",
    )


def _louder(difference: float) -> str:
    return f"only {difference:.1f} dB louder" if difference > 0.05 else "no louder"


def _no_speech(difference: float) -> ProbeError:
    return ProbeError(
        "no_speech",
        "Repeat the check: be silent first, then read aloud when asked, with the microphone at your mouth.",
        message=f"the reading was {_louder(difference)} than the silence before it",
        at_fault="person",
    )

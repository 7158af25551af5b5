"""The room: how loud, how unsteady, and of what kind its noise is, as the headset's microphone hears it.

A computer's microphone has no known sensitivity, so nothing here is a sound pressure level: `room.noise` is relative to
full scale, the other numbers are relative to the room's own background. Exact zeros and a floor below -95 dBFS are a
muted or gated microphone, never a quiet room. Levels, counts and shares are kept; the sound never is.

A long listen that breaks off keeps what was heard until then, and says so in its details.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.endpoint import shown
from homecheck.instruments.audio.recording import Recording, gated_share, loudest, muted, record
from homecheck.measurement import Bound, CheckSetup, Details, Measurement, Need, Person, Quantity

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and listing the probes must not pay for it
    from typing import Any

    from numpy.typing import NDArray

    from homecheck.instruments.audio.analysis.room import RoomSound
    from homecheck.instruments.audio.analysis.speech_over_room import SpeechOverRoom

NOISE: Final = Quantity("room.noise", "dBFS(A)", "LAeq, IEC 61672-1 A-weighting, 0 dB is a full-scale square wave")
SNR: Final = Quantity("room.snr", "dB", "own active speech level (ITU-T P.56) over the room's, in one recording")
VARIATION: Final = Quantity("room.variation", "dB", "LA10 - LA90 of the Fast level, IEC 61672-1")
VOICES: Final = Quantity(
    "room.voices", "%", "share of time with voices: pitch, pace and spectrum, weighed by a network"
)
EVENTS: Final = Quantity("room.events", "1/min", "rises of the Fast level 10 dB above LA90, half a second apart")
HUM: Final = Quantity("room.hum", "dB", "three strongest multiples of 50 or 60 Hz over their neighbourhood")
KIND: Final = Quantity.text("room.kind", "share of voices, events and modulation at 2 to 10 Hz, hum score, LAeq")
QUANTITIES: Final = (NOISE, SNR, VARIATION, VOICES, EVENTS, HUM, KIND)

MIN_SECONDS: Final = 5.0
PIECE_SECONDS: Final = 60.0  # a longer listen is made of pieces: no more sound than that is ever in memory
FLOOR_DBFS: Final = -95.0  # no microphone with an open channel is as quiet as that
GATED_SHARE: Final = 0.05
SPEECH_SECONDS: Final = 7.0
REACTION_SECONDS: Final = 0.3  # left out before and after the cue: the silence must be silent
NO_SPEECH_DB: Final = 3.0
SOMETHING_DB: Final = 1.0  # P.56 reads the same noise twice within 0.2 dB: from here on something came on top
MUTED_SHARE: Final = 0.95  # of the sentence without any change; the switch itself may come a moment late
CLIPPED_SHARE: Final = 0.001  # from here on the room is louder than the number says
NEWS: Final = 6  # how often a long listen says how far it is

BE_SILENT: Final = "Please stay silent for {time}: the microphone listens to the room."
BE_SILENT_LONG: Final = (
    "The microphone now listens to the room for {time}. Please do not speak, and leave the headset plugged in; you may "
    "read or do other quiet things. Only numbers are kept, no sound."
)
SO_FAR: Final = "{done} of {time} are done. Please do not speak yet."
BROKE_OFF: Final = (
    "The listening broke off after {done} of {time}: {message}. What was heard until then counts. To hear all of it, "
    "check again. {advice}"
)
SPEAK: Final = (
    "Now please say, as you speak to a customer: “Thank you for calling. I am glad to help you, and it only takes a "
    "moment.”"
)
THANKS: Final = "Thank you, that was all for the room."

Recorder = Callable[..., Recording]  # endpoint, seconds, and with a person what is to be called when sound arrives


@dataclass(frozen=True)
class QuietRoom:
    """Listens for `listen_seconds` to the endpoint `wanted`, or to the system's default microphone.

    With a person, that person speaks one sentence at the end. `full_scale_spl` is the sound pressure level in dB of a
    sound of 0 dBFS, as the person states it; without it nothing is said about sound pressure.
    """

    listen_seconds: float = 10.0
    wanted: str | None = None
    person: Person | None = None
    endpoints: Callable[[], tuple[AudioEndpoint, ...]] = endpoints
    record: Recorder = record
    full_scale_spl: float | None = None

    name: ClassVar[str] = "quiet_room"
    version: ClassVar[str] = "3"
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    reveals: ClassVar[str] = (
        "How loud and how unsteady your room is and for how much of the time somebody spoke, as numbers; never what "
        "was said or any sound."
    )

    @classmethod
    def for_check(cls, setup: CheckSetup) -> QuietRoom:
        """Return the probe for one check."""
        return cls(setup.listen_seconds, setup.headset, setup.person, full_scale_spl=setup.full_scale_spl)

    @property
    def needs(self) -> frozenset[Need]:
        """The microphone, and with a person somebody to speak."""
        return frozenset({Need.MICROPHONE}) if self.person is None else frozenset({Need.MICROPHONE, Need.PERSON})

    @property
    def deadline_seconds(self) -> float:
        """The listening, and time to open a slow device and to calculate, for each piece."""
        speech = 0.0 if self.person is None else SPEECH_SECONDS
        return self.listen_seconds + speech + 40.0 + 15.0 * (self._pieces - 1)

    def run(self) -> Iterator[Measurement]:
        """Listen and measure."""
        endpoint = choose_input(self.endpoints(), self.wanted)
        self._tell(BE_SILENT if self._pieces == 1 else BE_SILENT_LONG, time=in_words(self.listen_seconds))
        heard = self._listen(endpoint)
        yield from measure(endpoint, heard, self.full_scale_spl)

    @property
    def _pieces(self) -> int:
        return max(1, math.ceil(self.listen_seconds / PIECE_SECONDS))

    def _listen(self, endpoint: AudioEndpoint) -> Heard:
        """Return what is kept of the room's sound, and of the speech at its end.

        What breaks off a long listen costs the piece that it happens in, and none of those before.
        """
        # Here and not at the top: numpy takes 0.2 s, and listing the probes must not pay for it.
        from homecheck.instruments.audio.analysis.room import RoomSound

        kept: list[Heard] = []
        for piece in range(1, self._pieces + 1):
            try:
                kept.append(self._hear(endpoint, with_speech=piece == self._pieces))
            except ProbeError as error:
                if not kept:
                    raise
                return self._broken_off(error, RoomSound.joined([heard.sound for heard in kept]), kept[0].rate_hz)
            self._tell_progress(piece)
        return replace(kept[-1], sound=RoomSound.joined([heard.sound for heard in kept]))

    def _hear(self, endpoint: AudioEndpoint, with_speech: bool) -> Heard:
        """Return what is kept of one piece; its sound is gone when this returns."""
        from homecheck.instruments.audio.analysis.room import RoomSound

        seconds = self.listen_seconds / self._pieces
        recording = self._record(endpoint, seconds, with_speech)
        x, rate = loudest(recording), recording.rate_hz
        room, spoken = x[: round(seconds * rate)], x[round(seconds * rate) :]
        refuse_too_short(len(room) / rate)
        refuse_gated(room, rate)
        refuse_overloaded(room)
        speech: SpeechOverRoom | ProbeError = needs_person()
        if with_speech and self.person is not None:
            speech = own_speech(room, spoken, rate, recording.name)
        sound = RoomSound.of(room, rate)
        return Heard(rate, sound if self._pieces == 1 else sound.thinned(), speech)

    def _broken_off(self, error: ProbeError, sound: RoomSound, rate_hz: int) -> Heard:
        """Return what was heard before; nobody was asked to speak."""
        done, time = in_words(sound.seconds), in_words(self.listen_seconds)
        self._tell(BROKE_OFF, done=done, time=time, message=error.message, advice=error.advice)
        speech = needs_person() if self.person is None else error
        return Heard(rate_hz, sound, speech, BrokenOff(error.code, self.listen_seconds))

    def _tell_progress(self, pieces: int) -> None:
        """Tell the person how far a long listen is, some times in all and not at its end."""
        if pieces < self._pieces and pieces % math.ceil(self._pieces / NEWS) == 0:
            done = pieces * self.listen_seconds / self._pieces
            self._tell(SO_FAR, done=in_words(done), time=in_words(self.listen_seconds))

    def _tell(self, text: str, **parts: str) -> None:
        if self.person is not None:
            self.person.tell(text.format(**parts))

    def _record(self, endpoint: AudioEndpoint, seconds: float, with_speech: bool) -> Recording:
        """Return one piece; with a person, the last one goes on while that person speaks."""
        person = self.person
        if person is None or not with_speech:
            return self.record(endpoint, seconds)
        cue = threading.Timer(seconds, person.tell, (SPEAK,))
        try:
            recording = self.record(endpoint, seconds + SPEECH_SECONDS, cue.start)
        finally:
            cue.cancel()  # nobody is to speak to a recording that has failed
        person.tell(THANKS)
        return recording


@dataclass(frozen=True)
class Heard:
    """What is kept of the recordings: their rate, the room's numbers, and the speech over it or why there is none."""

    rate_hz: int
    sound: RoomSound
    speech: SpeechOverRoom | ProbeError
    broken_off: BrokenOff | None = None


@dataclass(frozen=True)
class BrokenOff:
    """Why a long listen ended early, as the code of an error, and how long it was to last."""

    code: str
    wanted_seconds: float


def measure(endpoint: AudioEndpoint, heard: Heard, full_scale_spl: float | None = None) -> Iterator[Measurement]:
    """Yield the room's quantities. Raises ProbeError for a background that no open microphone delivers."""
    from homecheck.instruments.audio.analysis.room import kind

    sound = heard.sound
    la90 = sound.exceeded_db(90)
    if la90 < FLOOR_DBFS:
        raise _floor_too_low(la90)
    details = _details(endpoint, heard)
    heard_by: Details = {"endpoint": details["endpoint"]}  # levels are compared from run to run by it
    hum, hum_uncertainty, mains = sound.hum()
    louder: Bound | None = "at_least" if sound.clipped_share >= CLIPPED_SHARE else None
    yield Measurement(NOISE, *sound.noise(), details={**details, **_octaves(sound, full_scale_spl)}, bound=louder)
    yield _snr(heard.speech, details)
    yield Measurement(VARIATION, *sound.variation(), details=details)
    yield Measurement(VOICES, *sound.voices(), details={**heard_by, **_how_long(heard, sound.voices_seconds, digits=1)})
    yield _events(sound.events(), sound.weighted_seconds, {**heard_by, **_how_long(heard, sound.weighted_seconds)})
    yield Measurement(HUM, hum, hum_uncertainty, details={**heard_by, "mains_hz": mains})
    yield Measurement(KIND, kind(sound), details={**details, "voices_percent": round(100 * sound.voices_share, 1)})


def own_speech(
    room: NDArray[Any], speech: NDArray[Any], rate_hz: int, name: str = "the microphone"
) -> SpeechOverRoom | ProbeError:
    """Return the speech over the room of one recording, or why it cannot be told; the reaction time is left out."""
    from homecheck.instruments.audio.analysis.speech_over_room import speech_over_room

    reaction = round(REACTION_SECONDS * rate_hz)
    if len(speech) < reaction + rate_hz:
        return ProbeError("too_short", "Repeat the check.", message="the recording ended before you could speak")
    if gated_share(speech[reaction:], rate_hz) > MUTED_SHARE:
        return muted(f"{name}, while you were to speak")
    found = speech_over_room(room[:-reaction].astype("float64"), speech[reaction:].astype("float64"), rate_hz)
    return found if found.snr_db >= NO_SPEECH_DB else _no_speech(found.snr_db)


def needs_person() -> ProbeError:
    """Return the error for a check without anybody to speak."""
    return ProbeError(
        "needs_person",
        "Run the check yourself, without --unattended, with the headset on.",
        message="speech can be measured only while somebody speaks",
        at_fault="person",
    )


def refuse_too_short(seconds: float) -> None:
    """Raise ProbeError for less sound than percentiles need."""
    if seconds < MIN_SECONDS:
        raise ProbeError(
            "too_short",
            f"Listen for at least {MIN_SECONDS:.0f} seconds.",
            message=f"{seconds:.1f} s of sound are too few for percentiles",
            at_fault="agent",
        )


def refuse_gated(x: NDArray[Any], rate_hz: int) -> None:
    """Raise ProbeError when the microphone is switched off for part of the time."""
    share = gated_share(x, rate_hz)
    if share > GATED_SHARE:
        raise ProbeError(
            "gated",
            "Turn off noise suppression for this microphone, or measure with another one.",
            message=f"no sound at all for {100 * share:.0f} % of the time: a noise gate hides the room",
        )


def refuse_overloaded(x: NDArray[Any]) -> None:
    """Raise ProbeError when the microphone is driven beyond its top: the room is then louder by an unknown amount."""
    from homecheck.instruments.audio.analysis.clipping import overloaded

    if share := overloaded(x):
        raise ProbeError(
            "overloaded",
            "Turn the microphone's level (also called gain or boost) down in the sound settings, and repeat the check.",
            message=f"the microphone is overloaded: {100 * share:.0f} % of the room's sound is cut off at its top",
        )


def _details(endpoint: AudioEndpoint, heard: Heard) -> Details:
    sound = heard.sound
    return {
        "endpoint": shown(endpoint.name),
        "transport": endpoint.transport,
        "rate_hz": heard.rate_hz,
        **_how_long(heard, sound.seconds),
        "exact_zero_percent": round(100 * sound.zero_share, 3),
        "la10": round(sound.exceeded_db(10), 2),
        "la50": round(sound.exceeded_db(50), 2),
        "la90": round(sound.exceeded_db(90), 2),
        "lafmax": round(sound.fast_max, 2),
        **({"clipped_percent": round(100 * sound.clipped_share, 3)} if sound.clipped_share else {}),
        "lasmax": round(sound.slow_max, 2),
        "modulation_db2": round(sound.modulation_db2, 2),
    }


def _how_long(heard: Heard, seconds: float, digits: int = 2) -> Details:
    """Return how long was listened, and what broke it off."""
    details: Details = {"seconds": round(seconds, digits)}
    if heard.broken_off is None:
        return details
    return {**details, "wanted_seconds": heard.broken_off.wanted_seconds, "broken_off": heard.broken_off.code}


def _octaves(sound: RoomSound, full_scale_spl: float | None) -> Details:
    """Return the octave levels, and with a stated calibration what follows from it, named as an estimate."""
    from homecheck.standards.iso_r_1996 import noise_rating

    octaves = sound.octaves_db()
    details: Details = {"octaves_dbfs": {f"{band:g}": round(level, 1) for band, level in octaves.items()}}
    if full_scale_spl is None:
        return details
    return {
        **details,
        "full_scale_spl_stated": full_scale_spl,
        "laeq_estimate": round(sound.level_db + full_scale_spl, 1),
        "nr_estimate": noise_rating({band: level + full_scale_spl for band, level in octaves.items()}),
    }


def _snr(speech: SpeechOverRoom | ProbeError, details: Details) -> Measurement:
    if isinstance(speech, ProbeError):
        return Measurement.failed(SNR, speech)
    own: Details = {
        "endpoint": details["endpoint"],
        "rate_hz": details["rate_hz"],
        "speech_level_dbfs": round(speech.speech_db, 2),
        "room_dbfs": round(speech.room_db, 2),
        "activity_percent": round(100 * speech.activity, 1),
    }
    return Measurement(SNR, speech.snr_db, speech.uncertainty_db, details=own)


def _no_speech(difference: float) -> ProbeError:
    louder = f"only {difference:.1f} dB louder" if difference > 0.05 else "no louder"
    message = f"what was heard after the cue was {louder} than the room before it"
    if difference >= SOMETHING_DB:
        return ProbeError(
            "too_noisy",
            "Repeat the check in a quieter place or moment: be silent first, then speak when you are asked to.",
            message=f"{message}: the room is about as loud as your voice",
            at_fault="room",
        )
    return ProbeError(
        "no_speech",
        "Repeat the check: be silent first, then speak when you are asked to, with the microphone at your mouth.",
        message=message,
        at_fault="person",
    )


def _events(count: int, seconds: float, heard_by: Details) -> Measurement:
    from homecheck.instruments.audio.analysis.resampling import poisson_half_width

    per_minute = 60 / seconds
    details: Details = {"count": count, **heard_by}
    return Measurement(EVENTS, count * per_minute, poisson_half_width(count) * per_minute, details=details)


def in_words(seconds: float) -> str:
    """Return a time as people say it: 150 seconds, 30 minutes, 2.5 minutes."""
    return f"{seconds:.0f} seconds" if seconds < 180 else f"{round(seconds / 60, 1):g} minutes"


def _floor_too_low(la90: float) -> ProbeError:
    return ProbeError(
        "muted",
        "Unmute the microphone, turn its level up in the sound settings, and turn off noise suppression.",
        message=f"a background of {la90:.0f} dBFS(A) is below what an open microphone can deliver: muted or gated",
    )

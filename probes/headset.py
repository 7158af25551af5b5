"""The headset: what it is and how it is connected, and how loud and how clear its wearer's speech comes out.

What it is can be told at any time. How it sounds needs somebody who is silent for four seconds and reads two sentences,
says how many beeps came from the earpiece, and listens to half a minute of tones; without a person these quantities
fail with the code ``needs_person``. Silence alone may already show that the sound is processed.

Whatever is recorded stays in memory: it is played back to the person once, and dropped.
"""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments import standstill
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.duplex import BUFFER_SECONDS
from homecheck.instruments.audio.endpoint import shown
from homecheck.instruments.audio.knowledge import Knowledge, read_local
from homecheck.instruments.audio.playing import Played, earpiece_of, play, rate_of
from homecheck.instruments.audio.recording import Recording, gated_share, loudest_channel, muted, record
from homecheck.measurement import Bound, CheckSetup, Details, Json, Measurement, Need, Person, Quantity
from homecheck.numbers import counted

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and listing the probes must not pay for it
    from typing import Any

    from numpy.typing import NDArray

    from homecheck.instruments.audio.analysis.pilots import Dropouts
    from homecheck.instruments.audio.analysis.processing import Signs
    from homecheck.instruments.audio.analysis.sweep import Leak

TRANSPORT: Final = Quantity.text("headset.transport", "system's device list and lists of USB ids; never the name alone")
CONNECTION: Final = Quantity.text("headset.connection", "system's device list")
MODEL: Final = Quantity.text("headset.model", "the device's own product name")
HEADSET: Final = Quantity.yes_no(
    "headset.headset", "lists of USB ids, USB descriptors, occupied jack, form factor, name"
)
SPEECH_LEVEL: Final = Quantity("headset.speech_level", "dBFS", "active speech level, ITU-T P.56 method B (dBov)")
SNR: Final = Quantity("headset.snr", "dB", "active speech level over the silent stretch of the same recording")
CLIPPING: Final = Quantity("headset.clipping", "%", "samples in runs of 3 or more at the recording's own top")
IDENTIFIED_BY: Final = Quantity.text(
    "headset.identified_by", "system, policy, shipped, local or nothing: whose list or word told the transport"
)
IDENTITY: Final = (TRANSPORT, CONNECTION, MODEL, HEADSET, IDENTIFIED_BY)
DROPOUTS: Final = Quantity(
    "headset.dropouts", "1/min", "gaps and jumps in tones of 1000 and 1373 Hz, played and recorded"
)
LEAK: Final = Quantity("headset.leak", "dB", "exponential sweep, earpiece to microphone: recorded over played energy")
ROUNDTRIP: Final = Quantity(
    "headset.roundtrip", "ms", "exponential sweep, from program to program, with 0.2 s of buffers of its own"
)
PROCESSED: Final = Quantity.yes_no("headset.processed", "signs of a noise gate, noise suppression or automatic gain")
SPOKEN: Final = (SPEECH_LEVEL, SNR, CLIPPING)
PLAYED: Final = (DROPOUTS, LEAK, ROUNDTRIP)
SOUND: Final = (*SPOKEN, *PLAYED, PROCESSED)

SILENCE_SECONDS: Final = 4.0
SPEECH_SECONDS: Final = 9.0
REACTION_SECONDS: Final = 0.3  # left out before and after the cue: the silence must be silent
SEGMENT_SECONDS: Final = 0.5  # what resampling draws
LEVEL_METHOD_DB: Final = 0.05  # P.56 by interpolation against the standard's own software
P56_MARGIN_DB: Final = 15.9  # below this much speech over noise, P.56 takes noise for speech
NO_SPEECH_DB: Final = 3.0
SOMETHING_DB: Final = 1.0  # P.56 reads the same noise twice within 0.2 dB: from here on something came on top
MOST_BEEPS: Final = 3
LEAST_CLIPPING: Final = 0.05  # %, where samples crowd at the top: less than that was not counted but missed
BEEP_TRIES: Final = 2  # a beep may be missed once; more tries would only help to guess
TONE_TRIES: Final = 2
HELD_UP_SECONDS: Final = 0.5  # of this computer, beyond which holes and delays are not the headset's: more than twice
# the buffers of 0.2 s. On two cores with twelve busy programs 0.3 s were seen, and no hole.
STREAM_MS: Final = 15.0  # by how much the round trip of one stream may differ from that of the next (docs)
MUTED_SHARE: Final = 0.95  # of the reading without any change; the switch itself may come a moment late
FADE_DB: Final = 3.0  # steady tones that fade by as much are being taken for noise

READY: Final = (
    "This takes about two minutes, and nothing that you say is saved or sent. Put the headset on with the microphone "
    "at the corner of your mouth. First you will be silent for four seconds and then read a few sentences aloud. Ready?"
)
BE_SILENT: Final = "Please be silent now …"
READ_ALOUD: Final = (
    "Now read aloud, as you speak to a customer: “Good morning, and thank you for calling. I will look into this for "
    "you right away, it only takes a moment. Is there anything else that I can help you with today?”"
)
LISTEN: Final = (
    "Thank you. Next you will listen. Set the volume as for a call. You will hear one, two or three short beeps, and "
    "then your own voice. Your voice is kept only until it has been played, and is never saved or sent. Ready?"
)
HOW_MANY: Final = "How many beeps did you hear? Type the number, or 0 if you heard none"
ONCE_MORE: Final = "Listen once more, please: turn the volume up a little if the beeps were faint. Ready?"
OTHER_BEEPS: Final = (
    "Those were not the beeps that the headset played, so the rest of this part is left out. Put the headset on, turn "
    "its volume up, choose it for sound output in the system's settings, and run the check again."
)
YOUR_VOICE: Final = "Now you hear yourself …"
CLEAR: Final = "Did you hear your own voice, clearly and without gaps?"
TONES: Final = (
    "Last part: the headset plays a rising tone and then a steady one, 25 seconds in all, about as loud as the beeps. "
    "Keep the headset on, be silent, and sit still. There is nothing to do but wait. Ready?"
)
HOLD: Final = (
    "The microphone hardly heard the headset's sound, which is good for your customers. To look for gaps in the sound, "
    "please take the headset off and hold one earpiece right against the microphone. The same tones play once more, "
    "for 25 seconds. Ready?"
)
WAIT: Final = "Playing, please be silent …"
THANKS: Final = "Thank you, that was all for the headset."

Recorder = Callable[[AudioEndpoint, float, Callable[[], None]], Recording]
Player = Callable[[AudioEndpoint, AudioEndpoint, "NDArray[Any]"], Played]


@dataclass(frozen=True)
class Headset:
    """Measures the endpoint `wanted` (id, name or model), or the system's default microphone."""

    person: Person | None = None
    wanted: str | None = None
    endpoints: Callable[[], tuple[AudioEndpoint, ...]] = endpoints
    record: Recorder = record
    play: Player = play
    draw: Callable[[int], int] = secrets.randbelow  # a number below its argument
    tone_seconds: float = 20.0  # of the tones that show drop-outs

    name: ClassVar[str] = "headset"
    version: ClassVar[str] = "2"
    quantities: ClassVar[tuple[Quantity, ...]] = (*IDENTITY, *SOUND)
    reveals: ClassVar[str] = (
        "Which headset or microphone you use and how it is connected; how loud and clear you speak, what of the sound "
        "in your ear comes back, and whether you heard it; never the sound."
    )

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Headset:
        """Return the probe for one check. The devices that IT lists on this computer are read when it runs."""

        def listed() -> tuple[AudioEndpoint, ...]:
            return endpoints(Knowledge(policy=setup.devices, local=read_local(setup.state)))

        return cls(person=setup.person, wanted=setup.headset, endpoints=listed)

    @property
    def needs(self) -> frozenset[Need]:
        """The microphone; with a person also the person and their ear."""
        alone = frozenset({Need.MICROPHONE})
        return alone if self.person is None else alone | {Need.SPEAKER, Need.PERSON}

    @property
    def deadline_seconds(self) -> float:
        """With a person, time to put the headset on, to read and to answer is included."""
        return 50.0 if self.person is None else 480.0

    def run(self) -> Iterator[Measurement]:
        """Tell what the endpoint is; with a person, record the speech, then play and listen."""
        endpoint = choose_input(self.endpoints(), self.wanted)
        yield from identity(endpoint)
        if self.person is None:
            yield from self._alone(endpoint)
            return
        try:
            recording = self._guided(endpoint, self.person)
            x = loudest_channel(recording)
            refuse_short(recording)
            _refuse_overloaded(x[: round(SILENCE_SECONDS * recording.rate_hz)])
            _refuse_muted(recording, x[round((SILENCE_SECONDS + REACTION_SECONDS) * recording.rate_hz) :])
        except ProbeError as error:  # what the headset is stays known when it cannot be heard
            yield from (Measurement.failed(quantity, error) for quantity in SOUND)
            return
        # Everything runs at one rate; where the system names none, that of the recording is known by now.
        endpoint = endpoint if endpoint.native_rate else replace(endpoint, native_rate=recording.rate_hz)
        unspoken: ProbeError | None = None
        try:
            yield from tuple(measure(endpoint, recording))
        except ProbeError as error:
            unspoken = error
            yield from (Measurement.failed(quantity, error) for quantity in SPOKEN)
        tones: list[Dropouts] = []
        yield from _or_failed(PLAYED, self._listened(endpoint, self.person, x, tones))
        yield from _or_failed((PROCESSED,), processed(endpoint, recording, tones, unspoken))
        self.person.tell(THANKS)

    def _alone(self, endpoint: AudioEndpoint) -> Iterator[Measurement]:
        """Without a person: a silence may show processing; for all else somebody must speak and listen."""
        yield from (Measurement.failed(quantity, _needs_person()) for quantity in (*SPOKEN, *PLAYED))
        try:
            recording = self.record(endpoint, SILENCE_SECONDS, lambda: None)
            yield _processed_in_silence(endpoint, recording)
        except ProbeError as error:
            yield Measurement.failed(PROCESSED, error)

    def _guided(self, endpoint: AudioEndpoint, person: Person) -> Recording:
        """Record while the person is silent and then reads."""
        person.confirm(READY)
        cue = threading.Timer(SILENCE_SECONDS, person.tell, (READ_ALOUD,))

        def started() -> None:
            person.tell(BE_SILENT)
            cue.start()

        try:
            return self.record(endpoint, SILENCE_SECONDS + SPEECH_SECONDS, started)
        finally:
            cue.cancel()  # nobody is to read aloud to a recording that has failed

    def _listened(
        self, microphone: AudioEndpoint, person: Person, x: NDArray[Any], tones: list[Dropouts]
    ) -> Iterator[Measurement]:
        """Play beeps, the person's own voice, sweep and tones; yield what came back and leave the tones in `tones`."""
        from homecheck.instruments.audio.analysis import listening  # here: it needs numpy, which is slow to import

        # 1. Is the earpiece that plays the one that is worn?
        earpiece = earpiece_of(microphone, self.endpoints())
        rate = rate_of(microphone)
        details: dict[str, Json] = {"microphone": shown(microphone.name), "earpiece": shown(earpiece.name)}
        details |= self._beeps(microphone, earpiece, person)
        # 2. People hear themselves as others hear them.
        person.tell(YOUR_VOICE)
        self.play(microphone, earpiece, listening.own_voice(x[round(SILENCE_SECONDS * rate) :], rate))
        details["own_voice_clear"] = person.ask(CLEAR)
        # 3. What comes back, while the headset is worn.
        worn = self._tones(microphone, earpiece, person, TONES)
        leaked, answer = _came_back(worn)
        held: Played | None = None
        if leaked.delay_seconds is None or isinstance(answer, ProbeError):
            # 4. A good headset keeps its sound to itself: held together, it cannot.
            held = self._tones(microphone, earpiece, person, HOLD)
            closer, answer = _came_back(held)
        else:
            closer = leaked
        if not isinstance(answer, ProbeError):
            tones.append(answer)
        about = details | {"rate_hz": worn.recording.rate_hz}
        yield _dropouts(answer, about | {"held_together": held is not None, "stalls": (held or worn).stalls})
        yield _leak(leaked, about)
        yield _roundtrip(closer, about | {"held_together": held is not None}, held or worn)

    def _beeps(self, microphone: AudioEndpoint, earpiece: AudioEndpoint, person: Person) -> dict[str, Json]:
        """Return how many beeps were played and heard. Raises ProbeError unless the person heard them."""
        from homecheck.instruments.audio.analysis import listening

        played = heard = 0
        for attempt in range(BEEP_TRIES):
            person.confirm(LISTEN if attempt == 0 else ONCE_MORE)
            played = 1 + self.draw(MOST_BEEPS)
            self.play(microphone, earpiece, listening.beeps(played, rate_of(microphone)))
            heard = person.count(HOW_MANY, 9)
            if heard == played:
                return {"beeps": played, "beeps_heard": heard, "beep_tries": attempt + 1}
        person.tell(OTHER_BEEPS)
        raise _not_heard(earpiece, played, heard)

    def _tones(self, microphone: AudioEndpoint, earpiece: AudioEndpoint, person: Person, ready: str) -> Played:
        from homecheck.instruments.audio.analysis.listening import sweep_and_tones

        person.confirm(ready)
        longest = 0.0
        for _ in range(TONE_TRIES):
            person.tell(WAIT)
            played = self.play(microphone, earpiece, sweep_and_tones(rate_of(microphone), self.tone_seconds))
            longest = played.held_up_seconds
            if longest <= HELD_UP_SECONDS:
                return played
        raise standstill.interrupted(f"stood still for {longest:.1f} s")


def _or_failed(quantities: tuple[Quantity, ...], measured: Iterator[Measurement]) -> Iterator[Measurement]:
    """Yield what is measured; what an error left out fails with it."""
    left = {quantity.name: quantity for quantity in quantities}
    try:
        for measurement in measured:
            del left[measurement.quantity.name]
            yield measurement
    except ProbeError as error:
        yield from (Measurement.failed(quantity, error) for quantity in left.values())


def identity(endpoint: AudioEndpoint) -> Iterator[Measurement]:
    """Yield what the endpoint is. Its id stays here: it may hold a serial number or a radio address."""
    usb = f"{endpoint.vendor_id}:{endpoint.product_id}" if endpoint.bus == "usb" and endpoint.vendor_id else None
    details: Details = {
        "reason": endpoint.reason[:400],
        "usb_id": usb,
        "table_kind": endpoint.kind or None,
        "table_source": endpoint.identified_by if endpoint.identified_by in ("policy", "shipped", "local") else None,
        "default": endpoint.default_input,
        "native_rate_hz": endpoint.native_rate,
        "jack": endpoint.jack,
        "read_from": {field: text[:200] for field, text in endpoint.read_from.items()},
    }
    yield Measurement(TRANSPORT, endpoint.transport, details=details)
    yield Measurement(CONNECTION, endpoint.connection)
    yield Measurement(MODEL, shown(endpoint.model))
    if endpoint.headset is None:
        yield Measurement.failed(HEADSET, _unknown_kind(endpoint), {"reason": shown(endpoint.headset_reason)})
    else:
        yield Measurement(HEADSET, endpoint.headset, details={"reason": shown(endpoint.headset_reason)})
    yield Measurement(IDENTIFIED_BY, endpoint.identified_by)


def refuse_short(recording: Recording) -> None:
    """Raise ProbeError for a guided recording that breaks off before two seconds of speech have come."""
    if recording.seconds < SILENCE_SECONDS + REACTION_SECONDS + 2:
        raise ProbeError("too_short", "Repeat the check.", message=f"{recording.seconds:.1f} s of sound arrived")


def measure(endpoint: AudioEndpoint, recording: Recording) -> Iterator[Measurement]:
    """Yield level, SNR and clipping of a recording that begins with `SILENCE_SECONDS` of silence."""
    # Here and not at the top: numpy takes 0.2 s, and listing the probes must not pay for it.
    from homecheck.standards.iec_61672_1 import decibels

    x, rate, cue = loudest_channel(recording), recording.rate_hz, SILENCE_SECONDS
    silence = x[: round((cue - REACTION_SECONDS) * rate)]
    speech = x[round((cue + REACTION_SECONDS) * rate) :]
    gated = gated_share(silence, rate)
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
        "source_proof": recording.proof or None,
        "exact_zero_percent": round(100 * float((x == 0).mean()), 3),
        "activity_percent": round(100 * activity, 1),
        "speech_level_dbfs": round(level, 2),
        "noise_dbfs": round(noise, 2),
        "peak_dbfs": round(2 * decibels(float(abs(x).max())), 2),
        "offset_percent": round(100 * offset, 4),
        **_hum(x[: round(cue * rate)] - offset, rate),
    }
    if level - noise < NO_SPEECH_DB:
        raise _no_speech(level - noise)
    yield Measurement(SPEECH_LEVEL, level, level_u, details=details)
    yield _snr(level, level_u, noise, noise_u, gated, details)
    yield _clipping(endpoint, speech, rate)


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
                message=f"no sound at all for {100 * gated:.0f} % of the silence: a noise gate hides the room",
            ),
        )
    snr, uncertainty = level - noise, math.hypot(level_u, noise_u)
    if snr < P56_MARGIN_DB:
        # Noise then counts as speech and fills the pauses: the active level is low by the unknown share of pauses.
        uncertainty = math.hypot(uncertainty, 3.0)
    return Measurement(SNR, snr, uncertainty, details=details)


def _hum(silence: NDArray[Any], rate: int) -> dict[str, Json]:
    """Return the mains hum of the silent stretch: its score and frequency (see `analysis.hum`)."""
    from homecheck.instruments.audio.analysis.hum import hum_spectra

    score, mains = hum_spectra(silence, rate).score_db()
    return {"hum_db": round(score, 2), "hum_mains_hz": mains}


def _clipping(endpoint: AudioEndpoint, x: NDArray[Any], rate: int) -> Measurement:
    """Return the share of clipped samples in percent; a lower bound where the tops were cut and rounded off since."""
    import numpy as np

    from homecheck.instruments.audio.analysis.clipping import CROWDED, clipped, crowding
    from homecheck.instruments.audio.analysis.resampling import half_width

    size = round(SEGMENT_SECONDS * rate)
    marks = clipped(x)
    segments = marks[: len(x) // size * size].reshape(-1, size).mean(axis=1)
    uncertainty = 100 * half_width(lambda rows: float(segments[rows].mean()), len(segments))
    share, crowded = 100 * float(np.mean(marks)), crowding(x)
    # Tops that a change of rate has rounded off are clipped all the same, by an amount that cannot be told any more.
    bound: Bound | None = "at_least" if crowded >= CROWDED and share < LEAST_CLIPPING else None
    details: Details = {"endpoint": shown(endpoint.name), "rate_hz": rate, "crowding_at_the_top": round(crowded, 3)}
    return Measurement(CLIPPING, share, uncertainty, details=details, bound=bound)


def _came_back(played: Played) -> tuple[Leak, Dropouts | ProbeError]:
    """Return what came back of the sweep, and of the tones or why nothing can be told of them."""
    from homecheck.instruments.audio.analysis import listening

    x, rate = loudest_channel(played.recording), played.recording.rate_hz
    if len(x) < listening.SWEEP_SECONDS * rate:
        raise ProbeError("too_short", "Repeat the check.", message=f"{len(x) / rate:.1f} s of sound arrived")
    try:
        return listening.came_back_of_sweep(x, rate), listening.came_back_of_tones(x, rate)
    except listening.FaintTones as faint:
        return listening.came_back_of_sweep(x, rate), _tones_not_heard(str(faint))


def _dropouts(found: Dropouts | ProbeError, details: dict[str, Json]) -> Measurement:
    from homecheck.instruments.audio.analysis.resampling import poisson_half_width

    if isinstance(found, ProbeError):
        return Measurement.failed(DROPOUTS, found, details)
    details |= {
        "count": found.count,
        "gaps": found.gaps,
        "jumps": found.jumps,
        "seconds": round(found.seconds, 2),
        "disturbed_percent": round(100 * found.disturbed_share, 2),
        "tones_level_db": round(found.level_db, 2),
        "tones_fade_db": round(found.fade_db, 2),
    }
    if found.disturbed_share > 0.5:
        return Measurement.failed(DROPOUTS, _too_noisy(found.disturbed_share), details)
    per_minute = 60 / found.seconds
    return Measurement(
        DROPOUTS, found.count * per_minute, poisson_half_width(found.count) * per_minute, details=details
    )


def _leak(found: Leak, details: dict[str, Json]) -> Measurement:
    """Return the level of what came back; noise that hides it leaves an upper bound."""
    details |= {"at_most": found.at_most, "peak_over_noise_db": round(found.over_noise_db, 1)}
    bound: Bound | None = "at_most" if found.at_most else None
    return Measurement(LEAK, found.level_db, found.half_width_db, details=details, bound=bound)


def _roundtrip(found: Leak, details: dict[str, Json], played: Played) -> Measurement:
    """Return how long sound takes there and back; what this computer held up beyond its buffers may be part of it."""
    own = played.buffer_seconds
    details |= {"own_buffers_ms": None if own is None else round(1000 * own, 1)}
    if found.delay_seconds is None:
        return Measurement.failed(
            ROUNDTRIP, _tones_not_heard("the sweep does not come back through the microphone"), details
        )
    half_width = STREAM_MS + 1000 * max(0.0, played.held_up_seconds - BUFFER_SECONDS)
    return Measurement(ROUNDTRIP, 1000 * found.delay_seconds, half_width, details=details)


def processed(
    endpoint: AudioEndpoint, recording: Recording, tones: list[Dropouts], unspoken: ProbeError | None
) -> Iterator[Measurement]:
    """Yield whether a guided recording, and what became of the steady tones, shows signs of processing.

    Where nothing was read (`unspoken` says why) a sign is one all the same, but no sign proves nothing.
    """
    from homecheck.instruments.audio.analysis.processing import signs

    x, rate = loudest_channel(recording), recording.rate_hz
    silence = x[: round((SILENCE_SECONDS - REACTION_SECONDS) * rate)]
    speech = x[round((SILENCE_SECONDS + REACTION_SECONDS) * rate) :]
    found = signs(silence, speech, rate)
    faded = [round(tone.fade_db, 2) for tone in tones]
    names = (*found.found, *("fade" for fade in faded if fade >= FADE_DB))
    details = _about_signs(endpoint, rate, found, names) | {"tones_fade_db": faded[0] if faded else None}
    if unspoken is not None and not names:
        yield Measurement.failed(PROCESSED, unspoken, details)
        return
    yield Measurement(PROCESSED, bool(names), details=details)


def _processed_in_silence(endpoint: AudioEndpoint, recording: Recording) -> Measurement:
    """Return that a silence alone shows processing, or that only speech can tell."""
    from homecheck.instruments.audio.analysis.processing import signs

    x, rate = loudest_channel(recording), recording.rate_hz
    if len(x) < 2 * rate:
        raise ProbeError("too_short", "Repeat the check.", message=f"{recording.seconds:.1f} s of sound arrived")
    _refuse_overloaded(x)
    found = signs(x, x[:0], rate)
    details = _about_signs(endpoint, rate, found, found.found)
    if found.found:
        return Measurement(PROCESSED, True, details=details)
    return Measurement.failed(PROCESSED, _needs_person(), details)


def _about_signs(endpoint: AudioEndpoint, rate: int, found: Signs, names: tuple[str, ...]) -> dict[str, Json]:
    return {
        "endpoint": shown(endpoint.name),
        "rate_hz": rate,
        "signs": list(names),
        "zero_percent": round(100 * found.zero_share, 2),
        "below_floor_percent": round(100 * found.below_floor_share, 2),
        "steps": found.steps,
        "drift_db": round(found.drift_db, 2),
        "lowered_db": None if found.lowered_db is None else round(found.lowered_db, 2),
    }


def _refuse_muted(recording: Recording, speech: NDArray[Any]) -> None:
    """Raise ProbeError for a microphone that was switched off when the reading began: nobody kept silent."""
    if gated_share(speech, recording.rate_hz) > MUTED_SHARE:
        raise muted(f"{recording.name}, while you were to read")


def _refuse_overloaded(silence: NDArray[Any]) -> None:
    """Raise ProbeError when the microphone is driven beyond its top although nobody speaks."""
    from homecheck.instruments.audio.analysis.clipping import overloaded

    if share := overloaded(silence):
        raise ProbeError(
            "overloaded",
            "Turn the microphone's level (also called gain or boost) down in the sound settings, and repeat the check.",
            message=f"the microphone is overloaded although nobody speaks: {100 * share:.0f} % of its sound is cut off",
        )


def _unknown_kind(endpoint: AudioEndpoint) -> ProbeError:
    return ProbeError(
        "unverified",
        "Ask IT to add this device to its list, or use a headset that is on it.",
        message=f"{shown(endpoint.model)}: nothing proves that this is a headset",
    )


def _louder(difference: float) -> str:
    return f"only {difference:.1f} dB louder" if difference > 0.05 else "no louder"


def _no_speech(difference: float) -> ProbeError:
    if difference >= SOMETHING_DB:
        return ProbeError(
            "too_noisy",
            "Repeat the check in a quieter place or moment: be silent first, then read aloud when asked.",
            message=f"the reading was {_louder(difference)} than the silence before it: the room is about as loud as "
            "your voice",
            at_fault="room",
        )
    return ProbeError(
        "no_speech",
        "Repeat the check: be silent first, then read aloud when asked, with the microphone at your mouth.",
        message=f"the reading was {_louder(difference)} than the silence before it",
        at_fault="person",
    )


def _needs_person() -> ProbeError:
    return ProbeError(
        "needs_person",
        "Run the check yourself, without --unattended, with the headset on.",
        message="this can be measured only while somebody wears the headset, speaks and listens",
        at_fault="person",
    )


def _not_heard(earpiece: AudioEndpoint, played: int, heard: int) -> ProbeError:
    return ProbeError(
        "not_heard",
        "Put the headset on, turn its volume up, and choose it for sound output in the system's settings; then repeat.",
        message=f"{shown(earpiece.name)} played {counted(played, 'beep')}, heard: {heard}; it may not be what is worn",
        at_fault="person",
    )


def _tones_not_heard(why: str) -> ProbeError:
    return ProbeError(
        "tones_not_heard",
        "Turn the headset's volume up, turn off noise suppression and echo cancellation for it, and repeat the check "
        "in a quiet moment; when asked, hold one earpiece right against the microphone.",
        message=why,
    )


def _too_noisy(share: float) -> ProbeError:
    return ProbeError(
        "too_noisy",
        "Repeat the check in a quieter moment, and be silent while the tones play.",
        message=f"noise came on top of the tones for {100 * share:.0f} % of the time",
        at_fault="room",
    )

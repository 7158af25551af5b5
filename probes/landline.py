"""The telephone line: its dial tone, digits that are pressed on the phone, and the adapter or modem that is plugged in.

A handset held to the computer's microphone is enough; a USB phone adapter is recorded from directly, and a voice modem
goes off hook by itself. That the phone has a cord cannot be measured: a policy asks for it as a declaration.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments import voice_modem
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.endpoint import shown
from homecheck.instruments.audio.recording import Recording, record
from homecheck.instruments.audio.telephone_channels import telephone_channels
from homecheck.instruments.voice_modem import Heard, Modem
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Person, Quantity
from homecheck.numbers import counted

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and listing the probes must not pay for it
    from homecheck.standards.itu_e180 import CallTone
    from homecheck.standards.national_tones import Meaning

DIAL_TONE: Final = Quantity.text("landline.dial_tone", "ITU-T E.180: lines and cadence against national plans")
DIGITS: Final = Quantity.yes_no("landline.digits", "random digits pressed on the phone, ITU-T Q.24 receiver")
ADAPTER: Final = Quantity.text("landline.adapter", "table of USB ids: phone adapter, desk phone or voice modem")

ADAPTER_KINDS: Final = ("landline-adapter", "desk-phone")
NO_ADAPTER: Final = "none"
OTHER_PLAN: Final = "other"  # a dial tone of no plan in the table
TONE_SECONDS: Final = 8.0
TONE_ATTEMPTS: Final = 2
PRESS_SECONDS: Final = 15.0
ATTEMPTS: Final = 3
COUNT: Final = 4  # few enough that no exchange takes them for a number, see `random_digits`
SAFE: Final = "2345678"

LIFT: Final = (
    "Now the telephone. Lift the handset so that you hear the dial tone, and hold its earpiece close to the computer's "
    "microphone (the one of your headset, if you use one). Do not dial anything. Ready?"
)
LISTENING: Final = "Listening to the dial tone for {seconds:.0f} seconds. Hold still, please …"
TONE_HEARD: Final = "Good: the computer heard the dial tone."
NO_TONE: Final = (
    "The computer heard no dial tone. Hang up, lift the handset again, and listen yourself: do you hear the tone? Then "
    "hold the earpiece right against the microphone and turn the telephone louder if you can. Ready to try once more?"
)
ANOTHER_TONE: Final = (
    "The computer heard a tone, but not the dial tone. Hang up, wait ten seconds, lift the handset again, and hold it "
    "to the microphone at once. Do not dial anything. Ready to try once more?"
)
READY_TO_PRESS: Final = (
    "Next, {count} digits appear here for you to press on the telephone, while its earpiece stays at the microphone. "
    "Hang up and lift again if the dial tone has stopped. Nobody is called: the digits are too few for a number. Ready?"
)
PRESS: Final = "Press now, one after the other:   {digits}   (you have {seconds:.0f} seconds)"
NO_KEY: Final = (
    "The computer heard no key. Hang up, lift the handset again, hold the earpiece right against the microphone, and "
    "hold each key down for about half a second. You get other digits. Ready to try once more?"
)
OTHER_KEYS: Final = (
    "The computer heard {keys}, but not these digits one after the other. That happens easily. Hang up and lift the "
    "handset again. You get other digits. Ready to try once more?"
)
RIGHT: Final = "Thank you, those were the right digits. You can hang up the telephone now."
NO_MORE_TRIES: Final = "Thank you, that was the last try. You can hang up the telephone now; the check goes on."

Recorder = Callable[[AudioEndpoint, float, Callable[[], None]], Recording]


def random_digits() -> str:
    """Return digits to be pressed. No 0, 1 and 9, with which emergency numbers begin, and no two alike in a row."""
    digits = secrets.choice(SAFE)
    while len(digits) < COUNT:
        digits += secrets.choice(SAFE.replace(digits[-1], ""))
    return digits


@dataclass(frozen=True)
class Landline:
    """Listens to the line through the endpoint `wanted`, a phone adapter, a voice modem, or the default microphone."""

    person: Person | None = None
    wanted: str | None = None
    endpoints: Callable[[], tuple[AudioEndpoint, ...]] = endpoints
    record: Recorder = record
    modems: Callable[[], Sequence[Modem]] = voice_modem.find_modems
    listen: Callable[[Modem, float], Heard] = voice_modem.listen
    choose_digits: Callable[[], str] = random_digits

    name: ClassVar[str] = "landline"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (DIAL_TONE, DIGITS, ADAPTER)
    reveals: ClassVar[str] = (
        "Whether your telephone line has a dial tone and of which country, and whether you pressed the digits that "
        "were shown; which phone adapter or modem is plugged in. Never what is said on the line."
    )

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Landline:
        """Return the probe for one check."""
        return cls(setup.person, setup.headset)

    @property
    def needs(self) -> frozenset[Need]:
        """The microphone and somebody at the telephone, or nothing: a modem disturbs nobody."""
        return frozenset() if self.person is None else frozenset({Need.MICROPHONE, Need.PERSON})

    @property
    def deadline_seconds(self) -> float:
        """With a person, time to find the telephone is included."""
        return 60.0 if self.person is None else 480.0

    def run(self) -> Iterator[Measurement]:
        """Tell what is plugged in; then listen to the line, and to the digits if somebody presses them."""
        modems, found = tuple(self.modems()), self._endpoints()
        adapters = () if isinstance(found, ProbeError) else tuple(one for one in found if one.kind in ADAPTER_KINDS)
        yield self._adapter(modems, found, adapters)
        by_modem = bool(modems and not adapters)
        try:
            yield self._modems_dial_tone(modems[0]) if by_modem else self._dial_tone(adapters)
        except ProbeError as error:
            yield Measurement.failed(DIAL_TONE, error)
            if not by_modem and error.code not in (NO_DIAL_TONE, OTHER_TONE):  # no key could be heard either
                yield Measurement.failed(DIGITS, error)
                return
        try:
            yield self._digits(adapters)
        except ProbeError as error:
            yield Measurement.failed(DIGITS, error)

    def _endpoints(self) -> tuple[AudioEndpoint, ...] | ProbeError:
        try:
            return self.endpoints()
        except ProbeError as error:  # a modem does without
            return error

    def _adapter(
        self,
        modems: Sequence[Modem],
        found: tuple[AudioEndpoint, ...] | ProbeError,
        adapters: Sequence[AudioEndpoint],
    ) -> Measurement:
        if adapters:
            details: Details = {"kind": adapters[0].kind, "reason": adapters[0].reason[:400]}
            return Measurement(ADAPTER, shown(adapters[0].model), details=details)
        if modems:
            details = {"kind": "voice-modem", "usb_id": modems[0].usb_id}
            return Measurement(ADAPTER, shown(modems[0].name), details=details)
        return Measurement.failed(ADAPTER, found) if isinstance(found, ProbeError) else Measurement(ADAPTER, NO_ADAPTER)

    def _modems_dial_tone(self, modem: Modem) -> Measurement:
        """Return landline.dial_tone as a modem hears it. Raises ProbeError as `_dial_tone`."""
        # Here and not at the top: numpy takes 0.2 s, and listing the probes must not pay for it.
        from homecheck.standards.itu_e180 import find_call_tone

        heard = self.listen(modem, TONE_SECONDS)
        details: Details = {"source": "voice modem", "model": shown(heard.model), "events": heard.events}
        if heard.samples is None:
            if not heard.dial_tone:
                raise no_dial_tone("the modem finds no dial tone", voice_modem.LINE_ADVICE)
            return Measurement(DIAL_TONE, OTHER_PLAN, details={**details, "told_by": "the modem itself"})
        return dial_tone(find_call_tone(heard.samples, voice_modem.RATE_HZ), details, voice_modem.LINE_ADVICE)

    def _dial_tone(self, adapters: Sequence[AudioEndpoint]) -> Measurement:
        """Return landline.dial_tone. Raises ProbeError, also where something else than a dial tone is heard."""
        person = self._somebody()
        endpoint = self._source(adapters)
        ready = LIFT
        listening = partial(person.tell, LISTENING.format(seconds=TONE_SECONDS))
        for attempt in range(1, TONE_ATTEMPTS + 1):
            person.confirm(ready)
            recording = self.record(endpoint, TONE_SECONDS, listening)
            tone = heard_tone(recording)
            details: Details = {"source": shown(endpoint.name), "rate_hz": recording.rate_hz, "attempts": attempt}
            if tone is not None and tone.meaning == "dial":
                person.tell(TONE_HEARD)
                break
            ready = NO_TONE if tone is None else ANOTHER_TONE
        return dial_tone(tone, details, HANDSET_ADVICE)

    def _digits(self, adapters: Sequence[AudioEndpoint]) -> Measurement:
        """Return landline.digits. Raises ProbeError where no digit was heard at all."""
        person = self._somebody()
        endpoint = self._source(adapters)
        ready = READY_TO_PRESS.format(count=COUNT)
        heard_any = 0
        for attempt in range(1, ATTEMPTS + 1):
            person.confirm(ready)
            digits = self.choose_digits()
            cue = PRESS.format(digits=" ".join(digits), seconds=PRESS_SECONDS)
            recording = self.record(endpoint, PRESS_SECONDS, partial(person.tell, cue))
            heard = heard_digits(recording, digits)
            heard_any += len(heard)
            if digits in heard:  # whoever mistypes begins anew, and whoever goes on is right all the same
                person.tell(RIGHT)
                return Measurement(DIGITS, value=True, details=self._told(endpoint, recording, attempt, heard_any))
            ready = OTHER_KEYS.format(keys=counted(len(heard), "key")) if heard else NO_KEY
        person.tell(NO_MORE_TRIES)
        if not heard_any:
            message = f"no key of the telephone was heard in {ATTEMPTS} tries"
            raise ProbeError("no_digits", KEYS_ADVICE, message=message, at_fault="line")
        return Measurement(DIGITS, value=False, details=self._told(endpoint, recording, ATTEMPTS, heard_any))

    def _told(self, endpoint: AudioEndpoint, recording: Recording, attempts: int, heard: int) -> Details:
        return {
            "source": shown(endpoint.name),
            "rate_hz": recording.rate_hz,
            "attempts": attempts,
            "asked": COUNT,
            "digits_heard": heard,
        }

    def _source(self, adapters: Sequence[AudioEndpoint]) -> AudioEndpoint:
        """Return what is recorded from: a phone adapter that has a microphone side, else the chosen microphone."""
        recordable = [adapter for adapter in adapters if adapter.is_input]
        return recordable[0] if recordable and self.wanted is None else choose_input(self.endpoints(), self.wanted)

    def _somebody(self) -> Person:
        if self.person is None:
            raise ProbeError(
                "needs_person",
                "Run the check yourself, without --unattended, with the telephone beside you.",
                message="somebody has to lift the handset and press its keys",
                at_fault="person",
            )
        return self.person


NO_DIAL_TONE: Final = "no_dial_tone"
OTHER_TONE: Final = "other_tone"
AGAIN_ADVICE: Final = "Hang up for ten seconds, lift the handset, and repeat the check."
HANDSET_ADVICE: Final = (
    "Do you hear the dial tone yourself? Then hold the earpiece right against the microphone, turn the telephone "
    "louder, keep away from lamps and chargers that hum, and repeat the check. If you hear none, check the telephone's "
    "cable, or ask your telephone company."
)
KEYS_ADVICE: Final = (
    "Hold the earpiece right against the microphone, hold each key down for about half a second, and repeat the check. "
    "If the telephone has a switch for tone and pulse (T and P), set it to tone."
)
# In the words of people who hear them.
TONES: Final[Mapping[Meaning, str]] = {
    "ringback": "the ringing tone, as if somebody were being called",
    "busy": "the busy tone",
    "congestion": "the tone of an overloaded network (fast busy)",
    "unobtainable": "the tone of a number that does not exist",
}


def heard_tone(recording: Recording) -> CallTone | None:
    """Return the tone in a recording, from a channel that has one of a plan if there is any.

    Raises ProbeError for what is no sound.
    """
    from homecheck.standards.itu_e180 import find_call_tone

    other = None
    for channel in telephone_channels(recording):
        tone = find_call_tone(channel, recording.rate_hz)
        if tone is not None and tone.countries:
            return tone
        other = other or tone
    return other


def heard_digits(recording: Recording, wanted: str) -> str:
    """Return the digits in a recording: of the channel that has those `wanted`, else of the one with the most."""
    from homecheck.standards.itu_q24 import AT_A_MICROPHONE_DBOV, find_digits

    heard = ""
    for channel in telephone_channels(recording):
        digits = find_digits(channel, recording.rate_hz, AT_A_MICROPHONE_DBOV)
        found = "".join(digit.symbol for digit in digits)
        if wanted in found:
            return found
        heard = max(heard, found, key=len)
    return heard


def dial_tone(tone: CallTone | None, details: Details, advice: str) -> Measurement:
    """Return landline.dial_tone of what was heard: the countries whose tone it is. Raises ProbeError for any other."""
    if tone is None:
        raise no_dial_tone("no dial tone was heard", advice)
    lines = [round(line, 1) for line in tone.lines_hz]
    if tone.meaning != "dial":
        message = f"not the dial tone but {TONES[tone.meaning]} was heard ({' + '.join(map(str, lines))} Hz)"
        raise ProbeError(OTHER_TONE, AGAIN_ADVICE, message=message, at_fault="line")
    more: Details = {
        "lines_hz": [*lines],
        "cadence_seconds": [*tone.cadence],
        "also": [*(f"{meaning} in {country}" for meaning, country in tone.also[:20])],
    }
    return Measurement(DIAL_TONE, "/".join(tone.countries) or OTHER_PLAN, details={**details, **more})


def no_dial_tone(message: str, advice: str) -> ProbeError:
    """Return the failure of a line without a dial tone."""
    return ProbeError(NO_DIAL_TONE, advice, message=message, at_fault="line")

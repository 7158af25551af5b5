"""The call-back: somebody answers the telephone whose number is on file, and hands in the code that was played there.

The collector makes the code and has it played on a call; this probe never learns it any other way. It hears push-button
tones (ITU-T Q.23) through the microphone or a telephone adapter, or the person types the digits. Whether they are right
the collector says, and signs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from homecheck.callback import CODE, QUANTITY, Answer, Call, Caller
from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.recording import Recording, record
from homecheck.instruments.audio.telephone_channels import telephone_channels
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Observation, Person, Quantity

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and listing the probes must not pay for it
    from homecheck.standards.itu_q24 import Digit

CALLBACK: Final = Quantity.yes_no(QUANTITY, "code played on a call to the number on file, compared by the collector")
LISTEN_SECONDS: Final = 15.0  # three rounds of the code as the collector's sound file plays it
LISTENS: Final = 3
PAUSE_SECONDS: Final = 2.0  # between two rounds of the code; fingers are quicker than that between two digits

WAITING: Final = (
    "The company that checks you is going to call the telephone that it has on file for you: the number that ends with "
    "{ends_with}. This takes up to {minutes:.0f} minutes. You need not do anything until it rings."
)
ENTER: Final = (
    "When the telephone rings, answer it. You hear a code of six digits, more than once.\n"
    "    If a voice says the digits: type them, then press Enter.\n"
    "    If you hear beeps: hold the earpiece to the computer's microphone and press Enter at once, typing nothing.\n"
    "    Nobody calls, or you cannot take the call? Type s and press Enter: the check goes on without it."
)
NOT_DIGITS: Final = (
    "The code has six digits and nothing else. Type it again, or press Enter to let the computer listen."
)
LISTENING: Final = "The computer listens now, for up to {seconds:.0f} seconds. Hold the earpiece to the microphone."
NOTHING_HEARD: Final = "The computer did not hear the whole code. Hold the earpiece closer, or type the digits."
WRONG: Final = "{digits} is not the code of this call. You can try {left} more times."
LAST_TRY: Final = "{digits} is not the code of this call. You can try 1 more time."
CANNOT_LISTEN: Final = "The computer cannot listen: {why}. {advice}"
ALREADY: Final = "{digits} was tried already. Listen to the code once more."
RIGHT: Final = "Thank you, that was the right code. You can hang up."
USED_UP: Final = "None of these was the code of this call. You can hang up; the check goes on."

How = Literal["heard", "typed"]


@dataclass(frozen=True)
class Callback:
    """Asks `caller` for a call and hands in what is heard on the endpoint `wanted`, or what the person types."""

    caller: Caller | None = None
    person: Person | None = None
    wanted: str | None = None
    endpoints: Callable[[], tuple[AudioEndpoint, ...]] = endpoints
    record: Callable[[AudioEndpoint, float], Recording] = record
    clock: Callable[[], float] = time.monotonic

    name: ClassVar[str] = "callback"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (CALLBACK,)
    reveals: ClassVar[str] = (
        "That you can be reached at the telephone number the company has on file. It calls you there; what is said on "
        "the call is neither stored nor sent."
    )

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Callback:
        """Return the probe for one check."""
        return cls(setup.caller, setup.person, setup.headset)

    @property
    def needs(self) -> frozenset[Need]:
        """The microphone and somebody at the telephone, or nothing where no call will be asked for."""
        if self.caller is None or self.person is None:
            return frozenset()
        return frozenset({Need.MICROPHONE, Need.PERSON})

    @property
    def deadline_seconds(self) -> float:
        """A quarter of an hour for the call, and time to listen when it comes in the last minute."""
        return 10.0 if self.caller is None or self.person is None else 1_080.0

    def run(self) -> Iterator[Measurement | Observation]:
        """Ask for the call, and hand in digits until the collector has made up its mind."""
        caller, person = self._needed()
        call = caller.ask()
        end = self.clock() + call.seconds
        person.tell(WAITING.format(ends_with=call.ends_with, minutes=call.seconds / 60))
        tried: dict[str, How] = {}
        while True:
            digits, how = self._digits(person, end, tried)
            tried[digits] = how
            answer = caller.answer(call, digits)
            if answer.result is not None:
                break
            told = LAST_TRY if answer.attempts_left == 1 else WRONG
            person.tell(told.format(digits=digits, left=answer.attempts_left))
        person.tell(RIGHT if answer.result == "yes" else USED_UP)
        yield from _settled(answer, call, how, len(tried))

    def _needed(self) -> tuple[Caller, Person]:
        """Return who is needed; ProbeError before anybody is rung up."""
        if self.caller is None:
            raise ProbeError(
                "needs_collector",
                "Nothing to do, unless a company asks for it: then run homecheck check while its server answers.",
                message="a call-back needs the collector of a company whose policy asks for one; this check had none",
                at_fault="agent",
            )
        if self.person is None:
            raise ProbeError(
                "needs_person",
                "Run the check yourself, without --unattended, beside your telephone.",
                message="somebody has to answer the telephone",
                at_fault="person",
            )
        return self.caller, self.person

    def _digits(self, person: Person, end: float, tried: dict[str, How]) -> tuple[str, How]:
        """Return the next digits to hand in, never the same twice. ProbeError when it is given up or time is over."""
        while True:
            typed = "".join(person.enter(ENTER).split())
            if self.clock() >= end:
                raise _no_call()
            if typed.casefold() in ("s", "skip"):
                raise _skipped()
            if not typed:
                heard = self._listen(person, tried)
                if heard is not None:
                    return heard, "heard"
                person.tell(NOTHING_HEARD)
            elif not CODE.fullmatch(typed):
                person.tell(NOT_DIGITS)
            elif typed in tried:
                person.tell(ALREADY.format(digits=typed))
            else:
                return typed, "typed"

    def _listen(self, person: Person, tried: dict[str, How]) -> str | None:
        """Return the first whole code in what the microphone hears; None when there is none."""
        # Here and not at the top: numpy takes 0.2 s, and listing the probes must not pay for it.
        from homecheck.standards.itu_q24 import AT_A_MICROPHONE_DBOV, find_digits

        person.tell(LISTENING.format(seconds=LISTENS * LISTEN_SECONDS))
        try:
            endpoint = choose_input(self.endpoints(), self.wanted)
            for _ in range(LISTENS):
                recording = self.record(endpoint, LISTEN_SECONDS)
                for channel in telephone_channels(recording):
                    heard = whole_codes(find_digits(channel, recording.rate_hz, AT_A_MICROPHONE_DBOV))
                    if new := [code for code in heard if code not in tried]:
                        return new[0]
        except ProbeError as error:  # the digits can still be typed
            person.tell(CANNOT_LISTEN.format(why=error.message, advice=error.advice))
        return None


def whole_codes(digits: Sequence[Digit]) -> list[str]:
    """Return the rounds of exactly six digits between pauses; a round that was cut off is none."""
    rounds: list[str] = []
    last_end = float("-inf")
    for digit in digits:
        if digit.start_seconds - last_end > PAUSE_SECONDS:
            rounds.append("")
        rounds[-1] += digit.symbol
        last_end = digit.start_seconds + digit.seconds
    return [symbols for symbols in rounds if CODE.fullmatch(symbols)]


def _settled(answer: Answer, call: Call, how: How, attempts: int) -> Iterator[Measurement | Observation]:
    """Yield the collector's confirmation and the value that it confirms."""
    if answer.confirmation is not None:
        yield Observation(answer.confirmation)
    details: Details = {"how": how, "attempts": attempts, "callback": call.id}
    yield Measurement(CALLBACK, value=answer.result == "yes", details=details)


def _no_call() -> ProbeError:
    return ProbeError(
        "no_call",
        "Did nobody call? Tell the people who invited you, and check with them the number that they have on file.",
        message="no right code was handed in while it was good",
        at_fault="server",
    )


def _skipped() -> ProbeError:
    return ProbeError(
        "skipped",
        "Run the check again when you can take the call. If nobody called, tell the people who invited you.",
        message="the call was left out by the person",
        at_fault="person",
    )

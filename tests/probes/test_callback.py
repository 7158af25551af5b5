"""The call-back as its person meets it: a scripted collector, digits that are typed, and sound that is heard."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from homecheck.agent import run_probe
from homecheck.callback import Answer, Call
from homecheck.collector.code_sound import wav
from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint
from homecheck.instruments.audio.recording import Recording
from homecheck.measurement import CheckSetup, Measurement, Need, Observation, Probe
from homecheck.standards.itu_q24 import Digit
from probes.callback import Callback, whole_codes
from tests.soundcard import SoundCard

CODE = "804217"
ENDPOINT = AudioEndpoint(
    id="mic", name="Test microphone", backend="pulse", input_channels=1, default_input=True,
    transport="wired", connection="usb", headset=True,
)  # fmt: skip


class Collector:
    """A collector that knows the code and counts three attempts, as `homecheck.collector.callbacks` does."""

    def __init__(self, code: str = CODE, seconds: float = 900.0) -> None:
        self.code = code
        self.seconds = seconds
        self.calls = 0
        self.digits: list[str] = []

    def ask(self) -> Call:
        self.calls += 1
        return Call("call-1", "78", self.seconds)

    def answer(self, call: Call, digits: str) -> Answer:
        assert call.id == "call-1"
        self.digits.append(digits)
        left = 3 - len(self.digits)
        if digits == self.code:
            return Answer("yes", left, "signed.yes.x")
        return Answer(None, left) if left else Answer("no", 0, "signed.no.x")


class Person:
    """Somebody who types what a test says, one line per question."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.heard: list[str] = []

    def tell(self, text: str) -> None:
        self.heard.append(text)

    def confirm(self, text: str) -> None:
        raise AssertionError("nothing is to be confirmed")

    def ask(self, question: str) -> bool:
        raise AssertionError("nothing is to be asked")

    def count(self, question: str, most: int) -> int:
        raise AssertionError("nothing is to be counted")

    def enter(self, text: str) -> str:
        self.heard.append(text)
        return self.lines.pop(0)


def play(digits: str, rate: int = 8000) -> NDArray[Any]:
    """Return the sound that the collector makes for a telephone system, at another rate."""
    with wave.open(io.BytesIO(wav(digits))) as file:
        x = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    return np.asarray(resample_poly(x, rate // 100, 80), dtype=np.float32)


def hearing(*pieces: NDArray[Any], rate: int = 8000) -> Callable[[AudioEndpoint, float], Recording]:
    """Return a microphone that delivers one piece after the other."""
    waiting = list(pieces)

    def record(endpoint: AudioEndpoint, seconds: float) -> Recording:
        x = waiting.pop(0)[: round(seconds * rate)]
        return Recording(np.asarray(x, dtype=np.float32).reshape(-1, 1), rate, endpoint.id, (endpoint.id,), "fake")

    return record


def deaf(endpoint: AudioEndpoint, seconds: float) -> Recording:
    raise AssertionError("nothing is to be heard")


def probe(collector: Collector, person: Person, record: Any = deaf, **more: Any) -> Callback:
    return Callback(collector, person, None, lambda: (ENDPOINT,), record, **more)


def outcome(found: Iterable[Measurement | Observation]) -> tuple[Measurement, list[str]]:
    both = list(found)
    (measurement,) = (one for one in both if isinstance(one, Measurement))
    return measurement, [one.envelope for one in both if isinstance(one, Observation)]


def failure(callback: Callback) -> tuple[str, str]:
    with pytest.raises(ProbeError) as caught:
        list(callback.run())
    return caught.value.code, caught.value.at_fault


def room(seconds: float, rate: int = 8000) -> NDArray[Any]:
    return np.random.default_rng(7).normal(0, 10 ** (-50 / 20), round(seconds * rate))


def test_it_is_a_probe_that_needs_nothing_when_no_call_will_be_asked_for() -> None:
    alone = Callback.for_check(CheckSetup())
    assert isinstance(alone, Probe)
    assert (alone.needs, alone.deadline_seconds) == (frozenset(), 10.0)
    called = Callback.for_check(CheckSetup(person=Person(), caller=Collector(), headset="line"))
    assert called.needs == {Need.MICROPHONE, Need.PERSON}
    assert called.wanted == "line"
    # The call may come in the last second of its quarter of an hour, and three listens begin then.
    assert called.deadline_seconds > 900 + 3 * (15 + 15)


def test_digits_that_are_typed_are_handed_in_and_the_confirmation_goes_along() -> None:
    collector, person = Collector(), Person(" 804 217 ")
    found, observations = outcome(probe(collector, person).run())
    assert found.value is True
    assert found.details == {"how": "typed", "attempts": 1, "callback": "call-1"}
    assert observations == ["signed.yes.x"]
    assert "ends with 78" in person.heard[0]
    assert "up to 15 minutes" in person.heard[0]
    assert "You can hang up" in person.heard[-1]
    assert CODE not in " ".join(person.heard)


def test_the_code_that_is_played_is_heard_without_anything_typed() -> None:
    collector, person = Collector(), Person("")
    x = play(CODE, 44_100)
    found, observations = outcome(
        probe(collector, person, hearing(x + room(len(x) / 44_100, 44_100), rate=44_100)).run()
    )
    assert (found.value, found.details["how"]) == (True, "heard")
    assert (collector.digits, observations) == ([CODE], ["signed.yes.x"])


def test_a_code_that_is_cut_off_at_both_ends_is_waited_for_and_never_handed_in_by_halves() -> None:
    collector, person = Collector(), Person("")
    middle = play(CODE)[round(3.5 * 8000) :]  # begins within the first round
    halves = np.concatenate([middle[: round(0.6 * 8000)], room(14)])
    whole = np.concatenate([room(2), middle])
    found, _ = outcome(probe(collector, person, hearing(room(15), halves, whole)).run())
    assert found.value is True
    assert collector.digits == [CODE]


def test_a_room_without_a_code_is_told_and_the_digits_can_still_be_typed() -> None:
    collector, person = Collector(), Person("", CODE)
    found, _ = outcome(probe(collector, person, hearing(room(15), room(15), room(15))).run())
    assert (found.value, found.details["how"]) == (True, "typed")
    assert any("did not hear the whole code" in text for text in person.heard)
    assert collector.digits == [CODE]


def test_a_computer_that_cannot_listen_says_why_and_the_digits_can_still_be_typed() -> None:
    def broken(endpoint: AudioEndpoint, seconds: float) -> Recording:
        raise ProbeError("muted", "Unmute it.", message="the microphone delivers exact zeros")

    person = Person("", CODE)
    found, _ = outcome(probe(Collector(), person, broken).run())
    assert found.value is True
    assert any("delivers exact zeros. Unmute it." in text for text in person.heard)


def test_wrong_digits_leave_two_more_tries_and_then_the_answer_is_no() -> None:
    collector, person = Collector(), Person("111111", "222222", "333333")
    found, observations = outcome(probe(collector, person).run())
    assert found.value is False
    assert found.details["attempts"] == 3
    assert observations == ["signed.no.x"]
    told = " ".join(person.heard)
    assert "111111 is not the code of this call. You can try 2 more times." in told
    assert "222222 is not the code of this call. You can try 1 more time." in told


def test_slips_cost_no_attempt() -> None:
    collector, person = Collector(), Person("80421", "8042177", "80421x", "111111", "111111", "１２３４５６", CODE)
    found, _ = outcome(probe(collector, person).run())
    assert found.value is True
    assert collector.digits == ["111111", CODE]
    assert any("was tried already" in text for text in person.heard)


def test_the_same_wrong_code_heard_again_costs_no_attempt() -> None:
    """A neighbour's call, or a recording: the third listen brings the right one."""
    collector, person = Collector(), Person("", "")
    found, _ = outcome(probe(collector, person, hearing(play("555555"), play("555555"), play(CODE))).run())
    assert found.value is True
    assert collector.digits == ["555555", CODE]


@pytest.mark.parametrize("typed", ["s", "S", "skip"])
def test_a_person_who_cannot_take_the_call_is_not_kept_waiting(typed: str) -> None:
    collector = Collector()
    assert failure(probe(collector, Person(typed))) == ("skipped", "person")
    assert collector.digits == []


def test_when_time_is_over_nothing_is_handed_in_any_more() -> None:
    now = iter((0.0, 901.0))
    collector = Collector()
    assert failure(probe(collector, Person(CODE), clock=lambda: next(now))) == ("no_call", "server")
    assert collector.digits == []


def test_nobody_is_rung_up_without_a_collector_or_without_a_person() -> None:
    assert failure(Callback(None, Person())) == ("needs_collector", "agent")
    collector = Collector()
    assert failure(Callback(collector, None)) == ("needs_person", "person")
    assert collector.calls == 0


def test_a_refusal_of_the_collector_is_the_failure() -> None:
    class Numberless(Collector):
        def ask(self) -> Call:
            raise ProbeError("no_number", "Tell them.", message="no number is on file", at_fault="server")

    run, observations = run_probe(probe(Numberless(), Person()))
    (found,) = run.measurements
    assert found.failure is not None
    assert (found.failure.code, found.failure.at_fault, observations) == ("no_number", "server", ())


def digit(symbol: str, start: float, seconds: float = 0.1) -> Digit:
    return Digit(symbol, start, seconds, -20.0, -20.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("pressed", "codes"),
    [
        ([], []),
        ([(symbol, index * 1.9) for index, symbol in enumerate(CODE)], [CODE]),  # slow fingers
        ([(symbol, index * 0.2) for index, symbol in enumerate(CODE + "1")], []),
        ([(symbol, index * 0.2) for index, symbol in enumerate(CODE[1:])], []),
        ([(symbol, index * 0.2) for index, symbol in enumerate("#04217")], []),
        ([(s, i * 0.2 + r * 4) for r in range(2) for i, s in enumerate(CODE)], [CODE, CODE]),
    ],
)
def test_a_code_is_six_digits_between_pauses(pressed: list[tuple[str, float]], codes: list[str]) -> None:
    assert whole_codes([digit(*one) for one in pressed]) == codes


@pytest.mark.audio
def test_the_collectors_sound_file_is_heard_through_a_telephone_adapter(sound_card: SoundCard) -> None:
    with sound_card.playing_into("line", play(CODE), 8000):
        collector, person = Collector(), Person("")
        found, _ = outcome(Callback(collector, person, "line_mic").run())
    assert (found.value, found.details["how"], collector.digits) == (True, "heard", [CODE])

"""The telephone line through a handset at the microphone, a phone adapter, or a modem. Tones are made here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint
from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.recording import Recording, record
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.voice_modem import Heard, Modem, Patience, listen
from homecheck.measurement import CheckSetup, Measurement, Probe
from probes.landline import SAFE, Landline, heard_digits, heard_tone, random_digits
from tests.homecheck.instruments.test_voice_modem import Character, modem
from tests.soundcard import SoundCard

RATE = 16_000
MICROPHONE = classify(Facts(id="mic", name="Microphone", backend="pulse", input_channels=1, default_input=True))
ADAPTER = classify(
    Facts(
        id="line",
        name="USB Internet Phone",
        backend="pulse",
        bus="usb",
        vendor_id="06e6",
        product_id="c200",
        input_channels=1,
    )
)
MODEM = Modem("/dev/ttyACM7", "USR5637 56K Faxmodem", "0baf:0303")
KEYS = {
    "2": (697, 1336),
    "3": (697, 1477),
    "4": (770, 1209),
    "5": (770, 1336),
    "6": (770, 1477),
    "7": (852, 1209),
    "8": (852, 1336),
}
Samples = NDArray[np.float64]


def tone(*lines_hz: float, seconds: float, amplitude: float = 0.05, rate: int = RATE) -> Samples:
    t = np.arange(round(seconds * rate)) / rate
    return np.asarray(sum(amplitude * np.sin(2 * np.pi * line * t) for line in lines_hz))


BUSY = np.tile(np.concatenate([tone(480, 620, seconds=0.5), np.zeros(RATE // 2)]), 8)


def pressed(digits: str, rate: int = RATE) -> Samples:
    """Each key for a tenth of a second, half a second apart."""
    parts = [np.zeros(rate)]
    for digit in digits:
        parts += [tone(*KEYS[digit], seconds=0.1, rate=rate), np.zeros(rate // 2)]
    return np.concatenate(parts)


@dataclass
class Caller:
    """Somebody who does as told and remembers what was said."""

    told: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        self.told.append(text)

    def confirm(self, text: str) -> None:
        self.told.append(text)

    def ask(self, question: str) -> bool:
        raise AssertionError("nothing is to be asked")

    def count(self, question: str, most: int) -> int:
        raise AssertionError("nothing is to be counted")

    def enter(self, text: str) -> str:
        raise AssertionError("nothing is to be typed")


def line(*sounds: Samples | Callable[[Caller], Samples], person: Caller) -> Callable[..., Recording]:
    """Return a recorder that brings one sound after the other; noise 60 dB down, as every microphone has."""
    left = list(sounds)
    noise = np.random.default_rng(7)

    def recorder(endpoint: AudioEndpoint, seconds: float, started: Callable[[], None]) -> Recording:
        started()
        sound = left.pop(0)
        samples = sound(person) if callable(sound) else sound
        samples = samples + 5e-5 * noise.standard_normal(len(samples))
        return Recording(samples[:, None].astype(np.float32), RATE, endpoint.id, (endpoint.id,), endpoint.name)

    return recorder


def as_shown(person: Caller) -> Samples:
    """Press what the screen shows."""
    return pressed("".join(re.findall(r"\d", person.told[-1].split("   ")[1])))


def run(*sounds: Any, found: Sequence[AudioEndpoint] = (MICROPHONE,), **fields: Any) -> dict[str, Measurement]:
    person = fields.pop("person", Caller())
    probe = Landline(
        person=person,
        endpoints=lambda: tuple(found),
        record=line(*sounds, person=person or Caller()),
        modems=fields.pop("modems", tuple),
        **fields,
    )
    measured = {one.quantity.name: one for one in probe.run()}
    assert sorted(measured) == sorted(quantity.name for quantity in Landline.quantities)
    return measured


def failure(measured: Measurement) -> tuple[str, str]:
    assert measured.failure is not None, measured
    return measured.failure.code, measured.failure.at_fault


def test_the_probe_keeps_the_contract() -> None:
    assert isinstance(Landline.for_check(CheckSetup()), Probe)


@pytest.mark.parametrize(
    ("lines", "countries"),
    [((350, 440), {"US", "CA", "GB"}), ((425,), {"SE", "DE", "ES", "PH"}), ((400,), {"JP"}), ((367, 433), {"ZA"})],
)
def test_a_dial_tone_names_the_countries_that_have_it(lines: tuple[float, ...], countries: set[str]) -> None:
    found = run(tone(*lines, seconds=8), as_shown)["landline.dial_tone"]
    assert set(str(found.value).split("/")) == countries, found
    assert found.details["source"] == "Microphone"


def test_another_tone_is_no_dial_tone_and_is_named() -> None:
    found = run(BUSY, BUSY, as_shown)["landline.dial_tone"]
    assert failure(found) == ("other_tone", "line")
    assert found.failure is not None
    assert "busy" in found.failure.message


def test_whoever_held_the_handset_badly_may_try_again_and_is_told_what_was_heard() -> None:
    person = Caller()
    found = run(np.zeros(8 * RATE), tone(425, seconds=8), as_shown, person=person)["landline.dial_tone"]
    assert (found.value, found.details["attempts"]) == ("SE/DE/ES/PH", 2)
    assert any("heard no dial tone" in text for text in person.told)
    assert any("heard the dial tone" in text for text in person.told)
    person = Caller()
    assert run(BUSY, tone(425, seconds=8), as_shown, person=person)["landline.dial_tone"].value == "SE/DE/ES/PH"
    assert any("heard a tone, but not the dial tone" in text for text in person.told)


def test_a_microphone_that_is_not_there_spares_the_person_the_second_step() -> None:
    person = Caller()
    found = run(person=person, found=())
    assert failure(found["landline.dial_tone"]) == failure(found["landline.digits"]) == ("no_device", "device")
    assert person.told == []


def test_an_interface_of_twelve_inputs_has_the_telephone_on_one_of_them() -> None:
    """The others have a constant voltage, the mains' hum louder than the telephone, noise, and nothing."""
    t = np.arange(8 * RATE) / RATE
    noise = np.random.default_rng(3).normal(size=(8 * RATE, 12)) * 1e-4
    noise[:, 0] += 0.5
    noise[:, 3] += 0.2 * np.sin(2 * np.pi * 50 * t) + 0.05 * np.sin(2 * np.pi * 350 * t)
    noise[:, 5] = 0
    for channel in (1, 11):
        samples = noise.astype(np.float32)
        samples[:, channel] += tone(350, 440, seconds=8, amplitude=0.002).astype(np.float32)
        found = heard_tone(Recording(samples, RATE, "mic", ("mic",), "Interface"))
        assert found is not None
        assert found.countries == ("US", "CA", "GB")
        samples = noise.astype(np.float32)
        keys = pressed("2345678")
        samples[: len(keys), channel] += 0.02 * keys.astype(np.float32)
        assert heard_digits(Recording(samples, RATE, "mic", ("mic",), "Interface"), "5678") == "2345678"


def test_a_line_without_a_tone_is_the_lines_fault() -> None:
    nothing = np.zeros(8 * RATE)
    assert failure(run(nothing, nothing, as_shown)["landline.dial_tone"]) == ("no_dial_tone", "line")


def test_the_digits_that_were_shown_are_taken_and_nobody_is_kept_waiting() -> None:
    person = Caller()
    found = run(tone(425, seconds=8), as_shown, person=person)["landline.digits"]
    assert (found.value, found.details["attempts"]) == (True, 1)
    assert "hang up" in person.told[-1]


def test_other_digits_are_tried_three_times_and_are_no() -> None:
    found = run(tone(425, seconds=8), *[pressed("2222")] * 3)["landline.digits"]
    assert (found.value, found.details["attempts"], found.details["digits_heard"]) == (False, 3, 12)


def test_whoever_mistypes_may_press_them_all_again() -> None:
    found = run(tone(425, seconds=8), lambda person: np.concatenate([pressed("27"), as_shown(person)]))
    assert found["landline.digits"].value is True


def test_whoever_presses_a_key_too_many_is_right_all_the_same() -> None:
    found = run(tone(425, seconds=8), lambda person: np.concatenate([as_shown(person), pressed("2")]))
    assert (found["landline.digits"].value, found["landline.digits"].details["digits_heard"]) == (True, 5)


def test_the_next_try_begins_with_what_was_heard() -> None:
    person = Caller()
    found = run(tone(425, seconds=8), np.zeros(4 * RATE), pressed("22"), as_shown, person=person)["landline.digits"]
    assert (found.value, found.details["attempts"]) == (True, 3)
    assert any("heard no key" in text for text in person.told)
    assert any("heard 2 keys, but not these digits" in text for text in person.told)


def test_a_second_try_has_other_digits() -> None:
    person, chosen = Caller(), iter(("3457", "5438"))
    found = run(tone(425, seconds=8), pressed("2222"), as_shown, person=person, choose_digits=lambda: next(chosen))
    assert (found["landline.digits"].value, found["landline.digits"].details["attempts"]) == (True, 2)
    shown = [text for text in person.told if text.startswith("Press now")]
    assert ["3 4 5 7" in shown[0], "5 4 3 8" in shown[1]] == [True, True]


def test_a_phone_that_is_not_heard_is_a_failure_and_not_a_no() -> None:
    found = run(tone(425, seconds=8), *[np.zeros(4 * RATE)] * 3)["landline.digits"]
    assert failure(found) == ("no_digits", "line")


def test_a_phone_adapter_is_named_and_recorded_from() -> None:
    found = run(tone(350, 440, seconds=8), as_shown, found=(MICROPHONE, ADAPTER))
    assert found["landline.adapter"].value == "USB Internet Phone"
    assert found["landline.dial_tone"].details["source"] == "USB Internet Phone"
    assert found["landline.digits"].details["source"] == "USB Internet Phone"


def test_without_an_adapter_there_is_none() -> None:
    assert run(tone(425, seconds=8), as_shown)["landline.adapter"].value == "none"


def test_unattended_only_what_needs_nobody_is_told() -> None:
    found = run(person=None)
    assert found["landline.adapter"].value == "none"
    for name in ("landline.dial_tone", "landline.digits"):
        assert failure(found[name]) == ("needs_person", "person")


@pytest.mark.parametrize(
    ("heard", "value"),
    [
        (Heard("USR", tone(425, seconds=8, rate=8000), events="d"), "SE/DE/ES/PH"),
        (Heard("USR", None, dial_tone=True), "other"),
    ],
)
def test_a_modem_hears_the_dial_tone_without_anybody(heard: Heard, value: str) -> None:
    found = run(person=None, modems=lambda: (MODEM,), listen=lambda _modem, _seconds: heard)
    assert found["landline.adapter"].value == "USR5637 56K Faxmodem"
    assert found["landline.dial_tone"].value == value
    assert failure(found["landline.digits"])[0] == "needs_person"


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_modem_on_a_serial_port_is_listened_to_and_hangs_up() -> None:
    patient = partial(listen, patience=Patience(stall=20))  # the simulated one sends all at once and then waits
    sound = np.round(128 + 60 * tone(350, 440, seconds=9, amplitude=1.0, rate=8000)).astype(np.uint8).tobytes()
    with modem(Character(sound=sound)) as (found, simulated):
        probe = Landline(endpoints=tuple, modems=lambda: (found,), listen=patient)
        measured = {one.quantity.name: one for one in probe.run()}
    assert measured["landline.dial_tone"].value == "US/CA/GB"
    assert measured["landline.adapter"].value == "USR5637"
    assert simulated.commands[-2:] == ["AT+VLS=0", "ATH"]


@pytest.mark.parametrize("heard", [Heard("USR", np.zeros(64_000)), Heard("USR", None, dial_tone=False)])
def test_a_modem_on_a_dead_line_says_so(heard: Heard) -> None:
    found = run(person=None, modems=lambda: (MODEM,), listen=lambda _modem, _seconds: heard)
    assert failure(found["landline.dial_tone"]) == ("no_dial_tone", "line")


def test_a_computer_whose_sound_cannot_be_listed_still_has_its_modem() -> None:
    def no_list() -> tuple[AudioEndpoint, ...]:
        raise ProbeError("devices_not_listed", "")

    probe = Landline(
        endpoints=no_list,
        modems=lambda: (MODEM,),
        listen=lambda _modem, _seconds: Heard("USR", tone(400, seconds=8, rate=8000)),
    )
    found = {one.quantity.name: one for one in probe.run()}
    assert found["landline.adapter"].value == "USR5637 56K Faxmodem"
    assert found["landline.dial_tone"].value == "JP"


def test_random_digits_call_nobody() -> None:
    drawn = {random_digits() for _ in range(500)}
    assert len(drawn) > 200  # of 7 x 6 x 6 x 6
    for digits in drawn:
        assert len(digits) == 4
        assert set(digits) <= set(SAFE)  # emergency numbers begin with 0, 1 or 9
        assert not re.search(r"(.)\1", digits)


def test_a_real_recording_through_a_phone_adapter_of_8_khz(monkeypatch: pytest.MonkeyPatch) -> None:
    with SoundCard.plugged_in() as card:
        for name, text in card.environment.items():
            monkeypatch.setenv(name, text)
        probe = Landline(person=Caller(), record=record, modems=tuple, choose_digits=lambda: "2222")
        with card.playing_into("line", tone(350, 440, seconds=1, rate=8000), 8000):
            found = next(one for one in probe.run() if one.quantity.name == "landline.dial_tone")
    assert set(str(found.value).split("/")) == {"US", "CA", "GB"}, found
    assert (found.details["source"], found.details["rate_hz"]) == ("USB Internet Phone", 8000)

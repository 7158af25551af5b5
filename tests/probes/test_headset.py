"""The headset: identity from the system's list, and speech of known level with silence before it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, resample_poly

from homecheck.device_list import DeviceList, ListedDevice
from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.knowledge import LOCAL_FILE
from homecheck.instruments.audio.playing import Played
from homecheck.instruments.audio.recording import Recording, record
from homecheck.instruments.audio.transport import classify
from homecheck.measurement import CheckSetup, Measurement, Need, Probe
from homecheck.standards.itu_p56 import speech_level
from probes.headset import (
    BE_SILENT,
    CLEAR,
    HOLD,
    HOW_MANY,
    LISTEN,
    ONCE_MORE,
    OTHER_BEEPS,
    READ_ALOUD,
    READY,
    THANKS,
    TONES,
    WAIT,
    YOUR_VOICE,
    Headset,
    identity,
)
from tests.again import again
from tests.homecheck.instruments.audio.analysis.sounds import pink
from tests.soundcard import SoundCard, VirtualDevice

WIRED = classify(
    Facts(
        id="alsa_input.usb-serial-4711", name="Blackwire", backend="pulse", bus="usb", vendor_id="047f",
        product_id="c058", native_rate=16000, input_channels=1, default_input=True,
    )
)  # fmt: skip
EARPIECE = classify(
    Facts(
        id="alsa_output.usb-serial-4711", name="Blackwire", backend="pulse", bus="usb", vendor_id="047f",
        product_id="c058", native_rate=48000, output_channels=2,
    )
)  # fmt: skip
UNKNOWN = classify(Facts(id="x", name="USB Audio Device", backend="pulse", bus="usb", input_channels=1))
RATE = 16000


class Person:
    """Somebody who does as they are told and notes it; counts `beeps` and then as many again."""

    def __init__(self, on_tell: Callable[[str], None] = lambda _text: None, beeps: Iterable[int] = ()) -> None:
        self.heard: list[str] = []
        self._on_tell, self._beeps = on_tell, iter(beeps)

    def tell(self, text: str) -> None:
        self.heard.append(text)
        self._on_tell(text)

    def confirm(self, text: str) -> None:
        self.heard.append(text)
        self._on_tell(text)

    def ask(self, question: str) -> bool:
        self.heard.append(question)
        return True

    def enter(self, text: str) -> str:
        raise AssertionError("nothing is to be typed")

    def count(self, question: str, most: int) -> int:
        self.heard.append(question)
        return next(self._beeps)


class Ear:
    """A headset whose microphone hears its earpiece, and the room: `gain_db` quieter, later, and as `damage` does."""

    def __init__(
        self,
        gain_db: float,
        noise_db: float = -75,
        delay_ms: float = 290,
        damage: Callable[[NDArray[Any]], NDArray[Any]] = lambda x: x,
    ) -> None:
        self.gain_db, self.noise_db, self.delay_ms, self.damage = gain_db, noise_db, delay_ms, damage
        self.held_up: dict[int, float] = {}  # seconds for which the computer stands still, by the number of the sound
        self.played: list[NDArray[Any]] = []

    def play(self, microphone: AudioEndpoint, earpiece: AudioEndpoint, sound: NDArray[Any]) -> Played:
        assert (microphone.id, earpiece.id) == (WIRED.id, EARPIECE.id)
        self.played.append(sound)
        late = np.concatenate([np.zeros(round(self.delay_ms / 1000 * RATE)), sound])[: len(sound)]
        y = 10 ** (self.gain_db / 20) * self.damage(late) + pink(RATE, len(sound) / RATE, self.noise_db)
        recording = Recording(y[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
        return Played(recording, (EARPIECE.id,), 0.265, 4, self.held_up.get(len(self.played), 0.1))

    def enter(self, text: str) -> str:
        raise AssertionError("nothing is to be typed")


def by_name(measurements: Iterable[Measurement]) -> dict[str, Measurement]:
    return {measurement.quantity.name: measurement for measurement in measurements}


def speech() -> NDArray[Any]:
    """Tone bursts of 1 s at 440 Hz, 1 s apart: RMS -29.03 dB while on; P.56 reads -30.11 (the ITU's own program)."""
    t = np.arange(9 * RATE)
    return np.asarray(np.where(t % (2 * RATE) < RATE, 0.05 * np.sin(2 * np.pi * 440 * t / RATE), 0))


def hear(noise_db: float, speech: NDArray[Any], endpoint: AudioEndpoint = WIRED) -> dict[str, Measurement]:
    """Return the measurements for four seconds of noise, then noise and speech."""
    x = np.concatenate([np.zeros(4 * RATE), speech]) + (pink(RATE, 13, noise_db) if noise_db > -200 else 0)
    recording = Recording(x[:, None].astype(np.float32), RATE, endpoint.id, (endpoint.id,), "fake")
    probe = Headset(Person(), None, lambda: (endpoint,), lambda _endpoint, _seconds, _started: recording)
    return by_name(probe.run())


def worn(ear: Ear, person: Person, speech: NDArray[Any], silence_db: float = -70) -> dict[str, Measurement]:
    """Return the measurements of a complete guided run with the fake ear; two beeps are always drawn."""
    x = np.concatenate([np.zeros(4 * RATE), speech]) + pink(RATE, 13, silence_db)
    recording = Recording(x[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
    probe = Headset(person, None, lambda: (WIRED, EARPIECE), lambda *_: recording, ear.play, lambda _below: 1)
    return by_name(probe.run())


def code(measurement: Measurement) -> str:
    assert measurement.failure is not None
    return measurement.failure.code


def test_it_is_a_probe_that_the_check_configures() -> None:
    person = Person()
    probe = Headset.for_check(CheckSetup(person=person, headset="Jabra"))
    assert isinstance(probe, Probe)
    assert (probe.person, probe.wanted) == (person, "Jabra")
    assert probe.needs == {Need.MICROPHONE, Need.SPEAKER, Need.PERSON}
    assert Headset.for_check(CheckSetup()).needs == {Need.MICROPHONE}


def test_unattended_the_identity_is_known_and_the_rest_needs_a_person() -> None:
    found = alone(pink(RATE, 4, -60))
    assert list(found) == [quantity.name for quantity in Headset.quantities]
    assert found["headset.transport"].value == "wired"
    assert found["headset.connection"].value == "usb"
    assert found["headset.model"].value == "Blackwire"
    assert found["headset.headset"].value is True
    for name in ("speech_level", "snr", "clipping", "dropouts", "leak", "roundtrip", "processed"):
        failure = found[f"headset.{name}"].failure
        assert failure is not None
        assert (failure.code, failure.at_fault) == ("needs_person", "person")


@pytest.mark.parametrize(
    ("gain", "sign"),
    [(np.where(np.arange(4 * RATE) % RATE < RATE // 2, 1.0, 0.0), "zeros"),
     (np.where(np.arange(4 * RATE) % RATE < RATE // 2, 1.0, 0.1), "steps"),
     (10 ** (np.linspace(0, 12, 4 * RATE) / 20), "drift")],
)  # fmt: skip
def test_unattended_a_silence_that_is_switched_or_turned_shows_processing(gain: NDArray[Any], sign: str) -> None:
    processed = alone(gain * pink(RATE, 4, -60))["headset.processed"]
    assert processed.value is True
    signs = processed.details["signs"]
    assert isinstance(signs, list)
    assert sign in signs


def test_unattended_a_muted_microphone_is_told_and_is_no_sign_of_processing() -> None:
    assert code(alone(np.zeros(4 * RATE))["headset.processed"]) == "muted"


def alone(samples: NDArray[Any]) -> dict[str, Measurement]:
    recording = Recording(samples[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
    return by_name(Headset(endpoints=lambda: (WIRED,), record=lambda *_: recording).run())


def test_the_evidence_for_the_transport_is_told_and_the_serial_number_is_not() -> None:
    details = alone(pink(RATE, 4, -60))["headset.transport"].details
    assert details["usb_id"] == "047f:c058"
    assert "Blackwire 3225" in str(details["reason"])
    assert "4711" not in str(details)


LISTED = DeviceList((ListedDevice("dead", "beef", "wired", "Acme Cord", "tested by IT"),))
UNLISTED = VirtualDevice("Acme USB Audio", 48000, 1, "device.bus=usb device.vendor.id=dead device.product.id=beef")


@pytest.mark.audio
def test_a_program_and_a_file_on_this_computer_can_list_a_headset_and_the_evidence_tells_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(setup: CheckSetup) -> tuple[object, object, object]:
        found = by_name(Headset.for_check(setup).run())
        transport = found["headset.transport"]
        return transport.value, found["headset.identified_by"].value, transport.details["table_source"]

    with SoundCard.plugged_in({"acme": UNLISTED}) as card:
        for name, value in card.environment.items():
            monkeypatch.setenv(name, value)
        assert measured(CheckSetup(state=tmp_path)) == ("unverified", "nothing", None)
        assert measured(CheckSetup(state=tmp_path, devices=LISTED)) == ("wired", "policy", "policy")
        local = '[[device]]\nusb = "dead:beef"\nkind = "wireless-dongle"\nname = "Acme Air"\n'
        (tmp_path / LOCAL_FILE).write_text(local, encoding="utf-8")
        assert measured(CheckSetup(state=tmp_path)) == ("rf-dongle", "local", "local")
        assert measured(CheckSetup(state=tmp_path, devices=LISTED)) == ("wired", "policy", "policy")
        (tmp_path / LOCAL_FILE).write_text("[[device]]", encoding="utf-8")
        with pytest.raises(ProbeError, match=r"audio-devices\.toml\.device\[0\]: the key 'usb' is missing"):
            measured(CheckSetup(state=tmp_path))


def test_why_it_is_taken_for_a_headset_is_told() -> None:
    assert by_name(Headset(endpoints=lambda: (WIRED,)).run())["headset.headset"].details == {
        "reason": "the list says wired"
    }


def test_a_device_that_nothing_proves_a_headset_is_a_failure_and_no_guess() -> None:
    found = hear(-60, speech(), UNKNOWN)
    assert found["headset.transport"].value == "unverified"
    failure = found["headset.headset"].failure
    assert failure is not None
    assert failure.code == "unverified"
    assert "USB Audio Device" in failure.message


def test_without_a_microphone_nothing_is_measured() -> None:
    with pytest.raises(ProbeError) as caught:
        list(Headset(endpoints=lambda: ()).run())
    assert caught.value.code == "no_device"


@pytest.mark.parametrize("noise_db", [-80, -60, -50])
def test_speech_level_and_snr_are_right_within_their_uncertainty(noise_db: float) -> None:
    found = hear(noise_db, speech())
    level, snr = found["headset.speech_level"], found["headset.snr"]
    assert level.uncertainty is not None
    assert snr.uncertainty is not None
    assert level.value == pytest.approx(-30.11, abs=level.uncertainty)
    assert snr.value == pytest.approx(-30.11 - noise_db, abs=snr.uncertainty)
    assert snr.uncertainty < 2.5


def test_a_mean_of_the_speech_is_no_noise_and_a_converters_offset_is_neither() -> None:
    pushed = speech() + np.where(speech() != 0, 0.003, 0)  # a voice that pushes the membrane to one side
    found = hear(-80, pushed)["headset.snr"]
    assert found.uncertainty is not None
    assert found.value == pytest.approx(49.89, abs=found.uncertainty)
    x = np.concatenate([np.zeros(4 * RATE), speech()]) + pink(RATE, 13, -80) + 0.2
    recording = Recording(x[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
    offset = by_name(Headset(Person(), None, lambda: (WIRED,), lambda *_: recording).run())["headset.snr"]
    assert offset.value == pytest.approx(49.89, abs=found.uncertainty)


def test_below_the_margin_of_p56_the_uncertainty_grows() -> None:
    near, far = hear(-40, speech())["headset.snr"], hear(-55, speech())["headset.snr"]
    assert near.uncertainty is not None
    assert far.uncertainty is not None
    assert near.uncertainty > 3 > far.uncertainty
    assert near.value == pytest.approx(10, abs=near.uncertainty)


def test_overload_is_told_as_clipping() -> None:
    loud = np.clip(40 * speech(), -1, 1)  # a sine of amplitude 2: beyond 1 for two thirds of the time it is on
    clipping = hear(-90, loud)["headset.clipping"]
    assert clipping.uncertainty is not None
    # 8.7 s are looked at, of which 4.7 s are on.
    assert clipping.value == pytest.approx(100 * 2 / 3 * 4.7 / 8.7, abs=0.5)
    assert hear(-60, speech() + 0)["headset.clipping"].value == pytest.approx(0, abs=0.1)


def test_somebody_who_does_not_read_is_asked_again() -> None:
    found = hear(-60, np.zeros(9 * RATE))
    for name in ("headset.speech_level", "headset.snr", "headset.clipping"):
        failure = found[name].failure
        assert failure is not None
        assert (failure.code, failure.at_fault) == ("no_speech", "person")
    assert found["headset.transport"].value == "wired"


def test_a_room_as_loud_as_the_reading_is_the_rooms_fault() -> None:
    found = hear(-28, speech())
    failure = found["headset.snr"].failure
    assert failure is not None
    assert (failure.code, failure.at_fault) == ("too_noisy", "room")
    assert code(found["headset.processed"]) == "too_noisy"


def test_without_a_reading_no_sign_of_processing_proves_nothing() -> None:
    found = hear(-60, np.zeros(9 * RATE))
    assert code(found["headset.processed"]) == "no_speech"
    t = np.arange(13 * RATE) / RATE
    switched = np.where(t % 1 < 0.5, 1.0, 0.0) * pink(RATE, 13, -50)
    recording = Recording(switched[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
    gated = by_name(Headset(Person(), None, lambda: (WIRED,), lambda *_: recording).run())
    assert code(gated["headset.snr"]) == "no_speech"
    assert gated["headset.processed"].value is True


def test_a_microphone_that_is_muted_before_the_reading_is_told_as_muted() -> None:
    x = np.concatenate([pink(RATE, 4.2, -60), np.zeros(round(8.8 * RATE))])
    recording = Recording(x[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake", name="Blackwire")
    found = by_name(Headset(Person(), None, lambda: (WIRED,), lambda *_: recording).run())
    assert {code(found[f"headset.{name}"]) for name in ("speech_level", "leak", "processed")} == {"muted"}
    failure = found["headset.snr"].failure
    assert failure is not None
    assert failure.message.startswith("Blackwire, while you were to read: ")


def overloaded() -> Recording:
    """Return thirteen seconds of a room that drives the microphone far beyond its top."""
    x = np.clip(pink(RATE, 13, 10), -1, 1)
    return Recording(x[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")


def test_a_microphone_that_is_overloaded_in_silence_is_not_the_persons_silence() -> None:
    person = Person()
    found = by_name(Headset(person, None, lambda: (WIRED,), lambda *_: overloaded()).run())
    assert {code(found[f"headset.{name}"]) for name in ("speech_level", "clipping", "leak", "processed")} == {
        "overloaded"
    }
    assert LISTEN not in person.heard
    alone = by_name(Headset(None, None, lambda: (WIRED,), lambda *_: overloaded()).run())
    assert code(alone["headset.processed"]) == "overloaded"


def test_a_noise_gate_has_a_speech_level_but_no_snr() -> None:
    found = hear(-999, speech())  # exact zeros while nobody speaks
    assert found["headset.speech_level"].value == pytest.approx(-30.11, abs=0.5)
    failure = found["headset.snr"].failure
    assert failure is not None
    assert failure.code == "gated"


@pytest.mark.parametrize(
    ("samples", "code"),
    [(np.zeros(13 * RATE), "muted"), (np.full(13 * RATE, np.nan), "bad_samples"), (pink(RATE, 3, -50), "too_short")],
)
def test_a_microphone_that_does_not_work_fails_and_its_identity_stays_known(samples: NDArray[Any], code: str) -> None:
    recording = Recording(samples[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
    found = by_name(Headset(Person(), None, lambda: (WIRED,), lambda *_: recording).run())
    assert found["headset.model"].value == "Blackwire"
    failure = found["headset.speech_level"].failure
    assert failure is not None
    assert failure.code == code


def test_nobody_is_asked_to_read_to_a_recording_that_failed() -> None:
    def fail(_endpoint: AudioEndpoint, _seconds: float, started: Callable[[], None]) -> Recording:
        started()
        raise ProbeError("unplugged", "Plug it in firmly.")

    person = Person()
    found = by_name(Headset(person, None, lambda: (WIRED,), fail).run())
    assert person.heard == [READY, BE_SILENT]
    failure = found["headset.snr"].failure
    assert failure is not None
    assert failure.code == "unplugged"


def test_importing_the_probe_loads_neither_numpy_nor_the_sound_library() -> None:
    code = "import sys, probes.headset, probes.quiet_room; print({'numpy', 'sounddevice'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == "set()"


@pytest.mark.audio
@pytest.mark.parametrize(
    ("device", "transport", "connection", "headset"),
    [
        ("Plantronics Blackwire 3225 Series", "wired", "usb", True),
        ("Jabra Link 370", "rf-dongle", "usb", True),
        ("Kopfhörer WH-1000XM4", "bluetooth", "bluetooth", True),
        ("Built-in Audio Analog Stereo", "builtin", "internal", False),
        ("USB Internet Phone", "unverified", "usb", False),
    ],
)
def test_a_named_device_comes_out_as_what_it_is(
    sound_card: SoundCard, device: str, transport: str, connection: str, headset: bool
) -> None:
    found = by_name(identity(choose_input(endpoints(), device)))
    assert found["headset.model"].value == device
    assert found["headset.transport"].value == transport
    assert found["headset.connection"].value == connection
    assert found["headset.headset"].value is headset


def test_a_headset_that_leaks_is_measured_from_beeps_to_tones() -> None:
    person, ear = Person(beeps=[2]), Ear(-32)
    found = worn(ear, person, speech())
    assert person.heard == [
        READY, LISTEN, HOW_MANY, YOUR_VOICE, CLEAR, TONES, WAIT, THANKS,
    ]  # fmt: skip
    leak, roundtrip, dropouts = (found[f"headset.{name}"] for name in ("leak", "roundtrip", "dropouts"))
    assert leak.value == pytest.approx(-32, abs=0.3)
    assert leak.bound is None
    assert roundtrip.value == pytest.approx(290, abs=0.2)
    assert (dropouts.value, dropouts.details["held_together"]) == (0.0, False)
    # No event in 20 s: the exact interval reaches to 3.69 events (Garwood's table), half of that is 1.84.
    assert dropouts.uncertainty == pytest.approx(1.84 * 60 / 19.8, abs=0.05)
    assert (leak.details["beeps"], leak.details["beeps_heard"], leak.details["own_voice_clear"]) == (2, 2, True)
    assert (leak.details["earpiece"], leak.details["rate_hz"]) == ("Blackwire", RATE)
    assert found["headset.processed"].value is False


def test_what_the_computer_held_up_beyond_its_buffers_may_be_part_of_the_round_trip() -> None:
    ear = Ear(-32)
    assert worn(ear, Person(beeps=[2]), speech())["headset.roundtrip"].uncertainty == 15
    ear.held_up = {6: 0.45}  # of which 0.2 s lie in the buffers
    assert worn(ear, Person(beeps=[2]), speech())["headset.roundtrip"].uncertainty == pytest.approx(15 + 250)


@pytest.mark.parametrize(("held_up", "tries"), [({3: 0.7}, 2), ({3: 0.5}, 1), ({1: 0.7, 2: 0.7}, 1)])
def test_tones_in_which_the_computer_stood_still_are_played_once_more(held_up: dict[int, float], tries: int) -> None:
    """Beeps come first and then the person's own voice, in which nothing is measured."""
    ear, person = Ear(-32), Person(beeps=[2])
    ear.held_up = held_up
    found = worn(ear, person, speech())
    assert person.heard[-2 - tries :] == [TONES, *[WAIT] * tries, THANKS]
    assert len(ear.played) == 2 + tries
    assert found["headset.roundtrip"].value == pytest.approx(290, abs=0.2)


def test_a_computer_that_stands_still_again_and_again_leaves_no_drop_outs_to_the_headset() -> None:
    ear = Ear(-32)
    ear.held_up = {3: 0.7, 4: 0.8}
    found = worn(ear, Person(beeps=[2]), speech())
    for name in ("dropouts", "leak", "roundtrip"):
        failure = found[f"headset.{name}"].failure
        assert failure is not None
        assert (failure.code, failure.at_fault) == ("interrupted", "device")
        assert "stood still for 0.8 s" in failure.message
    assert found["headset.snr"].failure is None


def test_gaps_are_counted_per_minute() -> None:
    def three_gaps(x: NDArray[Any]) -> NDArray[Any]:
        y = x.copy()
        for moment in (8.0, 13.5, 20.1):
            y[round(moment * RATE) : round((moment + 0.005) * RATE)] = 0
        return y

    dropouts = worn(Ear(-30, damage=three_gaps), Person(beeps=[2]), speech())["headset.dropouts"]
    assert dropouts.details["count"] == 3
    assert dropouts.value == pytest.approx(3 * 60 / 19.8, abs=0.05)


def test_a_headset_that_keeps_its_sound_has_a_bound_and_is_held_together_for_the_rest() -> None:
    ear = Ear(-95)

    def hold(text: str) -> None:
        if text == HOLD:
            ear.gain_db = -25

    person = Person(hold, beeps=[2])
    found = worn(ear, person, speech())
    assert person.heard[-5:] == [TONES, WAIT, HOLD, WAIT, THANKS]
    leak, roundtrip, dropouts = (found[f"headset.{name}"] for name in ("leak", "roundtrip", "dropouts"))
    assert leak.bound == "at_most"
    assert isinstance(leak.value, float)
    assert -95 < leak.value < -50
    assert leak.details["at_most"] is True
    assert roundtrip.value == pytest.approx(290, abs=0.2)
    assert roundtrip.details["held_together"] is True
    assert (dropouts.value, dropouts.details["held_together"]) == (0.0, True)


def test_tones_that_never_come_back_are_a_failure_and_not_no_drop_outs() -> None:
    found = worn(Ear(-200), Person(beeps=[2]), speech())
    assert code(found["headset.dropouts"]) == code(found["headset.roundtrip"]) == "tones_not_heard"
    assert found["headset.leak"].bound == "at_most"


def test_who_hears_no_beeps_wears_something_else() -> None:
    person, ear = Person(beeps=[0, 0]), Ear(-30)
    found = worn(ear, person, speech())
    assert person.heard[1:] == [LISTEN, HOW_MANY, ONCE_MORE, HOW_MANY, OTHER_BEEPS, THANKS]
    for name in ("dropouts", "leak", "roundtrip"):
        failure = found[f"headset.{name}"].failure
        assert failure is not None
        assert (failure.code, failure.at_fault) == ("not_heard", "person")
    assert found["headset.speech_level"].failure is None
    assert len(ear.played) == 2  # no tones for somebody who does not hear them


def test_who_miscounts_once_hears_another_round() -> None:
    found = worn(Ear(-30), Person(beeps=[1, 2]), speech())
    assert found["headset.leak"].details["beep_tries"] == 2


def test_a_microphone_without_an_earpiece_says_so_and_keeps_its_other_numbers() -> None:
    found = hear(-60, speech())
    assert {code(found[f"headset.{name}"]) for name in ("dropouts", "leak", "roundtrip")} == {"no_earpiece"}
    assert found["headset.processed"].value is False


def test_people_hear_themselves_as_loud_as_a_caller_and_without_the_silence() -> None:
    ear = Ear(-30)
    worn(ear, Person(beeps=[2]), 0.2 * speech())  # 14 dB quieter: -44.09 dB
    own = ear.played[1]
    assert len(own) == 9 * RATE
    assert speech_level(own, RATE).active_db == pytest.approx(-26, abs=0.5)


@pytest.mark.parametrize("seconds", [0.2, 3.0, 4.5])
def test_a_recording_that_breaks_off_fails_everything_and_plays_nothing(seconds: float) -> None:
    samples = pink(RATE, seconds, -40)[:, None].astype(np.float32)
    recording, ear = Recording(samples, RATE, WIRED.id, (WIRED.id,), "fake"), Ear(-30)
    found = by_name(Headset(Person(), None, lambda: (WIRED, EARPIECE), lambda *_: recording, ear.play).run())
    assert list(found) == [quantity.name for quantity in Headset.quantities]
    for name in ("speech_level", "snr", "clipping", "dropouts", "leak", "roundtrip", "processed"):
        assert code(found[f"headset.{name}"]) == "too_short"
    assert ear.played == []


def test_where_the_system_names_no_rate_everything_is_played_at_the_recordings() -> None:
    """Else a voice recorded at 16 kHz would be heard at three times its pitch."""
    unnamed, ear = replace(WIRED, native_rate=None), Ear(-30)
    x = np.concatenate([np.zeros(4 * RATE), speech()]) + pink(RATE, 13, -70)
    recording = Recording(x[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
    person = Person(beeps=[2])
    found = by_name(
        Headset(person, None, lambda: (unnamed, EARPIECE), lambda *_: recording, ear.play, lambda _: 1).run()
    )
    assert len(ear.played[1]) == 9 * RATE
    assert found["headset.leak"].details["rate_hz"] == RATE
    assert found["headset.leak"].value == pytest.approx(-30, abs=0.3)


def test_bursts_of_noise_over_the_tones_are_left_out_and_are_no_drop_outs() -> None:
    def noisy(x: NDArray[Any]) -> NDArray[Any]:
        bursts = np.arange(len(x)) % (RATE // 2) < RATE // 20
        return np.asarray(x + np.where(bursts, np.random.default_rng(1).normal(0, 0.5, len(x)), 0))

    dropouts = worn(Ear(-30, damage=noisy), Person(beeps=[2]), speech())["headset.dropouts"]
    assert isinstance(dropouts.details["disturbed_percent"], float)
    assert 10 < dropouts.details["disturbed_percent"] < 50
    assert dropouts.value == 0.0


def test_tones_that_are_taken_for_noise_show_suppression() -> None:
    def suppressed(x: NDArray[Any]) -> NDArray[Any]:
        t = np.arange(len(x)) / RATE
        return np.asarray(x * np.where(t > 8, 10 ** (-10 / 20), 1.0))

    processed = worn(Ear(-20, damage=suppressed), Person(beeps=[2]), speech())["headset.processed"]
    assert processed.value is True
    signs = processed.details["signs"]
    assert isinstance(signs, list)
    assert "fade" in signs


def test_hum_and_offset_are_told_beside_the_level() -> None:
    t = np.arange(13 * RATE) / RATE
    hum = sum(10 ** (-55 / 20) * np.sqrt(2) * np.sin(2 * np.pi * 50 * k * t) for k in (1, 2, 3))
    x = np.concatenate([np.zeros(4 * RATE), speech()]) + pink(RATE, 13, -70) + hum + 0.02
    recording = Recording(x[:, None].astype(np.float32), RATE, WIRED.id, (WIRED.id,), "fake")
    probe = Headset(Person(), None, lambda: (WIRED,), lambda *_: recording)
    details = by_name(probe.run())["headset.speech_level"].details
    assert details["offset_percent"] == pytest.approx(2.0, abs=0.01)
    assert details["hum_mains_hz"] == 50
    assert isinstance(details["hum_db"], float)
    assert details["hum_db"] > 8
    quiet = hear(-70, speech())["headset.speech_level"].details["hum_db"]
    assert isinstance(quiet, float)
    assert quiet < 4


def test_tops_that_were_rounded_off_are_no_proof_of_no_clipping() -> None:
    """Noise as low as a voice with a slow swell, overloaded by 12 dB and brought to another rate by scipy."""
    t = np.arange(9 * RATE) / RATE
    low = lfilter(*butter(2, 500, fs=RATE), np.random.default_rng(3).normal(0, 1, len(t)))
    swell = low / np.abs(low).max() * (0.2 + np.abs(np.sin(2 * np.pi * 0.7 * t)) ** 3)
    whole = hear(-80, 0.3 * swell)["headset.clipping"]
    assert (whole.value, whole.bound) == (0.0, None)
    smooth = resample_poly(np.clip(4 * resample_poly(swell, 4, 1), -1, 1), 1, 4)
    rounded = hear(-80, 0.5 * smooth)["headset.clipping"]
    assert rounded.value == pytest.approx(0, abs=0.05)
    assert rounded.bound == "at_least"


@again
@pytest.mark.audio
def test_a_person_who_reads_is_measured_through_the_real_path(sound_card: SoundCard) -> None:
    """The room is noise at -60 dB all the time; on the cue, speech plays into the same microphone, then the headset."""
    t = np.arange(2 * RATE)
    speech = np.where(t < RATE, 0.05 * np.sin(2 * np.pi * 440 * t / RATE), 0)
    cues: dict[str, float] = {}
    sound_card.couple("bluetooth", -20)
    with ExitStack() as playing, ExitStack() as voice:

        def obey(text: str) -> None:
            cues[text] = time.monotonic()
            if text == READ_ALOUD:
                voice.enter_context(sound_card.playing_into("bluetooth", speech, RATE))
            elif text == LISTEN:
                voice.close()  # they have finished reading

        playing.enter_context(sound_card.playing_into("bluetooth", pink(RATE, 2, -60), RATE))
        person = Person(obey, beeps=[3])
        probe = Headset(person, "bluetooth_mic", record=record, draw=lambda _below: 2, tone_seconds=4)
        found = by_name(probe.run())
    assert [text for text, _ in groupby(person.heard)] == [  # on a busy computer the tones may play once more
        READY, BE_SILENT, READ_ALOUD, LISTEN, HOW_MANY, YOUR_VOICE, CLEAR, TONES, WAIT, THANKS,
    ]  # fmt: skip
    assert cues[READ_ALOUD] - cues[BE_SILENT] == pytest.approx(4, abs=1)
    level, snr = found["headset.speech_level"], found["headset.snr"]
    assert level.uncertainty is not None
    assert snr.uncertainty is not None
    assert level.value == pytest.approx(-30.11, abs=max(0.5, level.uncertainty))
    assert snr.value == pytest.approx(29.89, abs=max(0.5, snr.uncertainty))
    assert level.details["rate_hz"] == RATE
    leak, roundtrip, dropouts = (found[f"headset.{name}"] for name in ("leak", "roundtrip", "dropouts"))
    assert leak.value == pytest.approx(-20, abs=max(0.3, leak.uncertainty or 0))
    assert isinstance(roundtrip.value, float)
    assert roundtrip.uncertainty is not None
    assert 200 < roundtrip.value < 435 + roundtrip.uncertainty
    assert dropouts.value == 0
    assert leak.details["earpiece"] == "Kopfhörer WH-1000XM4"
    assert found["headset.processed"].value is False

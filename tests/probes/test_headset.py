"""The headset: identity from the system's list, and speech of known level with silence before it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint
from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.recording import Recording, record
from homecheck.instruments.audio.transport import classify
from homecheck.measurement import CheckSetup, Measurement, Need, Probe
from probes.headset import BE_SILENT, READ_ALOUD, READY, THANKS, Headset
from tests.homecheck.instruments.audio.analysis.sounds import pink
from tests.soundcard import SoundCard

WIRED = classify(
    Facts(
        id="alsa_input.usb-serial-4711", name="Blackwire", backend="pulse", bus="usb", vendor_id="047f",
        product_id="c058", native_rate=16000, input_channels=1, default_input=True,
    )
)  # fmt: skip
UNKNOWN = classify(Facts(id="x", name="USB Audio Device", backend="pulse", bus="usb", input_channels=1))
RATE = 16000


class Person:
    """Somebody who does as they are told and notes it."""

    def __init__(self, on_tell: Callable[[str], None] = lambda _text: None) -> None:
        self.heard: list[str] = []
        self._on_tell = on_tell

    def tell(self, text: str) -> None:
        self.heard.append(text)
        self._on_tell(text)

    def confirm(self, text: str) -> None:
        self.heard.append(text)


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


def test_it_is_a_probe_that_the_check_configures() -> None:
    person = Person()
    probe = Headset.for_check(CheckSetup(person=person, headset="Jabra"))
    assert isinstance(probe, Probe)
    assert (probe.person, probe.wanted) == (person, "Jabra")
    assert probe.needs == {Need.MICROPHONE, Need.PERSON}
    assert Headset.for_check(CheckSetup()).needs == frozenset()


def test_unattended_the_identity_is_known_and_the_rest_needs_a_person() -> None:
    found = by_name(Headset(endpoints=lambda: (WIRED,)).run())
    assert list(found) == [quantity.name for quantity in Headset.quantities]
    assert found["headset.transport"].value == "wired"
    assert found["headset.connection"].value == "usb"
    assert found["headset.model"].value == "Blackwire"
    assert found["headset.headset"].value is True
    for name in ("headset.speech_level", "headset.snr", "headset.clipping"):
        failure = found[name].failure
        assert failure is not None
        assert (failure.code, failure.at_fault) == ("needs_person", "person")


def test_the_evidence_for_the_transport_is_told_and_the_serial_number_is_not() -> None:
    details = by_name(Headset(endpoints=lambda: (WIRED,)).run())["headset.transport"].details
    assert details["usb_id"] == "047f:c058"
    assert "Blackwire 3225" in str(details["reason"])
    assert "4711" not in str(details)


def test_a_device_that_nothing_proves_a_headset_is_a_failure_and_no_guess() -> None:
    found = by_name(Headset(endpoints=lambda: (UNKNOWN,)).run())
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


def test_a_noise_gate_has_a_speech_level_but_no_snr() -> None:
    found = hear(-999, speech())  # exact zeros while nobody speaks
    assert found["headset.speech_level"].value == pytest.approx(-30.11, abs=0.5)
    failure = found["headset.snr"].failure
    assert failure is not None
    assert failure.code == "gated"


@pytest.mark.parametrize(
    ("samples", "code"),
    [(np.zeros(13 * RATE), "muted"), (np.full(13 * RATE, np.nan), "bad_samples"), (np.ones(3 * RATE), "too_short")],
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
    found = by_name(Headset(wanted=device).run())
    assert found["headset.model"].value == device
    assert found["headset.transport"].value == transport
    assert found["headset.connection"].value == connection
    assert found["headset.headset"].value is headset


@pytest.mark.audio
def test_a_person_who_reads_is_measured_through_the_real_path(sound_card: SoundCard) -> None:
    """The room is noise at -60 dB all the time; on the cue, speech begins to play into the same microphone."""
    t = np.arange(2 * RATE)
    speech = np.where(t < RATE, 0.05 * np.sin(2 * np.pi * 440 * t / RATE), 0)
    cues: dict[str, float] = {}
    with ExitStack() as playing:

        def obey(text: str) -> None:
            cues[text] = time.monotonic()
            if text == READ_ALOUD:
                playing.enter_context(sound_card.playing_into("bluetooth", speech, RATE))

        playing.enter_context(sound_card.playing_into("bluetooth", pink(RATE, 2, -60), RATE))
        person = Person(obey)
        found = by_name(Headset(person, "bluetooth_mic", record=record).run())
    assert person.heard == [READY, BE_SILENT, READ_ALOUD, THANKS]
    assert cues[READ_ALOUD] - cues[BE_SILENT] == pytest.approx(4, abs=1)
    level, snr = found["headset.speech_level"], found["headset.snr"]
    assert level.uncertainty is not None
    assert snr.uncertainty is not None
    assert level.value == pytest.approx(-30.11, abs=max(0.5, level.uncertainty))
    assert snr.value == pytest.approx(29.89, abs=max(0.5, snr.uncertainty))
    assert level.details["rate_hz"] == RATE

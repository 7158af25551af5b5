"""The room: known sounds, handed over directly and through the virtual sound card."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import freqs_zpk

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint
from homecheck.instruments.audio.recording import Recording, record
from homecheck.measurement import CheckSetup, Measurement, Need, Probe, Value
from probes.quiet_room import QuietRoom
from tests.again import again
from tests.homecheck.instruments.audio.analysis.sounds import bursts, pink, sine
from tests.live_collector import wait_until
from tests.needs import need_program
from tests.room_sounds import HELD_OUT, make_scene
from tests.soundcard import DEVICES, SoundCard

QUANTITIES = [f"room.{name}" for name in ("noise", "snr", "variation", "voices", "events", "hum", "kind")]
ENDPOINT = AudioEndpoint(
    id="secret-serial-0001", name="Test microphone", backend="pulse", input_channels=1, default_input=True,
    transport="wired", connection="usb", headset=True,
)  # fmt: skip


def hear(x: NDArray[Any], rate: int = 16000) -> dict[str, Measurement]:
    """Return the room's measurements for a microphone that delivers `x`."""
    samples = np.asarray(x, dtype=np.float32).reshape(len(x), 1 if x.ndim == 1 else x.shape[1])
    recording = Recording(samples, rate, ENDPOINT.id, (ENDPOINT.id,), "fake")
    room = QuietRoom(endpoints=lambda: (ENDPOINT,), record=lambda _endpoint, _seconds: recording)
    return {measurement.quantity.name: measurement for measurement in room.run()}


def number(measurement: Measurement) -> float:
    assert isinstance(measurement.value, float)
    return measurement.value


def a_weighted_db(x: NDArray[Any], rate: int) -> float:
    """LAeq of a sound that repeats without a jump, by scipy's analogue filter and Parseval's theorem."""
    poles = 2 * np.pi * np.array([-20.598997] * 2 + [-12194.217] * 2 + [-107.65265, -737.86223])
    f = np.fft.rfftfreq(len(x), 1 / rate)
    _, response = freqs_zpk([0] * 4, poles, 1, 2 * np.pi * np.append(f, 1000))
    power = np.abs(np.fft.rfft(x) * response[:-1] / response[-1]) ** 2
    power[1:-1] *= 2
    return float(10 * np.log10(power.sum() / len(x) ** 2))


def test_it_is_a_probe_that_the_check_configures() -> None:
    probe = QuietRoom.for_check(CheckSetup(listen_seconds=7, headset="Jabra"))
    assert isinstance(probe, Probe)
    assert (probe.listen_seconds, probe.wanted, probe.deadline_seconds) == (7, "Jabra", 47)


def test_every_quantity_comes_out_once_with_its_uncertainty() -> None:
    found = hear(pink(16000, 10, -50))
    assert list(found) == QUANTITIES
    assert [m.quantity.unit for m in found.values()] == ["dBFS(A)", "dB", "dB", "%", "1/min", "dB", ""]
    assert all(found[name].uncertainty for name in QUANTITIES if name not in ("room.snr", "room.kind"))


@pytest.mark.parametrize("rate", [48000, 44100, 16000, 8000])
def test_the_level_of_noise_is_right_within_its_uncertainty(rate: int) -> None:
    x = pink(rate, 10, -47)
    noise = hear(x, rate)["room.noise"]
    assert noise.uncertainty is not None
    assert noise.uncertainty < 0.5
    assert number(noise) == pytest.approx(a_weighted_db(x, rate), abs=noise.uncertainty)


@pytest.mark.parametrize(
    ("sound", "kind"),
    [
        (pink(16000, 10, -80), "quiet"),
        (pink(16000, 10, -45), "steady"),
        (pink(16000, 10, -60) + sine(50, 16000, 10, -60) + sine(150, 16000, 10, -66), "hum"),
        (pink(16000, 10, -60) + sine(60, 16000, 10, -60) + sine(180, 16000, 10, -66), "hum"),
        (pink(16000, 10, -70) + bursts(16000, 10, 2.5, 0.3, -40), "events"),
        (pink(16000, 10, -85) + bursts(16000, 10, 0.25, 0.1, -60), "events"),  # soft, yet never still
    ],
)
def test_the_kind_of_noise_is_named(sound: NDArray[Any], kind: Value) -> None:
    assert hear(sound)["room.kind"].value == kind


def test_events_are_counted_per_minute() -> None:
    events = hear(pink(16000, 10, -70) + bursts(16000, 10, 2.5, 0.3, -40))["room.events"]
    assert events.details["count"] == 4
    # 10 s without a tenth at both ends.
    assert number(events) == pytest.approx(4 * 60 / 9.8, abs=0.1)
    # Garwood's 95 % interval of 4 counts is 1.09 to 10.24 (Pearson and Hartley, table 40).
    assert events.uncertainty == pytest.approx((10.24 - 1.09) / 2 * 60 / 9.8, rel=0.01)


def test_a_room_without_events_still_tells_how_little_ten_seconds_prove() -> None:
    events = hear(pink(16000, 10, -50))["room.events"]
    assert number(events) == 0
    # 0 counts: 0 to 3.689.
    assert events.uncertainty == pytest.approx(3.689 / 2 * 60 / 9.8, rel=0.01)


def test_variation_is_the_step_between_two_levels() -> None:
    x = sine(1000, 16000, 12, -60)
    x[: 6 * 16000] *= 10  # 20 dB for half of the time
    found = hear(x)["room.variation"]
    assert number(found) == pytest.approx(20, abs=0.1)
    assert found.details["la10"] == pytest.approx(-40, abs=0.05)
    assert found.details["la90"] == pytest.approx(-60, abs=0.05)
    assert found.details["lafmax"] == pytest.approx(-40, abs=0.05)


def test_a_long_listen_is_made_of_pieces_of_a_minute_at_most() -> None:
    asked: list[float] = []

    def play(_endpoint: AudioEndpoint, seconds: float) -> Recording:
        """A minute that is 20 dB louder than the two others."""
        asked.append(seconds)
        level = -40 if len(asked) == 2 else -60
        return Recording(
            sine(1000, 8000, seconds, level)[:, None].astype(np.float32), 8000, ENDPOINT.id, (ENDPOINT.id,), "fake"
        )

    probe = QuietRoom(150, endpoints=lambda: (ENDPOINT,), record=play)
    found = {measurement.quantity.name: measurement for measurement in probe.run()}
    assert asked == [50, 50, 50]
    assert probe.deadline_seconds > 150 + 2 * 15
    assert number(found["room.noise"]) == pytest.approx(10 * np.log10((1e-4 + 2e-6) / 3), abs=0.05)
    assert number(found["room.variation"]) == pytest.approx(20, abs=0.1)
    assert found["room.noise"].details["seconds"] == 150
    assert found["room.events"].details["count"] == 1


class Microphone:
    """A microphone that delivers a minute of noise for every piece until it vanishes; notes what it was asked for."""

    def __init__(self, pieces: int, error: ProbeError | None = None, spoken: NDArray[Any] | None = None) -> None:
        self.pieces, self.error, self.spoken = pieces, error, np.zeros(0) if spoken is None else spoken
        self.asked = 0

    def record(self, _endpoint: AudioEndpoint, seconds: float, started: Callable[[], None] | None = None) -> Recording:
        self.asked += 1
        if self.error is not None and self.asked > self.pieces:
            raise self.error
        room = pink(8000, 6, -50 if self.asked < self.pieces else -44)  # six seconds stand for a minute
        x = np.concatenate([room, self.spoken]) if self.asked == self.pieces else room
        return Recording(x[:, None].astype(np.float32), 8000, ENDPOINT.id, (ENDPOINT.id,), "fake")


GONE = ProbeError("unplugged", "Plug it in firmly.", message="Test microphone: unplugged while it was in use")


def test_a_microphone_that_vanishes_during_a_long_listen_costs_nothing_that_was_heard_before() -> None:
    microphone, person = Microphone(3, GONE), Listener()
    probe = QuietRoom(1800, None, person, lambda: (ENDPOINT,), microphone.record)
    found = {measurement.quantity.name: measurement for measurement in probe.run()}
    assert microphone.asked == 4
    # Twice -50 dB and once -44 dB, A-weighted alike: the mean of the powers.
    expected = 10 * np.log10((2 + 10**0.6) / 3) + a_weighted_db(pink(8000, 6, -50), 8000)
    assert number(found["room.noise"]) == pytest.approx(expected, abs=0.05)
    for name in ("room.noise", "room.voices", "room.events", "room.kind"):
        assert found[name].details["broken_off"] == "unplugged", name
        assert found[name].details["wanted_seconds"] == 1800, name
        # Of each piece the voices take 1.2 s and levels 0.2 s less.
        assert found[name].details["seconds"] == pytest.approx(13.2 if name == "room.voices" else 18, abs=0.7), name
    failure = found["room.snr"].failure  # nobody was asked to speak, and that is the microphone's fault
    assert failure is not None
    assert failure.code == "unplugged"
    assert person.heard[-1] == (
        "The listening broke off after 18 seconds of 30 minutes: Test microphone: unplugged while it was in use. What "
        "was heard until then counts. To hear all of it, check again. Plug it in firmly."
    )


def test_a_listen_that_was_not_broken_off_says_nothing_of_the_kind() -> None:
    microphone = Microphone(2)
    probe = QuietRoom(120, endpoints=lambda: (ENDPOINT,), record=microphone.record)
    assert not [m for m in probe.run() if {"broken_off", "wanted_seconds"} & set(m.details)]


def test_nobody_there_is_no_reason_for_another_error_when_a_long_listen_breaks_off() -> None:
    probe = QuietRoom(1800, endpoints=lambda: (ENDPOINT,), record=Microphone(2, GONE).record)
    failures = {m.quantity.name: m.failure.code for m in probe.run() if m.failure is not None}
    assert failures == {"room.snr": "needs_person"}


def test_a_microphone_that_vanishes_at_once_is_a_failure() -> None:
    with pytest.raises(ProbeError, match="while it was in use"):
        list(QuietRoom(1800, endpoints=lambda: (ENDPOINT,), record=Microphone(0, GONE).record).run())


@pytest.mark.parametrize("sound", [np.zeros(48000), pink(8000, 3, -50)], ids=["muted", "too short"])
def test_a_piece_that_is_no_room_ends_a_long_listen_too(sound: NDArray[Any]) -> None:
    pieces = [pink(8000, 6, -50), sound, pink(8000, 6, -20)]

    def play(_endpoint: AudioEndpoint, _seconds: float) -> Recording:
        return Recording(pieces.pop(0)[:, None].astype(np.float32), 8000, ENDPOINT.id, (ENDPOINT.id,), "fake")

    found = {m.quantity.name: m for m in QuietRoom(180, endpoints=lambda: (ENDPOINT,), record=play).run()}
    assert len(pieces) == 1
    assert found["room.noise"].details["seconds"] == 6
    assert found["room.noise"].details["broken_off"] in ("muted", "too_short")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (60, ["Please stay silent for 60 seconds: the microphone listens to the room."]),
        (90, ["The microphone now listens to the room for 90 seconds.", "45 seconds of 90 seconds are done."]),
        (1800, ["The microphone now listens to the room for 30 minutes.",
                *(f"{minutes} minutes of 30 minutes are done." for minutes in (5, 10, 15, 20, 25))]),
        (450, ["The microphone now listens to the room for 7.5 minutes.",
               "112 seconds of 7.5", "3.8 minutes of 7.5", "5.6 minutes of 7.5"]),
    ],
)  # fmt: skip
def test_a_long_listen_says_now_and_then_how_far_it_is(seconds: float, said: list[str]) -> None:
    pieces, person = max(1, -(-int(seconds) // 60)), Listener()
    microphone = Microphone(pieces, spoken=sine(500, 8000, 7, -26))

    def play(endpoint: AudioEndpoint, asked: float, started: Callable[[], None] | None = None) -> Recording:
        found = microphone.record(endpoint, asked)
        if started is None:
            return found
        repeated = np.resize(pink(8000, 6, -60), round((asked - 7) * 8000))
        x = np.concatenate([repeated, sine(500, 8000, 7, -26)])
        return replace(found, samples=x[:, None].astype(np.float32))

    list(QuietRoom(seconds, None, person, lambda: (ENDPOINT,), play).run())
    assert person.heard[-1] == "Thank you, that was all for the room."
    assert len(person.heard) == len(said) + 1
    for text, begin in zip(person.heard, said, strict=False):
        assert text.startswith(begin)


LONG_LISTEN = """
import resource, sys
import numpy as np
from homecheck.instruments.audio import AudioEndpoint
from homecheck.instruments.audio.recording import Recording
from probes.quiet_room import QuietRoom

minute = np.random.default_rng(1).standard_normal((60 * 48000, 1), dtype=np.float32)
minute *= np.float32(1e-3)
microphone = AudioEndpoint(
    id="a", name="A", backend="pulse", input_channels=1, default_input=True, transport="wired", connection="usb",
    headset=True,
)

def play(endpoint, seconds):
    return Recording(minute[: round(48000 * seconds)].copy(), 48000, "a", ("a",), "fake")

found = {m.quantity.name: m for m in QuietRoom(float(sys.argv[1]), endpoints=lambda: (microphone,), record=play).run()}
print(found["room.noise"].details["seconds"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts KiB on Linux")
def test_half_an_hour_takes_hardly_more_memory_than_a_minute() -> None:
    """Half an hour at 48 kHz is 346 MB of samples; 20 MB more than for a minute are allowed."""
    peaks = {}
    for seconds in (60, 1800):
        done = subprocess.run(
            [sys.executable, "-c", LONG_LISTEN, str(seconds)], capture_output=True, text=True, timeout=300, check=True
        )
        heard, peak = done.stdout.split()
        assert float(heard) == pytest.approx(seconds)
        peaks[seconds] = int(peak) / 1024
    assert peaks[1800] - peaks[60] < 20


@pytest.mark.parametrize("overload_db", [6])
def test_a_clipped_room_is_at_least_as_loud_as_the_number_says(overload_db: float) -> None:
    """The converter's end cuts the sound off: less power is left than there was, and that is said."""
    whole = pink(16000, 10, -10 + overload_db)
    noise = hear(np.clip(whole, -1, 1))["room.noise"]
    assert number(noise) <= a_weighted_db(whole, 16000) + 0.01
    assert number(noise) > -20
    assert noise.bound == "at_least"
    # Runs of three and more are counted: most of what is cut, and nothing else.
    cut = 100 * float((np.abs(whole) >= 1).mean())
    counted = noise.details["clipped_percent"]
    assert isinstance(counted, float)
    assert cut / 3 < counted <= cut


def test_a_voice_that_overloads_the_microphone_is_still_a_voice() -> None:
    need_program("espeak-ng", package="espeak-ng")
    scene = make_scene("near voice", 600_000, HELD_OUT, 30, 16000)
    found = hear(np.clip(scene.x * 10 ** (12 / 20) / np.abs(scene.x).max(), -1, 1))
    assert found["room.kind"].value == "voices"
    assert found["room.noise"].bound == "at_least"


def test_loud_and_whole_is_not_clipped_and_neither_is_the_coarseness_of_a_quiet_sixteen_bits() -> None:
    loud = pink(16000, 10, -20)
    for x in (loud / np.abs(loud).max() * 0.99, np.round(pink(16000, 10, -88) * 32768) / 32768):
        noise = hear(x)["room.noise"]
        assert noise.bound is None
        assert "clipped_percent" not in noise.details


def test_a_constant_offset_is_no_noise() -> None:
    x = pink(16000, 10, -60)
    assert number(hear(x + 0.3)["room.noise"]) == pytest.approx(number(hear(x)["room.noise"]), abs=0.05)


def test_the_noisy_one_of_twelve_channels_is_heard() -> None:
    x = np.zeros((160000, 12))
    x[:, 11] = pink(16000, 10, -50)
    assert number(hear(x)["room.noise"]) == pytest.approx(a_weighted_db(x[:, 11], 16000), abs=0.5)


def test_details_name_the_device_and_never_its_serial_number_or_address() -> None:
    found = hear(pink(16000, 10, -50))
    assert found["room.noise"].details["endpoint"] == "Test microphone"
    assert found["room.noise"].details["rate_hz"] == 16000
    assert "secret-serial" not in json.dumps([dict(m.details) for m in found.values()])


def gated() -> NDArray[Any]:
    x = pink(16000, 10, -50)
    x[32000:64000] = 0
    return x


@pytest.mark.parametrize(
    ("sound", "code", "said"),
    [
        (np.zeros(160000), "muted", "exact zeros"),
        (pink(16000, 10, -110), "muted", "below what an open microphone can deliver"),
        (gated(), "gated", "20 % of the time"),
        (np.full(160000, np.nan), "bad_samples", "no numbers"),
        (pink(16000, 3, -50), "too_short", "3.0 s"),
        (np.zeros(0), "too_short", "0 samples"),
        (np.full(160000, 0.5), "stuck", "one and the same value"),
        (np.clip(pink(16000, 10, 10), -1, 1), "overloaded", "cut off at its top"),
    ],
)
def test_a_microphone_that_does_not_listen_is_a_failure_and_never_a_quiet_room(
    sound: NDArray[Any], code: str, said: str
) -> None:
    with pytest.raises(ProbeError, match=said) as caught:
        hear(sound)
    assert caught.value.code == code
    assert caught.value.advice


def test_without_a_microphone_nothing_is_measured() -> None:
    with pytest.raises(ProbeError) as caught:
        list(QuietRoom(endpoints=lambda: ()).run())
    assert caught.value.code == "no_device"


def test_a_sixteen_bit_microphone_in_a_quiet_room_is_not_taken_for_a_gate() -> None:
    quantised = np.round(pink(16000, 10, -88) * 32768) / 32768  # most samples are 0 or one step
    assert (quantised == 0).mean() > 0.25
    found = hear(quantised)
    assert found["room.kind"].value == "quiet"
    assert found["room.noise"].details["exact_zero_percent"] == pytest.approx(100 * (quantised == 0).mean(), abs=0.001)


class Listener:
    """Somebody who notes what is said to them."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def tell(self, text: str) -> None:
        self.heard.append(text)

    def confirm(self, text: str) -> None:
        raise AssertionError("nothing is to be confirmed")

    def enter(self, text: str) -> str:
        raise AssertionError("nothing is to be typed")

    def ask(self, question: str) -> bool:
        raise AssertionError("nothing is to be asked")

    def count(self, question: str, most: int) -> int:
        raise AssertionError("nothing is to be counted")


def guided(room: NDArray[Any], speech: NDArray[Any], rate: int = 8000) -> tuple[dict[str, Measurement], list[str]]:
    """Return what is measured while somebody is silent during `room` and then speaks, and what they were told."""
    person, asked = Listener(), []

    def play(endpoint: AudioEndpoint, seconds: float, started: Callable[[], None]) -> Recording:
        asked.append(seconds)
        started()
        time.sleep(0.1)  # the cue comes in a thread of its own
        both = np.concatenate([room, speech])
        return Recording(both[:, None].astype(np.float32), rate, ENDPOINT.id, (ENDPOINT.id,), "fake")

    probe = QuietRoom(len(room) / rate, None, person, lambda: (ENDPOINT,), play)
    assert {Need.MICROPHONE, Need.PERSON} == probe.needs
    found = {measurement.quantity.name: measurement for measurement in probe.run()}
    assert asked == [len(room) / rate + 7]
    return found, person.heard


def test_a_persons_own_speech_is_told_from_the_room_before_it() -> None:
    room, speech = pink(8000, 6, -60), sine(500, 8000, 7, -26) + pink(8000, 7, -60, seed=2)
    found, told = guided(room, speech)
    snr = found["room.snr"]
    assert number(snr) == pytest.approx(34, abs=0.3)
    assert snr.details["speech_level_dbfs"] == pytest.approx(-26, abs=0.3)
    assert found["room.noise"].details["seconds"] == 6  # the room is judged without the speech
    assert found["room.events"].details["count"] == 0
    assert told[0] == "Please stay silent for 6 seconds: the microphone listens to the room."
    assert told[-1] == "Thank you, that was all for the room."


def test_the_person_is_asked_to_speak_when_the_silence_is_over() -> None:
    person = Listener()

    def play(endpoint: AudioEndpoint, seconds: float, started: Callable[[], None]) -> Recording:
        started()
        wait_until(lambda: len(person.heard) == 2)  # five seconds, or what a busy computer makes of them
        both = np.concatenate([pink(8000, 5, -60), sine(500, 8000, 7, -26)])
        return Recording(both[:, None].astype(np.float32), 8000, ENDPOINT.id, (ENDPOINT.id,), "fake")

    list(QuietRoom(5, None, person, lambda: (ENDPOINT,), play).run())
    assert [text.partition(" ")[0] for text in person.heard] == ["Please", "Now", "Thank"]


def test_who_does_not_speak_has_no_ratio_and_everything_else() -> None:
    found, _ = guided(pink(8000, 6, -60), pink(8000, 7, -60, seed=2))
    failure = found["room.snr"].failure
    assert failure is not None
    assert (failure.code, failure.at_fault) == ("no_speech", "person")
    assert [name for name in QUANTITIES if found[name].failure is None] == [q for q in QUANTITIES if q != "room.snr"]


def test_a_room_as_loud_as_the_speech_is_the_rooms_fault() -> None:
    found, _ = guided(pink(8000, 6, -26), sine(500, 8000, 7, -28) + pink(8000, 7, -26, seed=2))
    failure = found["room.snr"].failure
    assert failure is not None
    assert (failure.code, failure.at_fault) == ("too_noisy", "room")


def test_who_is_muted_before_the_sentence_did_not_keep_silent() -> None:
    found, _ = guided(pink(8000, 6, -60), np.zeros(7 * 8000))
    failure = found["room.snr"].failure
    assert failure is not None
    assert (failure.code, failure.at_fault) == ("muted", "device")
    assert "while you were to speak" in failure.message
    assert found["room.noise"].failure is None


def test_a_recording_that_ends_before_the_speech_says_so() -> None:
    found, _ = guided(pink(8000, 6, -60), np.zeros(4000))
    assert found["room.snr"].failure is not None
    assert found["room.snr"].failure.code == "too_short"


def test_nobody_is_asked_to_speak_to_a_recording_that_failed() -> None:
    person = Listener()

    def unplugged(endpoint: AudioEndpoint, seconds: float, started: Callable[[], None]) -> Recording:
        started()
        raise ProbeError("unplugged", "Plug it in firmly.")

    with pytest.raises(ProbeError, match="unplugged"):
        list(QuietRoom(5, None, person, lambda: (ENDPOINT,), unplugged).run())
    assert [text.partition(" ")[0] for text in person.heard] == ["Please"]
    cues = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for cue in cues:
        cue.join(3)  # one that was not called off would last five seconds, and then speak
    assert not any(cue.is_alive() for cue in cues)


def test_without_a_person_the_own_speech_needs_one() -> None:
    failure = hear(pink(16000, 10, -50))["room.snr"].failure
    assert failure is not None
    assert failure.code == "needs_person"


def test_a_reading_aloud_in_the_next_room_is_called_voices() -> None:
    need_program("espeak-ng", package="espeak-ng")
    scene = make_scene("far voice", 600_000, HELD_OUT, 15, 16000)
    found = hear(scene.x, 16000)
    assert found["room.kind"].value == "voices"
    assert number(found["room.voices"]) == pytest.approx(scene.voices_percent, abs=25)
    assert found["room.voices"].details["seconds"] == pytest.approx(8.4)


@pytest.mark.parametrize(("source", "kind"), [("keyboard", "events"), ("dog", "events"), ("doors", "events"),
                                              ("music", "events"), ("hum", "hum"), ("fan", "steady")])  # fmt: skip
def test_what_is_no_voice_is_called_by_its_name(source: str, kind: str) -> None:
    scene = make_scene(source, 600_003, HELD_OUT, 20, 16000)
    x = scene.x * 10 ** (-40 / 20) / np.sqrt(np.mean(scene.x**2))
    found = hear(x, 16000)
    assert found["room.kind"].value == kind
    assert number(found["room.voices"]) < 15


def test_ten_seconds_without_a_voice_prove_little() -> None:
    """Four blocks of two seconds: Wilson's interval of 0 of 4 reaches to 49 %."""
    voices = hear(pink(16000, 10, -50))["room.voices"]
    assert number(voices) == 0
    assert voices.uncertainty == pytest.approx(24.5, abs=0.1)


def test_octave_levels_are_those_of_the_sound() -> None:
    octaves = hear(sine(1000, 48000, 6, -40) + sine(63.1, 48000, 6, -50), 48000)["room.noise"].details["octaves_dbfs"]
    assert isinstance(octaves, dict)
    assert list(octaves) == ["31.5", "63", "125", "250", "500", "1000", "2000", "4000", "8000"]
    assert (octaves["1000"], octaves["63"]) == (-40, -50)


def test_without_a_stated_calibration_there_is_no_sound_pressure() -> None:
    told = json.dumps([dict(m.details) for m in hear(pink(16000, 10, -50)).values()])
    assert "nr" not in told.replace("internal", "")
    assert "spl" not in told


def test_with_a_stated_calibration_the_rating_is_an_estimate_and_named_so() -> None:
    """-60 dBFS where 0 dBFS is said to be 110 dB are 50 dB, and curve NR 50 passes through 50 dB at 1 kHz."""
    x = sine(1000, 16000, 6, -60.02)
    recording = Recording(x[:, None].astype(np.float32), 16000, ENDPOINT.id, (ENDPOINT.id,), "fake")
    probe = QuietRoom(6, endpoints=lambda: (ENDPOINT,), record=lambda *_: recording, full_scale_spl=110.0)
    details = next(iter(probe.run())).details
    assert details["nr_estimate"] == 50
    assert details["laeq_estimate"] == pytest.approx(50, abs=0.1)
    assert details["full_scale_spl_stated"] == 110


def test_slow_is_slower_than_fast() -> None:
    x = pink(16000, 10, -70) + bursts(16000, 10, 5, 0.1, -30)
    details = hear(x)["room.noise"].details
    # IEC 61672-1, Table 4: a burst of 100 ms reads 2.6 dB below the steady tone in Fast and 10.2 dB in Slow.
    assert details["lafmax"] - details["lasmax"] == pytest.approx(10.2 - 2.6, abs=0.3)  # type: ignore[operator]  # numbers


@again
@pytest.mark.audio
def test_sounds_of_known_level_read_right_through_real_devices_at_their_own_rates(sound_card: SoundCard) -> None:
    sounds = {
        "wired": pink(48000, 2, -52),
        "builtin": sine(1000, 44100, 1, -40) + sine(100, 44100, 1, -40),
        "bluetooth": pink(16000, 2, -70),
        "line": sine(2000, 8000, 1, -30),
    }

    def listen(device: str) -> dict[str, Measurement]:
        rate = DEVICES[device].rate
        x = sounds[device]
        with sound_card.playing_into(device, np.repeat(x[:, None], DEVICES[device].channels, axis=1), rate):
            return {m.quantity.name: m for m in QuietRoom(5.0, DEVICES[device].name).run()}

    with ThreadPoolExecutor(4) as pool:  # side by side: four microphones, one sound server
        found = dict(zip(sounds, pool.map(listen, sounds), strict=True))
    for device, x in sounds.items():
        noise = found[device]["room.noise"]
        assert number(noise) == pytest.approx(a_weighted_db(x, DEVICES[device].rate), abs=0.1), device
        assert noise.details["rate_hz"] == DEVICES[device].rate
        assert noise.details["endpoint"] == DEVICES[device].name
    transports = {device: measured["room.noise"].details["transport"] for device, measured in found.items()}
    assert transports == {"wired": "wired", "builtin": "builtin", "bluetooth": "bluetooth", "line": "unverified"}


def octave(found: dict[str, Measurement], band: str) -> float:
    """Return one octave level in dBFS."""
    octaves = found["room.noise"].details["octaves_dbfs"]
    assert isinstance(octaves, dict)
    level = octaves[band]
    assert isinstance(level, float)
    return level


SOFT_DBFS = -92.0  # 1.2 steps of 16 bits, 300 of 24


@again
@pytest.mark.audio
def test_a_microphone_of_24_bits_is_heard_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    device = replace(DEVICES["wired"], format="s24le")
    with SoundCard.plugged_in({"wired": device}) as card:
        for key, value in card.environment.items():
            monkeypatch.setenv(key, value)
        with card.playing_into("wired", sine(1000, 48000, 1, SOFT_DBFS), 48000):
            found = {m.quantity.name: m for m in QuietRoom(5.0).run()}
    assert number(found["room.noise"]) == pytest.approx(SOFT_DBFS, abs=0.05)
    # Of 16 bits the tone would have harmonics 16 dB below it; of 24 bits there is nothing but their noise.
    coarse = np.round(sine(1000, 48000, 5, SOFT_DBFS) * 32768) / 32768
    assert octave(hear(coarse, 48000), "8000") > SOFT_DBFS - 18
    assert octave(found, "8000") < SOFT_DBFS - 30


@pytest.mark.audio
def test_a_headset_unplugged_during_a_long_listen_keeps_what_was_heard_before(sound_card: SoundCard) -> None:
    pieces = 0

    def listen(endpoint: AudioEndpoint, _seconds: float) -> Recording:
        nonlocal pieces
        pieces += 1
        if pieces < 2:
            return record(endpoint, 5.2)
        return record(endpoint, 30, lambda: sound_card.unplug("wired"))  # in the middle of the second minute

    with sound_card.playing_into("wired", pink(48000, 2, -52), 48000):
        found = {m.quantity.name: m for m in QuietRoom(120, record=listen).run()}
    assert pieces == 2
    noise = found["room.noise"]
    assert number(noise) == pytest.approx(a_weighted_db(pink(48000, 2, -52), 48000), abs=0.1)
    assert noise.details["broken_off"] == "unplugged"
    assert noise.details["seconds"] == pytest.approx(5.2)


@pytest.mark.audio
def test_a_muted_microphone_fails_through_the_real_path(sound_card: SoundCard) -> None:
    sound_card.mute("wired")
    with pytest.raises(ProbeError) as caught:
        list(QuietRoom(5.0, record=lambda endpoint, _seconds: record(endpoint, 0.5)).run())
    assert caught.value.code == "muted"


@pytest.mark.audio
def test_no_byte_of_the_sound_leaves_memory(sound_card: SoundCard, tmp_path: Path) -> None:
    """Every byte that a whole check writes or sends is looked at, by strace: the pipe to the parent may hold sound."""
    strace, log = need_program("strace", package="strace"), tmp_path / "log"
    marker = np.random.default_rng(77).uniform(-0.01, 0.01, 8000).astype(np.float32)  # recorded sample for sample
    calls = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,mmap"
    check = "check --unattended --no-upload --only room* --listen 5s --headset line_mic --output json --save"
    with sound_card.playing_into("line", marker, 8000):
        done = subprocess.run(
            # Stopped at these calls alone: at every call the recording would be too slow for its sound.
            [strace, "--seccomp-bpf", "-f", "-y", "-xx", "-s", "8000000",
             "-e", f"trace={calls}", "-e", "signal=none", "-o", str(log),
             sys.executable, "-m", "homecheck", *check.split(), str(tmp_path / "evidence.jws")],
            env={**os.environ, "HOMECHECK_HOME": str(tmp_path / "home")}, capture_output=True, timeout=300,
        )  # fmt: skip
    measured = json.loads(done.stdout)["measurements"]
    # Uniform noise of 0.01: 0.01 / sqrt(3), less what the A-weighting takes and adds.
    assert measured["room.noise"]["value"] is not None, measured["room.noise"]["failure"]["message"]
    assert measured["room.noise"]["value"] == pytest.approx(-44.8, abs=3)
    traced = log.read_text(encoding="utf-8").splitlines()
    assert any(goes_to(line).endswith("evidence.jws") for line in traced)  # what is written to files is seen here
    assert set(carriers(traced, traces(marker))) == {"pipe"}
    # Memory that is a file needs no call to be written; PortAudio looks for a JACK server in such files.
    shared = {goes_to(line) for line in traced if "mmap" in line and "PROT_WRITE, MAP_SHARED, " in line}
    files = [Path(name) for name in shared if name.startswith("/") and Path(name).exists()]
    assert all(path.is_relative_to("/dev/shm") for path in files)
    assert not [path for path in files if any_of(traces(marker)).search(path.read_bytes())]


def any_of(patterns: list[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(re.escape(pattern) for pattern in patterns))


def traces(marker: NDArray[np.float32]) -> list[bytes]:
    """Eight neighbouring samples out of each 25 ms, in the forms that sound is usually stored in."""
    parts = [marker[at : at + 8] for at in range(0, len(marker), 200)]
    scaled = [np.round(part.astype(np.float64) * 32768) for part in parts]
    plain = [part.astype(form).tobytes() for part in parts for form in ("<f4", ">f4", "<f8")]
    plain += [part.astype(form).tobytes() for part in scaled for form in ("<i2", ">i2")]
    plain += [np.round(part.astype(np.float64) * 2**31).astype("<i4").tobytes() for part in parts]
    # Base64 as well, from each of its three alignments: evidence is written in it.
    return plain + [base64.urlsafe_b64encode(form[cut:][:12]) for form in plain for cut in range(3)]


def carriers(traced: list[str], patterns: list[bytes]) -> Iterator[str]:
    """Yield for each system call that carries sound what it goes to: ``pipe``, ``socket``, a path."""
    anything = any_of(patterns)
    for line in traced:
        data = b"\n".join(unescaped(text) for text in re.findall(r'"((?:\\x[0-9a-f]{2})+)"', line))
        if anything.search(data):
            yield goes_to(line).partition(":")[0]


def goes_to(line: str) -> str:
    """Return what the file descriptor of a traced call is: a path, ``pipe:[…]``, ``socket:[…]``; empty without one."""
    target = re.search(r"[(,] ?\d+<((?:\\x[0-9a-f]{2})+|[^>]*)>", line)
    return (unescaped(target[1]).decode() if target[1].startswith("\\x") else target[1]) if target else ""


def unescaped(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))

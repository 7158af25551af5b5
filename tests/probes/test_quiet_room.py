"""The room: known sounds, handed over directly and through the virtual sound card."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import freqs_zpk

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint
from homecheck.instruments.audio.recording import Recording, record
from homecheck.measurement import CheckSetup, Measurement, Probe, Value
from probes.quiet_room import QuietRoom
from tests.homecheck.instruments.audio.analysis.sounds import bursts, pink, sine
from tests.soundcard import DEVICES, SoundCard

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
    assert list(found) == ["room.noise", "room.variation", "room.events", "room.hum", "room.kind"]
    assert [m.quantity.unit for m in found.values()] == ["dBFS(A)", "dB", "1/min", "dB", ""]
    assert all(m.uncertainty is not None and m.uncertainty > 0 for m in list(found.values())[:4])


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


def test_a_person_is_asked_to_be_silent() -> None:
    person = Listener()
    recording = Recording(pink(8000, 6, -50)[:, None], 8000, ENDPOINT.id, (ENDPOINT.id,), "fake")
    list(QuietRoom(6, None, person, lambda: (ENDPOINT,), lambda _endpoint, _seconds: recording).run())
    assert person.heard == ["Please stay silent for 6 seconds: the microphone listens to the room."]


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


@pytest.mark.audio
def test_a_muted_microphone_fails_through_the_real_path(sound_card: SoundCard) -> None:
    sound_card.mute("wired")
    with pytest.raises(ProbeError) as caught:
        list(QuietRoom(5.0, record=lambda endpoint, _seconds: record(endpoint, 0.5)).run())
    assert caught.value.code == "muted"


@pytest.mark.audio
def test_no_byte_of_the_sound_leaves_memory(
    sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOMECHECK_HOME", "TMPDIR", "HOME"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    started = time.time()
    marker = np.random.default_rng(77).uniform(-0.01, 0.01, 8000).astype(np.float32)  # recorded sample for sample
    heard: list[Recording] = []

    def keep_a_copy(endpoint: AudioEndpoint, seconds: float) -> Recording:
        heard.append(record(endpoint, seconds))
        return heard[0]

    with sound_card.playing_into("line", marker, 8000):
        measurements = list(QuietRoom(5.0, "line_mic", record=keep_a_copy).run())
    assert marker[123] in heard[0].samples[:, 0]  # the sound was truly there
    patterns = traces(marker)
    (tmp_path / "control").write_bytes(b"x" + patterns[0] + b"x")
    roots = (tmp_path, sound_card.folder, Path(tempfile.gettempdir()), Path("/dev/shm"))
    assert {path.name for path in files_with(patterns, roots, started)} == {"control"}
    told = [value for measurement in measurements for value in measurement.details.values()]
    assert all(
        isinstance(value, str | float | int) for value in told
    )  # levels and names: no list that could hold sound


def traces(marker: NDArray[np.float32]) -> list[bytes]:
    """Eight neighbouring samples in the formats that sound is usually stored in."""
    part = marker[100:108]
    return [part.tobytes(), part.astype("<f8").tobytes(), np.round(part * 32767).astype("<i2").tobytes()]


def files_with(patterns: list[bytes], roots: tuple[Path, ...], since: float) -> Iterator[Path]:
    for root in roots:
        for folder, inner, names in os.walk(root):
            # What is mounted below is left out: it may be a /proc, and some of its files are read for ever.
            inner[:] = [name for name in inner if not os.path.ismount(Path(folder, name))]
            for path in (Path(folder, name) for name in names):
                try:
                    if path.is_file() and path.stat().st_mtime >= since - 1 and path.stat().st_size < 50_000_000:
                        data = path.read_bytes()
                        if any(pattern in data for pattern in patterns):
                            yield path
                except OSError:
                    continue  # somebody else's file, or gone

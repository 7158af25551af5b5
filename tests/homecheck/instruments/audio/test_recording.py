"""Recording through a real PulseAudio, PortAudio and a child process from devices whose sound is known."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.recording import Recording, gated_share, loudest_channel, record, refuse_moved
from tests.homecheck.instruments.audio.analysis.sounds import sine
from tests.soundcard import DEVICES, SoundCard

pytestmark = pytest.mark.audio


def microphone(device: str) -> AudioEndpoint:
    return choose_input(endpoints(), f"{device}_mic")


def alsa_alone(folder: Path, more: str = "") -> str:
    """Return the path of ALSA's own configuration without the files that packages add to it, and with `more`."""
    own = Path("/usr/share/alsa/alsa.conf").read_text(encoding="utf-8")
    alone = re.sub(r"^@hooks \[.*?^\]", "", own, flags=re.DOTALL | re.MULTILINE)
    (folder / "asound.conf").write_text(alone + more, encoding="utf-8")
    return str(folder / "asound.conf")


def made(samples: object, rate: int = 8000, used: tuple[str, ...] = ("a",)) -> Recording:
    return Recording(np.asarray(samples, dtype=np.float32), rate, "a", used, "fake")


def test_devices_are_listed_with_names_rates_and_transports(sound_card: SoundCard) -> None:
    found = {e.id: (e.name, e.native_rate, e.input_channels, e.transport) for e in endpoints() if e.is_input}
    assert found == {
        "wired_mic": ("Plantronics Blackwire 3225 Series", 48000, 1, "wired"),
        "dongle_mic": ("Jabra Link 370", 48000, 1, "rf-dongle"),
        "bluetooth_mic": ("Kopfhörer WH-1000XM4", 16000, 1, "bluetooth"),
        "builtin_mic": ("Built-in Audio Analog Stereo", 44100, 2, "builtin"),
        "line_mic": ("USB Internet Phone", 8000, 1, "unverified"),
    }


def test_the_recording_is_the_injected_sound_sample_for_sample(sound_card: SoundCard) -> None:
    rate = DEVICES["bluetooth"].rate
    noise = np.random.default_rng(4).uniform(-0.5, 0.5, rate).astype(np.float32)
    started = threading.Event()
    with sound_card.playing_into("bluetooth", noise, rate):
        recording = record(microphone("bluetooth"), 1.0, started.set)
    assert started.is_set()
    assert (recording.rate_hz, recording.used, recording.samples.shape) == (rate, ("bluetooth_mic",), (rate, 1))
    offset = int(np.flatnonzero(noise == recording.samples[0, 0])[0])
    assert np.array_equal(recording.samples[:, 0], np.roll(noise, -offset))


def test_a_device_that_is_not_the_default_is_recorded_and_not_the_default(sound_card: SoundCard) -> None:
    sound_card.set_default("wired")
    with (
        sound_card.playing_into("wired", sine(500, 48000, 1, -20), 48000),
        sound_card.playing_into("dongle", sine(2000, 48000, 1, -40), 48000),
    ):
        x = loudest_channel(record(microphone("dongle"), 1.0))
    assert int(np.argmax(np.abs(np.fft.rfft(x)))) == 2000
    assert 10 * np.log10(np.mean(x**2)) == pytest.approx(-40, abs=0.01)


def test_a_device_plugged_in_later_is_found_without_a_restart(sound_card: SoundCard) -> None:
    record(microphone("wired"), 0.2)
    sound_card.pactl(
        "load-module", "module-remap-source", "source_name=new_mic", "master=wired_inject.monitor",
        "source_properties='device.description=Neu device.bus=usb device.vendor.id=0b0e device.product.id=245e'",
    )  # fmt: skip
    assert record(microphone("new"), 0.2).used == ("new_mic",)


def test_a_device_unplugged_while_recording_fails_by_its_name(sound_card: SoundCard) -> None:
    endpoint = microphone("dongle")
    with pytest.raises(ProbeError, match="Jabra Link 370: unplugged") as caught:
        record(endpoint, 30.0, lambda: sound_card.unplug("dongle"))
    assert (caught.value.code, caught.value.at_fault) == ("unplugged", "device")
    assert [child.name() for child in psutil.Process().children()] == ["pulseaudio"]  # the sound card itself


def test_a_device_unplugged_before_recording_is_not_replaced_by_another(sound_card: SoundCard) -> None:
    endpoint = microphone("dongle")
    sound_card.unplug("dongle")
    with pytest.raises(ProbeError, match="Jabra Link 370") as caught:
        record(endpoint, 1.0)
    assert caught.value.code == "device_not_found"


def test_a_missing_portaudio_library_is_named_with_its_package(
    sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = microphone("wired")
    # The loader looks here first and finds a file that is no library: what a half-removed package leaves behind.
    (tmp_path / "libportaudio.so.2").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with pytest.raises(ProbeError, match="PortAudio library cannot be loaded") as caught:
        record(endpoint, 1.0)
    assert caught.value.code == "no_portaudio"
    assert "libportaudio2" in caught.value.advice


def test_a_missing_bridge_to_the_sound_server_is_named_with_its_package(
    sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = microphone("wired")
    monkeypatch.setenv("ALSA_CONFIG_PATH", alsa_alone(tmp_path))
    with pytest.raises(ProbeError) as caught:
        record(endpoint, 1.0)
    assert caught.value.code == "pulse_plugin_missing"


def test_a_muted_microphone_delivers_zeros_and_is_refused(sound_card: SoundCard) -> None:
    with sound_card.playing_into("wired", sine(500, 48000, 1, -20), 48000):
        sound_card.mute("wired")
        recording = record(microphone("wired"), 0.5)
    assert recording.seconds == pytest.approx(0.5)
    with pytest.raises(ProbeError, match="exact zeros") as caught:
        loudest_channel(recording)
    assert caught.value.code == "muted"


def test_the_loudest_of_twelve_channels_counts() -> None:
    samples = np.zeros((8000, 12))
    samples[:, 7] = 0.25
    assert loudest_channel(made(samples))[0] == 0.25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_drivers_nan_is_refused(bad: float) -> None:
    samples = np.full((8000, 2), 0.1)
    samples[4000, 1] = bad
    with pytest.raises(ProbeError) as caught:
        loudest_channel(made(samples))
    assert caught.value.code == "bad_samples"


@pytest.mark.parametrize("count", [0, 1, 799])
def test_hardly_any_samples_are_refused(count: int) -> None:
    with pytest.raises(ProbeError, match=f"{count} samples") as caught:
        loudest_channel(made(np.ones((count, 1))))
    assert caught.value.code == "too_short"


def test_a_recording_that_was_moved_is_refused_even_when_it_came_back() -> None:
    with pytest.raises(ProbeError) as caught:
        refuse_moved(made([[1.0]], used=("a", "b", "a")), "Headset")
    assert caught.value.code == "unplugged"


def test_a_recording_that_came_from_another_device_from_the_start_is_refused() -> None:
    with pytest.raises(ProbeError, match="another device") as caught:
        refuse_moved(made([[1.0]], used=("b",)), "Headset")
    assert caught.value.code == "wrong_endpoint"


def test_a_bridge_that_leads_to_another_device_is_found_out(
    sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's ALSA configuration may tie the device "pulse" to one source, whatever homecheck asks for."""
    monkeypatch.setenv("ALSA_CONFIG_PATH", alsa_alone(tmp_path, 'pcm.pulse { type pulse\n device "line_mic" }\n'))
    with pytest.raises(ProbeError, match=r"Blackwire.*another device") as caught:
        record(microphone("wired"), 5.0)
    assert caught.value.code == "wrong_endpoint"


def test_a_recording_of_unknown_origin_is_refused() -> None:
    with pytest.raises(ProbeError) as caught:
        refuse_moved(made([[1.0]], used=()), "Headset")
    assert caught.value.code == "endpoint_unproven"


def test_a_recording_does_not_show_its_samples() -> None:
    assert "0.123" not in repr(made(np.full((3, 1), 0.123)))


def test_stretches_of_zeros_are_a_gate_and_single_zeros_are_not() -> None:
    x = np.tile([0.0, 0.1], 4000)
    assert gated_share(x, 8000) == 0
    x[2000:6000] = 0
    assert gated_share(x, 8000) == pytest.approx(0.5)

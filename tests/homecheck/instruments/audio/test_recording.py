"""Recording through a real PulseAudio, PortAudio and a child process from devices whose sound is known."""

from __future__ import annotations

import re
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import psutil
import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.endpoint import Backend, Facts
from homecheck.instruments.audio.recording import (
    PROOFS,
    Recording,
    gated_share,
    loudest,
    loudest_channel,
    mind_it_is_still_there,
    muted,
    record,
    refuse_unproven,
)
from homecheck.instruments.audio.transport import classify
from tests.again import again
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


@again
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


@again
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


def test_a_device_plugged_in_between_two_listings_is_in_the_second(sound_card: SoundCard) -> None:
    before = {endpoint.id for endpoint in endpoints()}
    sound_card.pactl(
        "load-module", "module-remap-source", "source_name=later_mic", "master=line_inject.monitor",
        "source_properties='device.description=Later device.bus=usb device.vendor.id=047f device.product.id=c058'",
    )  # fmt: skip
    new = [endpoint for endpoint in endpoints() if endpoint.id not in before]
    assert [(endpoint.id, endpoint.transport) for endpoint in new] == [("later_mic", "wired")]
    sound_card.unplug("later")
    assert "later_mic" not in {endpoint.id for endpoint in endpoints()}


def test_twelve_channels_of_24_bits_are_recorded_and_the_one_with_sound_is_found(sound_card: SoundCard) -> None:
    sound_card.pactl(
        "load-module", "module-null-sink", "sink_name=many_inject", "format=s24le", "rate=48000", "channels=12",
        "norewinds=1", "sink_properties=device.class=abstract",
    )  # fmt: skip
    sound_card.pactl(
        "load-module", "module-remap-source", "source_name=many_mic", "master=many_inject.monitor", "channels=12",
        "remix=no", "source_properties='device.bus=usb device.description=Mixer'",
    )  # fmt: skip
    tone = np.zeros((48000, 12), dtype=np.float32)
    tone[:, 9] = sine(1000, 48000, 1, -30)

    @again
    def one_of_them_is_heard() -> None:
        with sound_card.playing_into("many", tone, 48000):
            recording = record(microphone("many"), 0.5)
        assert (recording.rate_hz, recording.samples.shape) == (48000, (24000, 12))
        assert 10 * np.log10(np.mean(loudest_channel(recording) ** 2)) == pytest.approx(-30, abs=0.01)
        assert np.count_nonzero(recording.samples.any(axis=0)) == 1  # which one: two default orders lie between

    one_of_them_is_heard()


def test_a_device_unplugged_while_recording_fails_by_its_name(sound_card: SoundCard) -> None:
    endpoint = microphone("dongle")
    with pytest.raises(ProbeError, match="Jabra Link 370: unplugged") as caught:
        record(endpoint, 30.0, lambda: sound_card.unplug("dongle"))
    assert (caught.value.code, caught.value.at_fault) == ("unplugged", "device")
    left = {child.name() for child in psutil.Process().children()}
    assert left <= {"pulseaudio", "postgres"}  # the sound card itself, and the database of other tests


def test_a_device_that_the_system_suspends_stops_and_is_not_called_unplugged(sound_card: SoundCard) -> None:
    """Ended by homecheck itself: closing the stream of such a device never returns."""
    endpoint = microphone("dongle")
    with pytest.raises(ProbeError, match="Jabra Link 370: it stopped delivering sound") as caught:
        record(endpoint, 30.0, lambda: sound_card.suspend("dongle"))
    assert (caught.value.code, caught.value.at_fault) == ("stalled", "device")


def test_a_stream_that_the_sound_system_moves_away_is_not_called_unplugged(sound_card: SoundCard) -> None:
    endpoint = microphone("dongle")
    with pytest.raises(ProbeError, match="Jabra Link 370: the sound system moved the recording") as caught:
        record(endpoint, 30.0, lambda: sound_card.move_recording("wired"))
    assert (caught.value.code, caught.value.at_fault) == ("moved", "device")


@pytest.mark.parametrize("signalled", [signal.SIGKILL, signal.SIGSTOP], ids=["ends", "hangs"])
def test_a_sound_service_that_ends_or_hangs_meanwhile_is_not_the_headsets_fault(signalled: signal.Signals) -> None:
    with SoundCard.plugged_in(DEVICES) as card, pytest.MonkeyPatch.context() as patch:
        for name, value in card.environment.items():
            patch.setenv(name, value)
        endpoint = microphone("wired")
        with pytest.raises(ProbeError, match="sound service") as caught:
            record(endpoint, 30.0, lambda: card.daemon.send_signal(signalled))
    assert (caught.value.code, caught.value.at_fault) == ("sound_service", "device")


def test_a_source_that_is_slower_than_it_says_is_refused_by_its_real_rate(sound_card: SoundCard) -> None:
    """Made of a pipe: what is written at 32000 samples a second comes out of a source that says 48000.

    Nine seconds for six: more than the second of a lump, or of a busy computer, explains.
    """
    with sound_card.piped("slow", says=48000, delivers=32000), pytest.raises(ProbeError) as caught:
        record(microphone("slow"), 6.0)
    assert (caught.value.code, caught.value.at_fault) == ("wrong_rate", "device")
    told = re.search(r"says 48000 samples a second and delivers about (\d+)", caught.value.message)
    assert told is not None, caught.value.message
    assert int(told[1]) == pytest.approx(32000, rel=0.1)


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
    samples[1::2, 7] = 0.25
    assert loudest_channel(made(samples))[1] == 0.25


def test_a_channel_with_an_offset_and_no_sound_is_not_the_loudest() -> None:
    samples = np.zeros((8000, 2))
    samples[:, 0] = 0.5
    samples[:, 1] = sine(440, 8000, 1, -50)
    assert loudest_channel(made(samples)) == pytest.approx(samples[:, 1], abs=1e-6)


def test_a_value_that_never_changes_is_no_quiet_room() -> None:
    with pytest.raises(ProbeError, match="one and the same value") as caught:
        loudest_channel(made(np.full((8000, 2), [0.5, 0.0])))
    assert (caught.value.code, caught.value.at_fault) == ("stuck", "device")


def test_the_loudest_channel_can_be_had_without_a_copy_of_twelve() -> None:
    recording = made(np.random.default_rng(1).uniform(-0.1, 0.1, (8000, 12)))
    recording.samples[:, 3] *= 2
    x = loudest(recording)
    assert np.shares_memory(x, recording.samples)
    assert np.array_equal(x, recording.samples[:, 3])
    assert np.array_equal(x, loudest_channel(recording))


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


def test_a_bridge_that_leads_to_another_device_is_found_out(
    sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's ALSA configuration may tie the device "pulse" to one source, whatever homecheck asks for."""
    monkeypatch.setenv("ALSA_CONFIG_PATH", alsa_alone(tmp_path, 'pcm.pulse { type pulse\n device "line_mic" }\n'))
    with pytest.raises(ProbeError, match=r"Blackwire.*another device") as caught:
        record(microphone("wired"), 5.0)
    assert caught.value.code == "wrong_endpoint"


@pytest.mark.parametrize("used", [(), ("b",), ("a", "b")])
def test_a_recording_of_unknown_or_other_origin_is_refused(used: tuple[str, ...]) -> None:
    with pytest.raises(ProbeError, match="does not tell where") as caught:
        refuse_unproven(made([[1.0]], used=used))
    assert caught.value.code == "endpoint_unproven"


WINDOWS = classify(
    Facts(id="{guid}", name="Headset (Blackwire)", backend="wasapi", bus="usb", vendor_id="047f", product_id="c058",
          input_channels=1)
)  # fmt: skip


@pytest.mark.parametrize(
    "listed",
    [
        (),
        (replace(WINDOWS, id="{other}"),),
        (replace(WINDOWS, product_id="0001"),),
        (WINDOWS, replace(WINDOWS, id="{other}")),
        (replace(WINDOWS, input_channels=0, output_channels=2),),
    ],
)
def test_where_the_system_tells_no_more_an_endpoint_that_is_gone_afterwards_proves_nothing(
    listed: tuple[AudioEndpoint, ...],
) -> None:
    mind_it_is_still_there(WINDOWS, lambda: (WINDOWS, replace(WINDOWS, id="{b}", name="Other")))
    mind_it_is_still_there(WINDOWS, lambda: (replace(WINDOWS, vendor_id=None, product_id=None),))
    with pytest.raises(ProbeError, match=r"Headset \(Blackwire\): unplugged") as caught:
        mind_it_is_still_there(WINDOWS, lambda: listed)
    assert caught.value.code == "unplugged"


def test_every_recording_says_how_its_origin_is_known(sound_card: SoundCard) -> None:
    assert "sound server" in record(microphone("wired"), 0.2).proof
    assert set(PROOFS) == set(get_args(Backend))


def test_zeros_are_told_with_what_is_behind_them_on_each_system() -> None:
    assert "Privacy & Security" in muted("Headset", "darwin").advice
    forbidden = muted("Headset", "win32", lambda: True)
    assert forbidden.message.startswith("Headset: ")
    assert "LetAppsAccessMicrophone" in forbidden.advice
    assert "organisation" in forbidden.message
    for error in (muted("Headset", "win32", lambda: False), muted("Headset", "linux")):
        assert error.advice.startswith("Unmute the microphone")
        assert "LetApps" not in error.advice
    assert {muted("Headset", system, lambda: True).code for system in ("darwin", "win32", "linux")} == {"muted"}


def test_a_recording_does_not_show_its_samples() -> None:
    assert "0.123" not in repr(made(np.full((3, 1), 0.123)))


def test_stretches_of_zeros_are_a_gate_and_single_zeros_are_not() -> None:
    x = np.tile([0.0, 0.1], 4000)
    assert gated_share(x, 8000) == 0
    x[2000:6000] = 0
    assert gated_share(x, 8000) == pytest.approx(0.5)
    assert gated_share(x + 0.01, 8000) == pytest.approx(0.5)  # a converter behind the gate adds an offset

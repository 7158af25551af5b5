"""Playing and recording at once through a real PulseAudio, PortAudio and a child process."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace

import numpy as np
import psutil
import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.analysis import pilots, sweep
from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.playing import earpiece_of, play, rate_of
from homecheck.instruments.audio.transport import classify
from probes.headset import HELD_UP_SECONDS
from tests.again import again
from tests.homecheck.instruments.audio.analysis.sounds import Sound, pink, sine
from tests.soundcard import SoundCard


def pair(device: str) -> tuple[AudioEndpoint, AudioEndpoint]:
    found = endpoints()
    microphone = choose_input(found, f"{device}_mic")
    return microphone, earpiece_of(microphone, found)


def one(direction: str, **facts: object) -> AudioEndpoint:
    """Return one endpoint with a single direction."""
    values = {"id": "x", "name": "Headset", "backend": "pulse", "bus": "usb", f"{direction}_channels": 1} | facts
    return classify(Facts(**values))  # type: ignore[arg-type]  # a table of facts, as a test writes it


MICROPHONE = one("input", id="mic", vendor_id="0b0e", product_id="245e", unit="alsa.card=1")
EARPIECE = one("output", id="ear", vendor_id="0b0e", product_id="245e", unit="alsa.card=1")


@again
@pytest.mark.audio
@pytest.mark.parametrize(
    ("device", "rate", "gain_db", "delay_ms"),
    [("wired", 48000, -20, 30), ("bluetooth", 16000, -40, 330), ("line", 8000, -55, 30)],
)
def test_what_leaks_into_the_microphone_is_measured_at_the_devices_rate(
    sound_card: SoundCard, device: str, rate: int, gain_db: float, delay_ms: int
) -> None:
    sound_card.couple(device, gain_db, delay_ms)
    microphone, earpiece = pair(device)
    assert rate_of(microphone) == rate
    with sound_card.playing_into(device, pink(rate, 2, -90), rate):
        played = play(microphone, earpiece, sweep.excitation(rate, 0.1))
    assert (played.recording.used, played.played_to) == ((f"{device}_mic",), (device,))
    found = sweep.leak(played.recording.samples[:, 0], rate, 0.1)
    assert found.level_db == pytest.approx(gain_db, abs=0.3)
    assert found.delay_seconds is not None
    # 0.2 s of buffers are asked for; PulseAudio adds 50 to 90 ms of its own.
    assert delay_ms - 10 < 1000 * found.delay_seconds - 200 < delay_ms + 150


@again
@pytest.mark.audio
def test_tones_on_a_busy_computer_have_no_drop_out_of_our_own(sound_card: SoundCard) -> None:
    sound_card.couple("wired", -30)
    busy = [psutil.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2)]
    try:
        played = play(*pair("wired"), pilots.tones(48000, 5, 0.07))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    found = pilots.dropouts(played.recording.samples[:, 0], 48000, 0.07)
    assert (found.gaps, found.jumps) == (0, 0)
    assert played.held_up_seconds < HELD_UP_SECONDS
    assert found.level_db == pytest.approx(-30, abs=0.2)


@again
@pytest.mark.audio
def test_it_is_played_to_the_headset_and_not_to_the_default(sound_card: SoundCard) -> None:
    sound_card.set_default("wired")
    sound_card.couple("wired", 0)
    sound_card.couple("dongle", -12)
    tone: Sound = sine(1000, 48000, 1.0, -20)
    played = play(*pair("dongle"), np.concatenate([tone, np.zeros(48000)]))
    assert played.played_to == ("dongle",)
    x = played.recording.samples[:, 0]
    assert 10 * np.log10(np.max(np.convolve(x**2, np.ones(4800) / 4800, "valid"))) == pytest.approx(-32, abs=0.3)


@pytest.mark.audio
def test_a_computer_that_lets_the_sound_wait_says_for_how_long(sound_card: SoundCard) -> None:
    microphone, earpiece = pair("wired")

    def stand_still() -> None:
        sound_card.daemon.send_signal(signal.SIGSTOP)
        threading.Timer(1.0, sound_card.daemon.send_signal, (signal.SIGCONT,)).start()

    assert play(microphone, earpiece, np.zeros(48000), stand_still).held_up_seconds > 0.7


@pytest.mark.audio
def test_an_earpiece_that_is_unplugged_meanwhile_fails_by_its_name(sound_card: SoundCard) -> None:
    microphone, earpiece = pair("dongle")
    with pytest.raises(ProbeError, match="Jabra Link 370: unplugged") as caught:
        play(microphone, earpiece, np.zeros(30 * 48000), lambda: sound_card.unplug("dongle"))
    assert (caught.value.code, caught.value.at_fault) == ("unplugged", "device")
    left = {child.name() for child in psutil.Process().children()}
    assert left <= {"pulseaudio", "postgres"}  # the sound card itself, and the database of other tests


@pytest.mark.audio
def test_an_earpiece_that_is_gone_before_is_not_replaced_by_another(sound_card: SoundCard) -> None:
    microphone, earpiece = pair("wired")
    with pytest.raises(ProbeError, match="gone_ear") as caught:
        play(microphone, replace(earpiece, id="gone_ear", name="gone_ear"), np.zeros(48000))
    assert caught.value.code in ("device_not_found", "wrong_endpoint")


@pytest.mark.audio
def test_a_muted_earpiece_is_told_before_anything_is_played(sound_card: SoundCard) -> None:
    sound_card.pactl("set-sink-mute", "wired", "1")
    with pytest.raises(ProbeError, match="Blackwire") as caught:
        pair("wired")
    assert caught.value.code == "earpiece_muted"


def test_the_earpiece_on_the_same_card_is_taken_and_not_one_of_the_same_name() -> None:
    twin = replace(EARPIECE, id="twin", unit="alsa.card=2")
    assert earpiece_of(MICROPHONE, [MICROPHONE, twin, EARPIECE]).id == "ear"


def test_a_twin_on_another_card_is_not_taken_for_the_headsets_own() -> None:
    with pytest.raises(ProbeError) as caught:
        earpiece_of(MICROPHONE, [MICROPHONE, replace(EARPIECE, unit="alsa.card=2")])
    assert caught.value.code == "no_earpiece"


def test_without_a_tie_the_usb_ids_decide_and_then_the_name() -> None:
    microphone = replace(MICROPHONE, unit="")
    other = one("output", id="other", name="Speakers", vendor_id="8086", product_id="a171")
    assert earpiece_of(microphone, [other, replace(EARPIECE, unit="", name="another word")]).id == "ear"
    nameless = replace(microphone, vendor_id=None, product_id=None)
    assert earpiece_of(nameless, [other, replace(EARPIECE, unit="")]).id == "ear"


def test_two_of_a_kind_are_not_guessed_between() -> None:
    untied = replace(EARPIECE, unit="")
    with pytest.raises(ProbeError, match="2 earpieces") as caught:
        earpiece_of(replace(MICROPHONE, unit=""), [untied, replace(untied, id="ear2")])
    assert caught.value.code == "ambiguous_earpiece"


def test_a_microphone_alone_has_no_earpiece() -> None:
    with pytest.raises(ProbeError, match="no earpiece of its own") as caught:
        earpiece_of(MICROPHONE, [MICROPHONE, one("output", id="tv", name="Television", bus="display")])
    assert caught.value.code == "no_earpiece"


def test_the_screens_sound_on_the_onboard_card_is_not_the_headphones() -> None:
    microphone = one("input", bus="onboard", unit="alsa.card=0")
    screen = one("output", id="hdmi", bus="display", unit="alsa.card=0")
    phones = one("output", id="phones", bus="onboard", unit="alsa.card=0")
    assert earpiece_of(microphone, [screen, phones]).id == "phones"


def test_a_device_that_is_both_at_once_is_its_own_earpiece() -> None:
    """As macOS lists some headsets: one entry with channels in both directions."""
    both = replace(MICROPHONE, id="both", output_channels=2, unit="")
    assert earpiece_of(both, [replace(EARPIECE, unit=""), both]).id == "both"

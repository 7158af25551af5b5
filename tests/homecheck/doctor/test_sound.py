"""The way to the headset, on a virtual sound card and by what other systems say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from homecheck.doctor.sound import (
    examine_microphones,
    examine_permission,
    examine_sound,
    macos_says,
    windows_says,
)
from homecheck.instruments.audio import macos_permission
from homecheck.instruments.audio.windows import Key
from tests.soundcard import SoundCard


@pytest.mark.audio
def test_a_sound_card_with_headsets_is_in_order(sound_card: SoundCard) -> None:
    found = {one.subject: one for one in examine_sound()}
    assert {one.state for one in found.values()} == {"ok"}, found
    assert found["audio library"].message.startswith("PortAudio V19")
    assert found["microphone"].message.startswith("Plantronics Blackwire 3225 Series, and ")


@pytest.mark.audio
def test_a_bridge_to_the_sound_server_that_is_missing_is_named(
    sound_card: SoundCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asound.conf").write_text("pcm.default { type null }\n", encoding="utf-8")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
    (found,) = [one for one in examine_sound() if one.state != "ok"]
    assert (found.state, found.trouble) == ("fail", "sound-bridge-missing")
    assert "libasound2-plugins" in found.fix


@pytest.mark.audio
def test_a_muted_microphone_is_something_to_look_at(sound_card: SoundCard) -> None:
    subprocess.run(["pactl", "set-source-mute", "@DEFAULT_SOURCE@", "1"], check=True, timeout=20)
    (found,) = [one for one in examine_sound() if one.state != "ok"]
    assert (found.state, found.trouble) == ("warn", "microphone-muted")
    assert found.message.startswith("Plantronics Blackwire 3225 Series: muted")


@pytest.mark.audio
def test_a_sound_service_that_has_ended_is_the_trouble(sound_card: SoundCard) -> None:
    sound_card.end()
    (found,) = [one for one in examine_sound() if one.state != "ok"]
    assert (found.state, found.trouble) == ("fail", "sound-service")
    assert found.fix


def test_no_microphone_is_something_to_look_at_and_no_failure() -> None:
    found = examine_microphones([])
    assert (found.state, found.trouble) == ("warn", "no-microphone")


def test_a_library_that_is_missing_is_named_with_the_packages_that_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = "raise OSError('PortAudio library not found')\n"  # as sounddevice does
    (tmp_path / "sounddevice.py").write_text(stub, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = next(iter(examine_sound()))
    assert (first.state, first.trouble) == ("fail", "portaudio-missing")
    assert "PortAudio library not found" in first.message
    assert "libportaudio2" in first.fix


DENY, ALLOW = Key({"value": "Deny"}), Key({"value": "Allow"})


@pytest.mark.parametrize(
    ("machine", "user", "state"),
    [
        (ALLOW, Key({"value": "Allow"}, {"NonPackaged": ALLOW}), "ok"),
        (Key(), Key(), "ok"),  # older than these settings
        (DENY, ALLOW, "fail"),
        (ALLOW, DENY, "fail"),
        (ALLOW, Key({"value": "Allow"}, {"NonPackaged": DENY}), "fail"),
    ],
)
def test_windows_settings_of_computer_and_user_both_count(machine: Key, user: Key, state: str) -> None:
    (found,) = windows_says(machine, user)
    assert found.state == state
    assert found.trouble == (None if state == "ok" else "microphone-forbidden")


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (0, ["microphone-not-asked"]),
        (1, ["microphone-forbidden"]),
        (2, ["microphone-forbidden"]),
        (3, [None]),
        (4, []),
        (-1, []),
    ],
)  # AVAuthorizationStatus: notDetermined, restricted, denied, authorized (Apple, AVFoundation)
def test_macos_numbers_become_words(number: int, trouble: list[str | None]) -> None:
    assert [one.trouble for one in macos_says(macos_permission.named(number))] == trouble


def test_macos_is_asked_on_macos_alone_and_cannot_take_us_down() -> None:
    assert macos_permission.ask() == "unknown"
    assert macos_permission.status() == -1  # there is no such framework here
    assert list(examine_permission([], "darwin")) == []

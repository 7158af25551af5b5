"""`homecheck devices`: what hangs on this computer, and why it is taken for what, on a virtual sound card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homecheck.cli import run
from tests.soundcard import SoundCard, VirtualDevice

ACME = VirtualDevice("Acme", 48000, 1, "device.bus=usb device.vendor.id=dead device.product.id=beef")
POLICY = """
name = "mine"
version = "1"
[[requirement]]
quantity = "headset.transport"
one_of = ["wired"]
[[device]]
usb = "dead:beef"
kind = "wired"
name = "Acme Cord"
"""

pytestmark = pytest.mark.audio


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOMECHECK_HOME", str(tmp_path))
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, tuple[str, str]]:
    assert run(["devices", "--output", "json", *more]) == 0
    found = json.loads(capsys.readouterr().out)
    return {device["name"]: (device["transport"], device["identified_by"]) for device in found if device["usb"]}


def test_a_device_is_what_policy_and_local_file_say_and_plugging_needs_no_restart(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SoundCard.plugged_in({"acme": ACME}) as card:
        for name, value in card.environment.items():
            monkeypatch.setenv(name, value)
        assert listed(capsys) == {"Acme": ("unverified", "nothing")}
        (home / "mine.toml").write_text(POLICY, encoding="utf-8")
        assert listed(capsys, "--policy", str(home / "mine.toml")) == {"Acme": ("wired", "policy")}
        local = POLICY[POLICY.index("[[device]]") :].replace('"wired"', '"speakerphone"')
        (home / "audio-devices.toml").write_text(local, encoding="utf-8")
        assert listed(capsys) == {"Acme": ("unverified", "local")}
        card.unplug("acme")
        assert listed(capsys) == {}


def test_people_read_names_ids_and_reasons(
    home: Path, sound_card: SoundCard, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["devices"]) == 0
    out, err = capsys.readouterr()
    assert "Jabra Link 370 (microphone)\n    rf-dongle, USB id 0b0e:245e: USB id 0b0e:245e is" in out
    assert "Plantronics Blackwire 3225 Series (microphone, in use)" in out
    assert "Kopfhörer WH-1000XM4 (microphone)\n    bluetooth: the system names Bluetooth" in out
    assert "dongle_mic" not in out
    assert "[[device]]" in err


def test_a_mistake_in_the_local_file_is_told_with_what_to_do(
    home: Path, sound_card: SoundCard, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "audio-devices.toml").write_text("[[device]]\nusb = 7\n", encoding="utf-8")
    assert run(["devices"]) == 1
    err = capsys.readouterr().err
    assert "audio-devices.toml.device[0]: usb: a text is expected, not 7" in err
    assert "Ask IT to correct the file" in err

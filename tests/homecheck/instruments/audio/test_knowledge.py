"""Whose word counts: a program's list, the one that is shipped, and the one of this computer."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.device_list import DeviceList, ListedDevice
from homecheck.errors import ProbeError
from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.knowledge import LOCAL_FILE, Knowledge, parse_local, read_local
from homecheck.instruments.audio.transport import classify

UNLISTED = ("dead", "beef")


def facts(ids: tuple[str, str] = UNLISTED, name: str = "USB Audio") -> Facts:
    return Facts(id="x", name=name, backend="pulse", bus="usb", vendor_id=ids[0], product_id=ids[1], input_channels=1)


def listed(kind: str, ids: tuple[str, str] = UNLISTED) -> DeviceList:
    return DeviceList((ListedDevice(*ids, kind, "Some Headset", "tested by IT"),))


def test_a_device_that_the_program_lists_is_what_the_program_says() -> None:
    endpoint = classify(facts(), Knowledge(policy=listed("wired")))
    assert (endpoint.transport, endpoint.headset, endpoint.identified_by) == ("wired", True, "policy")
    assert "Some Headset (wired; tested by IT)" in endpoint.reason


def test_a_device_that_this_computer_lists_is_told_as_such() -> None:
    endpoint = classify(facts(), Knowledge(local=listed("wired")))
    assert (endpoint.transport, endpoint.identified_by) == ("wired", "local")


def test_this_computers_list_overrides_nobody() -> None:
    dongle = facts(("0b0e", "245e"))  # Jabra Link 370
    endpoint = classify(dongle, Knowledge(local=listed("wired", ("0b0e", "245e"))))
    assert (endpoint.transport, endpoint.identified_by) == ("rf-dongle", "shipped")
    both = Knowledge(policy=listed("wireless-dongle"), local=listed("wired"))
    assert (classify(facts(), both).transport, classify(facts(), both).identified_by) == ("rf-dongle", "policy")


def test_a_programs_list_overrides_the_one_that_is_shipped() -> None:
    endpoint = classify(facts(("0d8c", "0014")), Knowledge(policy=listed("wired", ("0d8c", "0014"))))
    assert (endpoint.transport, endpoint.identified_by) == ("wired", "policy")


@pytest.mark.parametrize(
    ("kind", "transport", "headset"),
    [
        ("wired", "wired", True), ("wired-adapter", "wired", None), ("wireless-dongle", "rf-dongle", True),
        ("wireless-base-station", "rf-dongle", True), ("wireless-headset-on-usb-cable", "unverified", True),
        ("dock-or-onboard-codec", "builtin", False), ("generic-codec", "unverified", None),
        ("speakerphone", "unverified", False), ("webcam", "unverified", False), ("microphone", "unverified", False),
        ("desk-phone", "unverified", False), ("disputed", "unverified", None),
    ],
)  # fmt: skip
def test_each_kind_leads_to_its_transport(kind: str, transport: str, headset: bool | None) -> None:
    endpoint = classify(facts(), Knowledge(policy=listed(kind)))
    assert (endpoint.transport, endpoint.headset, endpoint.kind) == (transport, headset, kind)


def test_a_word_of_this_computer_is_told_and_proves_no_cord() -> None:
    local = DeviceList(words={"wired_hint": ("Acme Cord",), "wireless_receiver": ("Acme Air",), "headset": ("Acme",)})
    cord = classify(facts(name="ACME-Cord 3"), Knowledge(local=local))
    assert (cord.transport, cord.headset, cord.identified_by) == ("unverified", True, "local")
    air = classify(facts(name="acme air"), Knowledge(local=local))
    assert (air.transport, air.identified_by) == ("rf-dongle", "local")


def test_a_local_word_about_a_device_that_the_shipped_list_leaves_open_is_told() -> None:
    local = DeviceList(words={"headset": ("Acme",)})
    endpoint = classify(facts(("0d8c", "0014"), "Acme"), Knowledge(local=local))
    assert (endpoint.transport, endpoint.headset, endpoint.identified_by) == ("unverified", True, "local")


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (facts(("047f", "c058")), "shipped"),
        (facts(name="Jabra Link 390"), "shipped"),
        (facts(), "nothing"),
        (Facts(id="x", name="x", backend="pulse", bus="bluetooth"), "system"),
        (Facts(id="x", name="x", backend="pulse", bus="onboard", jack="occupied", port="headset"), "system"),
    ],
)
def test_the_source_of_the_conclusion_is_told(device: Facts, expected: str) -> None:
    assert classify(device).identified_by == expected


def test_the_file_of_this_computer_is_read_and_its_absence_is_no_error(tmp_path: Path) -> None:
    assert read_local(None) == read_local(tmp_path) == DeviceList()
    (tmp_path / LOCAL_FILE).write_text('[[device]]\nusb = "DEAD:BEEF"\nkind = "wired"\nname = "X"\n', encoding="utf-8")
    assert read_local(tmp_path).devices == (ListedDevice("dead", "beef", "wired", "X"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b'[[device]]\nusb = "dead:beef"\nkind = "wierd"\nname = "X"',
            r"audio-devices.toml.device\[0\] \(dead:beef\): kind: 'wierd'",
        ),
        (b'[[device]]\nusb = "dead"\nkind = "wired"\nname = "X"', r"usb: 'dead' is no vendor and product id"),
        (b'[[device]]\nusb = "dead:beef"\nkind = "wired"', r"device\[0\] \(dead:beef\): the key 'name' is missing"),
        (b'[[device]]\nusb = "dead:beef"\nkind = "wired"\nname = " "', "name: it is empty"),
        (b'[[device]]\nusb = "dead:beef"\nkind = "wired"\nname = "X"\ncord = true', "unknown key 'cord'"),
        (b'[[device]]\nusb = "dead:beef"\nkind = "wired"\nname = "X"\n' * 2, "the device dead:beef stands twice"),
        (b'[devices]\nusb = "dead:beef"', "unknown key 'devices'"),
        (b'[device_names]\nheadsets = ["X"]', "audio-devices.toml.device_names: unknown key 'headsets'"),
        (b'[device_names]\nheadset = ["ab"]', "headset: 'ab' is no word of 3 to 60 characters"),
        (b'[device_names]\nheadset = ["1234"]', "headset: '1234' is no word"),
        (b"[[device]\nusb", r"audio-devices.toml: not TOML: .*line 1"),
        (b"\xff", "audio-devices.toml: not TOML"),
        (b"#" * 600_000, "600000 bytes, at most 500000"),
        (b"a = " + b"[" * 5000, "not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_with_entry_and_key(text: bytes, message: str) -> None:
    with pytest.raises(ProbeError, match=message) as caught:
        parse_local(text)
    assert (caught.value.code, caught.value.at_fault) == ("device_list", "agent")
    assert LOCAL_FILE in caught.value.advice


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / LOCAL_FILE).mkdir()
    with pytest.raises(ProbeError, match=r"audio-devices\.toml: cannot be read") as caught:
        read_local(tmp_path)
    assert caught.value.code == "device_list"

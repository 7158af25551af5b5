"""A registry tree written by hand after the documented keys of MMDevices; no recorded one has a usable licence."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from homecheck.instruments.audio import windows
from homecheck.instruments.audio.endpoint import AudioEndpoint
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.audio.windows import Key

ENDPOINT = "{a45c254e-df1c-4efd-8020-67d146a850e0}"
ADAPTER = "{b3f8fa53-0004-438e-9003-51a46e139bfc}"
FORM_FACTOR = "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},0"
FORMAT = "{f19f064d-082c-4e27-bc73-6882a1bb8e4c},0"


def wave(rate: int, channels: int, bits: int = 16) -> bytes:
    align = channels * bits // 8
    header = struct.pack("<HHIIHHH", 0xFFFE, channels, rate, rate * align, align, bits, 22) + bytes(22)
    return bytes.fromhex("4100 7300 0100 0000") + struct.pack("<I", len(header)) + header


def endpoint(
    name: str,
    enumerator: str,
    instance: str,
    form: int,
    state: int = 1,
    adapter: str = "",
    more: Mapping[str, Any] | None = None,
) -> Key:
    values = {
        f"{ENDPOINT},2": name,
        f"{ENDPOINT},24": enumerator,
        f"{ADAPTER},2": "{1}." + instance,
        f"{ADAPTER},6": adapter or name,
        FORM_FACTOR: form,
        FORMAT: wave(48000, 1),
        **(more or {}),
    }
    return Key({"devicestate": state}, {"Properties": Key(values)})


def parse(**capture: Key) -> dict[str, AudioEndpoint]:
    tree = Key({}, {"Capture": Key({}, {f"{{{guid}}}": key for guid, key in capture.items()}), "Render": Key()})
    return {facts.id.rpartition("{")[2].rstrip("}"): classify(facts) for facts in windows.parse(tree)}


def test_twelve_devices_come_out_as_what_they_are() -> None:
    found = parse(
        wired=endpoint("Mikrofon", "USB", r"USB\VID_047F&PID_C058&MI_00\8&1", 5, adapter="Blackwire 3225"),
        dongle=endpoint("Headset", "USB", r"USB\VID_0B0E&PID_245E&MI_00\8&2", 5, adapter="Jabra Link 370"),
        handsfree=endpoint("Casque", "BTHHFENUM", r"BTHHFENUM\BTHHFPAUDIO\9&3", 5, adapter="WH-1000XM4 Hands-Free"),
        le=endpoint("Fone de Ouvido", "BTHLEDEVICE", r"BTHLEDEVICE\{0000184e}\9&4", 5),
        array=endpoint("Mikrofonarray", "INTELAUDIO", r"INTELAUDIO\FUNC_01&VEN_8086\5&5", 4),
        bridged=endpoint(
            "Headset", "INTELAUDIO", r"INTELAUDIO\CTLR_DEV_51C8\5&6", 5,
            more={f"{ADAPTER},39": r"{1}.BTHENUM\{0000111E-0000}"},
        ),
        jack=endpoint("Headsetmikrofon", "HDAUDIO", r"HDAUDIO\FUNC_01&VEN_10EC\5&7", 5),
        empty=endpoint("Headsetmikrofon", "HDAUDIO", r"HDAUDIO\FUNC_01&VEN_10EC\5&8", 5, state=8),
        cable=endpoint("CABLE Output", "ROOT", r"ROOT\MEDIA\0000", 2),
        focusrite=endpoint("Analogue 1+2", "FOCUSRITEUSB", r"USB\VID_1235&PID_8210\9", 2),
        unknown=endpoint("Headset", "USB", r"USB\VID_DEAD&PID_BEEF&MI_00\1", 5, adapter="No Name Headset"),
        screen=endpoint("DELL", "HDAUDIO", r"HDAUDIO\FUNC_01&VEN_10DE\5&9", 9),
    )  # fmt: skip
    assert {name: (e.transport, e.connection) for name, e in found.items()} == {
        "wired": ("wired", "usb"),
        "dongle": ("rf-dongle", "usb"),
        "handsfree": ("bluetooth", "bluetooth"),
        "le": ("bluetooth", "bluetooth"),
        "array": ("builtin", "internal"),
        "bridged": ("bluetooth", "bluetooth"),
        "jack": ("wired", "analog"),
        "empty": ("builtin", "internal"),
        "cable": ("virtual", "virtual"),
        "focusrite": ("unverified", "usb"),
        "unknown": ("unverified", "usb"),
        "screen": ("unverified", "display"),
    }
    assert found["screen"].headset is False


def test_states_are_bits_and_absent_devices_are_left_out() -> None:
    usb = r"USB\VID_047F&PID_C058&MI_00\1"
    found = parse(
        odd=endpoint("a", "USB", usb, 5, state=0x10000001),
        disabled=endpoint("b", "USB", usb, 5, state=2),
        gone=endpoint("c", "USB", usb, 5, state=4),
    )
    assert list(found) == ["odd"]


def test_names_and_rates_are_read() -> None:
    key = endpoint("Headset Microphone", "USB", r"USB\VID_047F&PID_C058&MI_00\1", 5, adapter="Blackwire 3225",
                   more={FORMAT: wave(16000, 2, 24)})  # fmt: skip
    found = parse(one=key)["one"]
    assert found.name == "Headset Microphone (Blackwire 3225)"
    assert (found.model, found.native_rate, found.input_channels) == ("Blackwire 3225", 16000, 2)
    assert found.id == "{0.0.1.00000000}.{one}"


def test_the_default_is_the_one_that_portaudio_names() -> None:
    usb = r"USB\VID_047F&PID_C058&MI_00\1"
    tree = Key({}, {"Capture": Key({}, {"{1}": endpoint("A", "USB", usb, 5, adapter="B")})})
    marked = tuple(windows.with_default(windows.parse(tree), "A (B)", ""))
    assert [facts.default_input for facts in marked] == [True]
    assert not any(facts.default_input for facts in windows.with_default(marked, "C", ""))


@pytest.mark.parametrize("blob", [None, b"", b"\xfe\xff", bytes(60), "text", wave(48000, 1)[:20]])
def test_a_blob_without_a_format_has_no_rate(blob: object) -> None:
    assert windows.wave_format(blob) == (None, 1)


def test_a_refused_microphone_is_seen_in_the_consent_store() -> None:
    allow, deny = Key({"value": "Allow"}), Key({"value": "Deny"})
    assert not windows.refuses(Key())
    assert not windows.refuses(Key({"value": "Allow"}, {"NonPackaged": allow}))
    assert windows.refuses(deny)
    assert windows.refuses(Key({"value": "Allow"}, {"NonPackaged": deny}))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a registry")
def test_without_a_registry_there_is_nothing() -> None:
    assert windows.read() == ()
    assert not windows.microphone_refused()

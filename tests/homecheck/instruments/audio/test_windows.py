"""A registry tree written by hand after the documented keys of MMDevices; no recorded one has a usable licence."""

from __future__ import annotations

import sys

import pytest

from homecheck.instruments.audio import windows
from homecheck.instruments.audio.endpoint import AudioEndpoint, Facts
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.audio.windows import Key
from tests.homecheck.instruments.audio.registry import (
    ADAPTER,
    FORMAT,
    JACK_SUBTYPE,
    bluetooth,
    endpoint,
    of_unit,
    tree,
    twelve_devices,
    wave,
)


def parse(**capture: Key) -> dict[str, AudioEndpoint]:
    return {guid(facts): classify(facts) for facts in windows.parse(tree(capture))}


def guid(facts: Facts) -> str:
    return facts.id.rpartition("{")[2].rstrip("}")


def test_devices_of_every_bus_come_out_as_what_they_are() -> None:
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


def test_a_dock_a_dongle_and_a_telephone_come_out_as_what_they_are() -> None:
    paired = windows.telephones(bluetooth())
    found = {guid(facts): classify(facts) for facts in windows.parse(twelve_devices(), paired)}
    assert {name: (e.transport, e.headset) for name, e in found.items()} == {
        "array": ("builtin", False),
        "jack": ("builtin", False),  # no plug in it
        "dock": ("builtin", False),  # Windows does not tell a plug in a dock's jack
        "teams": ("rf-dongle", True),
        "teams_out": ("rf-dongle", True),
        "wired": ("wired", True),
        "casque": ("bluetooth", True),
        "phone": ("bluetooth", False),
        "webcam": ("unverified", False),
        "alone": ("unverified", False),
        "both": ("unverified", None),
        "line": ("unverified", False),
        "cable": ("virtual", False),
        "screen": ("unverified", False),
    }
    assert found["phone"].headset_reason == "the system calls it phone"
    assert "no earpiece" in found["alone"].headset_reason
    assert found["line"].kind == "landline-adapter"
    assert found["wired"].name == "Microfone (Blackwire 3225)"


def test_an_earpiece_that_somebody_disabled_still_makes_it_a_thing_with_two_ends() -> None:
    found = {guid(facts): facts for facts in windows.parse(twelve_devices())}
    assert "both_out" not in found
    assert (found["both"].earpiece, found["teams"].earpiece, found["alone"].earpiece) == (True, True, False)
    assert found["array"].earpiece is None  # everything inside the computer shares one container


def test_without_the_list_of_paired_devices_a_telephone_is_bluetooth_all_the_same() -> None:
    found = {guid(facts): classify(facts) for facts in windows.parse(twelve_devices())}
    assert found["phone"].transport == "bluetooth"


@pytest.mark.parametrize(
    ("subtype", "terminals"),
    [
        ("{DFF21BE1-F70F-11D0-B917-00A0C9223196}", (0x0201,)),
        ("{dff21de2-f70f-11d0-b917-00a0c9223196}", (0x0402,)),
        ("{DFF21EE3-F70F-11D0-B917-00A0C9223196}", (0x0503,)),
        ("{FFFFFFFF-F70F-11D0-B917-00A0C9223196}", ()),
        (7, ()),
    ],
)
def test_the_jack_subtype_is_a_terminal_type_of_usb(subtype: object, terminals: tuple[int, ...]) -> None:
    key = endpoint("a", "USB", r"USB\VID_DEAD&PID_BEEF&MI_00\1", 5, more=of_unit(1, **{JACK_SUBTYPE: subtype}))
    assert parse(one=key)["one"].terminals == terminals


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
    found = windows.parse(tree({"1": endpoint("A", "USB", usb, 5, adapter="B")}))
    marked = tuple(windows.with_default(found, "A (B)", ""))
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
    windows.mind_the_privacy_switch()


@pytest.mark.parametrize(("value", "refuses"), [(2, True), (0, False), (1, False), ("2", False), (None, False)])
def test_an_organisations_policy_is_read(value: object, refuses: bool) -> None:
    assert windows.organisation_refuses(Key({"letappsaccessmicrophone": value})) is refuses


def test_the_casing_ties_what_is_in_it_and_the_computers_own_ties_nothing() -> None:
    """As text, as the registry's bytes of a GUID, and the id that Windows gives to everything built in."""
    container = "{8c7ed206-3f8a-4827-b3ab-ae9e1faefc6c},2"
    ids = {
        "mic": "{5D1A2B3C-0001-4E5F-8899-AABBCCDDEEF0}",
        "bytes": bytes.fromhex("3c2b1a5d01005f4e8899aabbccddeef0"),
        "inside": "{00000000-0000-0000-FFFF-FFFFFFFFFFFF}",
        "none": None,
    }
    found = parse(**{k: endpoint("Mic", "USB", r"USB\VID_047F", 5, more={container: v}) for k, v in ids.items()})
    units = {name: endpoint.unit for name, endpoint in found.items()}
    assert units["mic"] == units["bytes"] != ""
    assert units["inside"] == units["none"] == ""

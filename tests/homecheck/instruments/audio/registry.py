"""A registry tree of a Windows machine with a dock, a Teams dongle and a telephone, written by hand after the keys that
public programs read (origin: listings/ORIGIN.md); names in the languages that Windows gives its roles.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from homecheck.instruments.audio.windows import Key

ENDPOINT = "{a45c254e-df1c-4efd-8020-67d146a850e0}"
ADAPTER = "{b3f8fa53-0004-438e-9003-51a46e139bfc}"
FORM_FACTOR = "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},0"
JACK_SUBTYPE = "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},8"
CONTAINER = "{8c7ed206-3f8a-4827-b3ab-ae9e1faefc6c},2"
FORMAT = "{f19f064d-082c-4e27-bc73-6882a1bb8e4c},0"
COMPUTER = UUID("00000000-0000-0000-ffff-ffffffffffff")
TELEPHONE = UUID("5f0e8a52-0000-4000-8000-0000000000aa")


def wave(rate: int, channels: int, bits: int = 16) -> bytes:
    """A WAVEFORMATEXTENSIBLE behind the header of a PROPVARIANT."""
    align = channels * bits // 8
    header = struct.pack("<HHIIHHH", 0xFFFE, channels, rate, rate * align, align, bits, 22) + bytes(22)
    return bytes.fromhex("4100 7300 0100 0000") + struct.pack("<I", len(header)) + header


def container(guid: UUID) -> bytes:
    """A GUID behind the header of a PROPVARIANT (VT_CLSID)."""
    return bytes.fromhex("4800 0000 0100 0000") + guid.bytes_le


def endpoint(
    name: str,
    enumerator: str,
    instance: str,
    form: int,
    state: int = 1,
    adapter: str = "",
    more: Mapping[str, Any] | None = None,
) -> Key:
    """One endpoint's key with the values that Windows always writes, and `more`."""
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


def tree(capture: Mapping[str, Key], render: Mapping[str, Key] | None = None) -> Key:
    """The folders of both directions."""
    found = {"Capture": capture, "Render": render or {}}
    return Key({}, {name: Key({}, {f"{{{guid}}}": key for guid, key in keys.items()}) for name, keys in found.items()})


def bluetooth() -> Key:
    """The paired devices: a telephone, which offers the gateway, and a headset, which offers the hands-free unit."""
    gateway, unit = ("{0000111f-0000-1000-8000-00805f9b34fb}", "{0000111e-0000-1000-8000-00805f9b34fb}")
    telephone = Key({"containerid": f"{{{TELEPHONE}}}"})
    headset = Key({"containerid": "{5f0e8a52-0000-4000-8000-0000000000bb}"})
    return Key({}, {f"{gateway}_VID&0001004c": Key({}, {"a": telephone}), f"{unit}_VID&0": Key({}, {"b": headset})})


def of_unit(number: int, **more: Any) -> dict[str, Any]:
    """The container id of one thing, and further values."""
    return {CONTAINER: container(UUID(int=0x5F0E8A520000400080000000000000 + number)), **more}


def twelve_devices() -> Key:
    """A laptop on a dock, and what hangs on both."""
    inside = {CONTAINER: container(COMPUTER)}
    hands_free = r"BTHHFENUM\BTHHFPAUDIO\8&1"
    return tree(
        {
            "array": endpoint("Mikrofonarray", "INTELAUDIO", r"INTELAUDIO\FUNC_01&VEN_8086\5", 4, more=inside),
            "jack": endpoint("Headsetmikrofon", "HDAUDIO", r"HDAUDIO\FUNC_01&VEN_10EC\5", 5, state=8, more=inside),
            "dock": endpoint("Mikrofon", "USB", r"USB\VID_0BDA&PID_402E&MI_00\6", 5, 1, "Realtek USB", of_unit(1)),
            "teams": endpoint("Hovedtelefon", "USB", r"USB\VID_0B0E&PID_24C8&MI_00\7", 5, 1, "Link 380", of_unit(2)),
            "wired": endpoint("Microfone", "USB", r"USB\VID_047F&PID_C058&MI_00\8", 5, 1, "Blackwire 3225", of_unit(3)),
            "casque": endpoint("Casque", "BTHHFENUM", hands_free, 5, 1, "WH-1000XM4 Hands-Free AG Audio", of_unit(4)),
            "phone": endpoint(
                "Kopfhörer", "BTHHFENUM", hands_free, 5, 1, "iPhone Hands-Free AG Audio",
                {CONTAINER: container(TELEPHONE)},
            ),
            "webcam": endpoint("マイク", "USB", r"USB\VID_DEAD&PID_0001&MI_02\9", 4, 1, "USB Camera", of_unit(5)),
            "alone": endpoint("Mikrofon", "USB", r"USB\VID_DEAD&PID_0002&MI_00\9", 4, 1, "Podcast One", of_unit(6)),
            "both": endpoint("Mikrofon", "USB", r"USB\VID_DEAD&PID_0003&MI_00\9", 4, 1, "USB PnP", of_unit(7)),
            "line": endpoint(
                "Leitung", "USB", r"USB\VID_DEAD&PID_0004&MI_00\9", 6, 1, "USB Phone Box",
                of_unit(8, **{JACK_SUBTYPE: "{DFF21EE1-F70F-11D0-B917-00A0C9223196}"}),
            ),
            "cable": endpoint("CABLE Output", "ROOT", r"ROOT\MEDIA\0000", 2),
        },
        {
            "teams_out": endpoint("Casque", "USB", r"USB\VID_0B0E&PID_24C8&MI_00\7", 5, 1, "Link 380", of_unit(2)),
            "both_out": endpoint("Lautsprecher", "USB", r"USB\VID_DEAD&PID_0003&MI_00\9", 1, 2, "USB PnP", of_unit(7)),
            "screen": endpoint("DELL U2723QE", "HDAUDIO", r"HDAUDIO\FUNC_01&VEN_10DE\5", 9, more=inside),
        },
    )  # fmt: skip

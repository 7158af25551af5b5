r"""Windows: the sound endpoints under HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\MMDevices\Audio.

Readable without administrator's rights. A key is a `Key`: its values by name and its subkeys by name; `read` fills it
from the registry, the parser works on it alone.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from homecheck.instruments.audio.endpoint import Bus, Facts, Jack, Port, usb_id

MMDEVICES: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\MMDevices\Audio"
CONSENT: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone"

_ENDPOINT: Final = "{a45c254e-df1c-4efd-8020-67d146a850e0}"
_ROLE_NAME: Final = f"{_ENDPOINT},2"
_FRIENDLY_NAME: Final = f"{_ENDPOINT},14"
_ENUMERATOR: Final = f"{_ENDPOINT},24"
_FORM_FACTOR: Final = "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},0"
_ADAPTER: Final = "{b3f8fa53-0004-438e-9003-51a46e139bfc}"
_INSTANCE: Final = f"{_ADAPTER},2"
_ADAPTER_NAME: Final = f"{_ADAPTER},6"
_ATTACHED: Final = f"{_ADAPTER},39"
_FORMAT: Final = "{f19f064d-082c-4e27-bc73-6882a1bb8e4c},0"

_ACTIVE: Final = 0x1  # bits of DeviceState; others are set beside them, so bits are tested and never compared
_UNPLUGGED: Final = 0x8
_FORM_FACTORS: Final = (
    "network", "speakers", "line", "headphones", "microphone", "headset", "handset", "digital", "spdif", "display", "",
)  # fmt: skip
_USB_INSTANCE: Final = re.compile(r"VID_([0-9A-F]{4})&PID_([0-9A-F]{4})", re.IGNORECASE)
_BUSES: Final[tuple[tuple[str, Bus], ...]] = (
    # The order matters: Intel's bridge to Bluetooth names INTELAUDIO first and BTHENUM in the attached device.
    ("BTH", "bluetooth"), ("USB", "usb"), ("HDAUDIO", "onboard"), ("INTELAUDIO", "onboard"), ("SOUNDWIRE", "onboard"),
    ("PCI", "onboard"), ("ACPI", "onboard"), ("ROOT", "virtual"), ("SWD", "virtual"),
)  # fmt: skip


@dataclass(frozen=True)
class Key:
    """A registry key: values by lower-case name, subkeys by name."""

    values: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)


def read() -> tuple[Facts, ...]:
    """Return the active and unplugged endpoints; empty on other systems."""
    return parse(read_key(MMDEVICES))


def microphone_refused() -> bool:
    """Tell whether Windows' privacy settings keep desktop programs from the microphone."""
    return any(refuses(read_key(CONSENT, user=user)) for user in (True, False))


def refuses(consent: Key) -> bool:
    """Tell whether a consent store's microphone key says Deny, for everybody or for desktop programs."""
    desktop = consent.keys.get("NonPackaged", Key())
    return any(str(key.values.get("value", "")).lower() == "deny" for key in (consent, desktop))


def parse(audio: Key) -> tuple[Facts, ...]:
    """Return one `Facts` for each endpoint under ``Capture`` and ``Render`` that is active or has an empty jack."""
    found: list[Facts] = []
    for direction in ("Capture", "Render"):
        for guid, key in audio.keys.get(direction, Key()).keys.items():
            state = int(key.values.get("devicestate", 0))
            if state & (_ACTIVE | _UNPLUGGED):
                found.append(_facts(guid, direction, state, key.keys.get("Properties", Key()).values))
    return tuple(found)


def _facts(guid: str, direction: str, state: int, properties: Mapping[str, Any]) -> Facts:
    adapter, role = str(properties.get(_ADAPTER_NAME, "")), str(properties.get(_ROLE_NAME, ""))
    form = _form_factor(properties.get(_FORM_FACTOR))
    bus, read_from = _bus(properties, form)
    vendor, product = _usb_ids(properties)
    rate, channels = wave_format(properties.get(_FORMAT))
    jack: Jack = "empty" if state & _UNPLUGGED else "unknown"
    return Facts(
        id=("{0.0.1.00000000}." if direction == "Capture" else "{0.0.0.00000000}.") + guid,
        name=str(properties.get(_FRIENDLY_NAME) or (f"{role} ({adapter})" if adapter else role)),
        product=adapter,
        backend="wasapi",
        bus=bus,
        vendor_id=vendor,
        product_id=product,
        native_rate=rate,
        input_channels=channels if direction == "Capture" else 0,
        output_channels=channels if direction == "Render" else 0,
        jack="occupied" if bus == "onboard" and form in ("headset", "headphones") and jack == "unknown" else jack,
        port=_port(form),
        form_factor=form,
        read_from={
            "bus": f"MMDevices {read_from}",
            "vendor_id": "MMDevices adapter instance",
            "native_rate": "MMDevices device format",
            "jack": "MMDevices DeviceState and form factor",
        },
    )


def _bus(properties: Mapping[str, Any], form: str) -> tuple[Bus, str]:
    attached, enumerator, instance = (_word(properties, name) for name in (_ATTACHED, _ENUMERATOR, _INSTANCE))
    if form in ("display", "spdif"):
        return ("display" if form == "display" else "onboard"), f"form factor {form}"
    if form == "network":
        return "virtual", "form factor network"
    # A vendor's own bus driver (FOCUSRITEUSB) still sits on a USB instance.
    for word, bus in _BUSES:
        if any(text.startswith(word) for text in (attached, enumerator, instance)):
            return bus, f"enumerator {enumerator}"
    return ("usb" if "USB" in enumerator or _USB_INSTANCE.search(instance) else "unknown"), f"enumerator {enumerator}"


def _word(properties: Mapping[str, Any], name: str) -> str:
    r"""Return a value in capitals, without the ``{1}.`` that instances such as ``{1}.USB\VID_046D&…`` begin with."""
    return re.sub(r"^\{\d+\}\.", "", str(properties.get(name, ""))).upper()


def _port(form: str) -> Port:
    if form == "headset":
        return "headset"
    if form == "headphones":
        return "headphones"
    return "internal" if form in ("microphone", "speakers") else "unknown"


def _form_factor(value: object) -> str:
    return _FORM_FACTORS[value] if isinstance(value, int) and 0 <= value < len(_FORM_FACTORS) else ""


def _usb_ids(properties: Mapping[str, Any]) -> tuple[str | None, str | None]:
    for name in (_INSTANCE, _ATTACHED):
        if match := _USB_INSTANCE.search(str(properties.get(name, ""))):
            return usb_id(match.group(1)), usb_id(match.group(2))
    return None, None


def wave_format(blob: object) -> tuple[int | None, int]:
    """Return rate in Hz and channels of the WAVEFORMATEX that a registry blob holds; (None, 1) when it holds none.

    The header before it differs between systems, so the structure is found by its own consistency:
    nBlockAlign = nChannels x wBitsPerSample / 8 and nAvgBytesPerSec = nSamplesPerSec x nBlockAlign.
    """
    data = blob if isinstance(blob, bytes) else b""
    for offset in range(0, max(0, len(data) - 15), 2):
        tag, channels, rate, bytes_per_second, align, bits = struct.unpack_from("<HHIIHH", data, offset)
        if tag in (1, 3, 0xFFFE) and align == channels * bits // 8 > 0 and bytes_per_second == rate * align > 0:
            return rate, channels
    return None, 1


def read_key(path: str, *, user: bool = False) -> Key:
    """Return the registry key at `path` under HKLM (or HKCU) with everything below it; empty when there is none."""
    if sys.platform != "win32":
        return Key()
    import winreg  # exists on Windows alone

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER if user else winreg.HKEY_LOCAL_MACHINE, path) as handle:
            subkeys, count, _ = winreg.QueryInfoKey(handle)
            values = {name.lower(): value for name, value, _ in (winreg.EnumValue(handle, i) for i in range(count))}
            names = [winreg.EnumKey(handle, i) for i in range(subkeys)]
    except OSError:
        return Key()
    return Key(values, {name: read_key(f"{path}\\{name}", user=user) for name in names})


def with_default(found: tuple[Facts, ...], default_input: str, default_output: str) -> Iterator[Facts]:
    """Yield the endpoints with the default ones marked. The registry does not know them; PortAudio names them."""
    for facts in found:
        yield replace(
            facts,
            default_input=facts.is_input and facts.name == default_input,
            default_output=facts.output_channels > 0 and facts.name == default_output,
        )

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
from uuid import UUID

from homecheck.errors import ProbeError
from homecheck.instruments.audio import unsure
from homecheck.instruments.audio.endpoint import Bus, Facts, Jack, Port, paired, shown, sourced, usb_id
from homecheck.instruments.audio.unsure import text

MMDEVICES: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\MMDevices\Audio"
CONSENT: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone"
BLUETOOTH: Final = r"SYSTEM\CurrentControlSet\Enum\BTHENUM"
PRIVACY_POLICY: Final = r"SOFTWARE\Policies\Microsoft\Windows\AppPrivacy"

_ENDPOINT: Final = "{a45c254e-df1c-4efd-8020-67d146a850e0}"
_ROLE_NAME: Final = f"{_ENDPOINT},2"
_FRIENDLY_NAME: Final = f"{_ENDPOINT},14"
_ENUMERATOR: Final = f"{_ENDPOINT},24"
_FORM_FACTOR: Final = "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},0"
_ADAPTER: Final = "{b3f8fa53-0004-438e-9003-51a46e139bfc}"
_JACK_SUBTYPE: Final = "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},8"
_CONTAINER: Final = "{8c7ed206-3f8a-4827-b3ab-ae9e1faefc6c},2"  # one for everything in one casing
_INSTANCE: Final = f"{_ADAPTER},2"
_ADAPTER_NAME: Final = f"{_ADAPTER},6"
_ATTACHED: Final = f"{_ADAPTER},39"
_FORMAT: Final = "{f19f064d-082c-4e27-bc73-6882a1bb8e4c},0"


_ACTIVE: Final = 0x1  # bits of DeviceState; others are set beside them, so bits are tested and never compared
_NOT_PRESENT: Final = 0x4
_UNPLUGGED: Final = 0x8
_THE_COMPUTER: Final = "ffffffffffff"  # {00000000-0000-0000-FFFF-FFFFFFFFFFFF}: every part inside has this one
_FORCE_DENY: Final = 2  # of the organisation's policy LetAppsAccessMicrophone
_FORM_FACTORS: Final = (
    "network", "speakers", "line", "headphones", "microphone", "headset", "handset", "digital", "spdif", "display", "",
)  # fmt: skip
_USB_INSTANCE: Final = re.compile(r"VID_([0-9A-F]{4})&PID_([0-9A-F]{4})", re.IGNORECASE)
# Windows writes USB's terminal types as GUIDs (KSNODETYPE_…, ksmedia.h): 0x0201 is DFF21BE1-…, 0x0402 DFF21DE2-…,
# 0x0501 DFF21EE1-…: a letter for the group and a digit for the type. It does so for sound chips as well.
_NODE: Final = re.compile(r"\{DFF21([B-F])E([0-9A-F])-F70F-11D0-B917-00A0C9223196\}", re.IGNORECASE)
_NODE_GROUPS: Final[Mapping[str, int]] = {"B": 0x0200, "C": 0x0300, "D": 0x0400, "E": 0x0500, "F": 0x0600}
# Bluetooth service classes, Assigned Numbers: hands-free and headset audio gateway. Only telephones offer them.
_GATEWAY: Final = re.compile(r"\{0000(111F|1112)-", re.IGNORECASE)
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
    return parse(read_key(MMDEVICES), telephones(read_key(BLUETOOTH)))


def mind_the_privacy_switch() -> None:
    """Raise ProbeError ``permission_refused`` where Windows' settings keep desktop programs from the microphone."""
    if any(refuses(read_key(CONSENT, user=user)) for user in (True, False)):
        raise ProbeError(
            "permission_refused",
            "Settings, Privacy & security, Microphone: switch on 'Microphone access' and 'Let desktop apps access your "
            "microphone', then repeat the check. Is it greyed out? Your IT has to allow it.",
            message="Windows keeps the microphone from desktop programs",
            at_fault="person",
        )


def refuses(consent: Key) -> bool:
    """Tell whether a consent store's microphone key says Deny, for everybody or for desktop programs."""
    desktop = consent.keys.get("NonPackaged", Key())
    return any(text(key.values.get("value")).lower() == "deny" for key in (consent, desktop))


def organisation_refuses(policy: Key | None = None) -> bool:
    """Tell whether the organisation's policy forces "no microphone" on apps.

    It speaks of Store apps. That it also stops desktop programs is not documented, so it refuses nothing by itself: it
    only explains a microphone that stays silent.
    """
    values = (read_key(PRIVACY_POLICY) if policy is None else policy).values
    return values.get("letappsaccessmicrophone") == _FORCE_DENY


def telephones(bluetooth: Key) -> frozenset[str]:
    """Return the container ids of the telephones among the paired Bluetooth devices.

    A telephone and a headset have sound endpoints of the same kind. The service beside them tells which one it is, and
    the container id ties them together.
    """
    services = (key for name, key in bluetooth.keys.items() if _GATEWAY.match(name))
    found = (_container(device.values.get("containerid")) for service in services for device in service.keys.values())
    return frozenset(found) - {""}


def parse(audio: Key, telephones: frozenset[str] = frozenset()) -> tuple[Facts, ...]:
    """Return one `Facts` for each endpoint under ``Capture`` and ``Render`` that is active or has an empty jack.

    An endpoint that somebody disabled is left out, and still tells that its other half has an earpiece.
    """
    found: list[tuple[int, Facts]] = []
    for direction in ("Capture", "Render"):
        for guid, key in audio.keys.get(direction, Key()).keys.items():
            state = _state(key.values.get("devicestate"))
            facts = _facts(guid, direction, state, key.keys.get("Properties", Key()).values)
            found.append((state, _as_telephone(facts) if facts.unit in telephones else facts))
    there = [(state, facts) for state, facts in found if not state & _NOT_PRESENT]
    matched = zip((state for state, _ in there), paired(facts for _, facts in there), strict=True)
    return tuple(facts for state, facts in matched if state & (_ACTIVE | _UNPLUGGED))


def _state(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _facts(guid: str, direction: str, state: int, properties: Mapping[str, Any]) -> Facts:
    adapter, role = text(properties.get(_ADAPTER_NAME)), text(properties.get(_ROLE_NAME))
    friendly = text(properties.get(_FRIENDLY_NAME))
    form = _form_factor(properties.get(_FORM_FACTOR))
    bus, bus_from = _bus(properties, form)
    vendor, product = _usb_ids(properties)
    rate, channels = wave_format(properties.get(_FORMAT))
    return sourced(Facts(
        id=("{0.0.1.00000000}." if direction == "Capture" else "{0.0.0.00000000}.") + guid,
        name=friendly or (f"{role} ({adapter})" if adapter else role),
        product=adapter,
        backend="wasapi",
        bus=bus,
        vendor_id=vendor,
        product_id=product,
        native_rate=rate,
        input_channels=channels if direction == "Capture" else 0,
        output_channels=channels if direction == "Render" else 0,
        jack=_jack(bus, form, state),
        port=_port(form),
        form_factor=form,
        terminals=_terminals(properties),
        unit=_container(properties.get(_CONTAINER)),
        read_from={
            "id": "MMDevices endpoint key",
            "name": "MMDevices friendly name" if friendly else "MMDevices role and adapter name",
            "product": "MMDevices adapter name",
            "bus": f"MMDevices {bus_from}",
            "vendor_id": "MMDevices adapter instance",
            "product_id": "MMDevices adapter instance",
            "native_rate": "MMDevices device format",
            "input_channels": "MMDevices device format",
            "output_channels": "MMDevices device format",
            "jack": "MMDevices DeviceState and form factor",
            "port": "MMDevices form factor",
            "form_factor": "MMDevices form factor",
            "terminals": "MMDevices jack subtype",
            "unit": "MMDevices container id",
        },
    ))  # fmt: skip


def _as_telephone(facts: Facts) -> Facts:
    where = "Enum\\BTHENUM: the same container offers a telephone's gateway"
    return replace(facts, form_factor="phone", read_from={**facts.read_from, "form_factor": where})


def _form_factor(value: object) -> str:
    return _FORM_FACTORS[value] if isinstance(value, int) and 0 <= value < len(_FORM_FACTORS) else ""


def _jack(bus: Bus, form: str, state: int) -> Jack:
    """Return the state of the jack: Windows shows a headset on a sound chip as active only while it is plugged in."""
    if state & _UNPLUGGED:
        return "empty"
    return "occupied" if bus == "onboard" and form in ("headset", "headphones") else "unknown"


def _terminals(properties: Mapping[str, Any]) -> tuple[int, ...]:
    match = _NODE.fullmatch(text(properties.get(_JACK_SUBTYPE)))
    return (_NODE_GROUPS[match.group(1).upper()] + int(match.group(2), 16),) if match else ()


def _container(value: object) -> str:
    """Return the container id of an external device; the one that stands for the computer itself ties nothing.

    Sound endpoints hold it as 16 bytes behind a header of 8, devices as a text in braces.
    """
    try:
        found = UUID(bytes_le=value[-16:]) if isinstance(value, bytes) else UUID(text(value))
    except ValueError:
        return ""
    return "" if found.int == 0 or str(found).endswith(_THE_COMPUTER) else str(found)


def _bus(properties: Mapping[str, Any], form: str) -> tuple[Bus, str]:
    attached, enumerator, instance = (_word(properties, name) for name in (_ATTACHED, _ENUMERATOR, _INSTANCE))
    if form in ("display", "spdif"):
        return ("display" if form == "display" else "onboard"), f"form factor {form}"
    if form == "network":
        return "virtual", "form factor network"
    told = f"enumerator {shown(enumerator)[:40]}"
    for word, bus in _BUSES:
        if attached.startswith(word):
            return bus, "attached device's enumerator"
        if enumerator.startswith(word) or instance.startswith(word):
            return bus, told
    # A vendor's own bus driver (FOCUSRITEUSB) still sits on a USB instance.
    return ("usb" if "USB" in enumerator or _USB_INSTANCE.search(instance) else "unknown"), told


def _word(properties: Mapping[str, Any], name: str) -> str:
    r"""Return a value in capitals, without the ``{1}.`` that instances such as ``{1}.USB\VID_046D&…`` begin with."""
    return re.sub(r"^\{\d+\}\.", "", text(properties.get(name))).upper()


def _port(form: str) -> Port:
    if form == "headset":
        return "headset"
    if form == "headphones":
        return "headphones"
    if form == "line":
        return "line"
    return "internal" if form in ("microphone", "speakers") else "unknown"


def _usb_ids(properties: Mapping[str, Any]) -> tuple[str | None, str | None]:
    for name in (_INSTANCE, _ATTACHED):
        if match := _USB_INSTANCE.search(text(properties.get(name))):
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
            return unsure.rate(rate), unsure.channels(channels) or 1
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

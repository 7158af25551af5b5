"""Linux with a sound server: what `pactl -f json` lists, for PulseAudio and for PipeWire's PulseAudio server alike.

Only named fields are picked: the listings also hold the user's and the host's name, the machine id and process owners.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio.endpoint import Bus, Facts, Jack, Port, usb_id

TIMEOUT_SECONDS: Final = 5.0
_BUSES: Final[Mapping[str, Bus]] = {
    "usb": "usb", "bluetooth": "bluetooth", "pci": "onboard", "isa": "onboard", "platform": "onboard",
    "soundwire": "onboard", "firewire": "other", "thunderbolt": "other",
}  # fmt: skip
_PORTS: Final[Mapping[str, Port]] = {"internal": "internal", "headset": "headset", "headphone": "headphones"}
_NULL: Final = "(null)"
_JACKS: Final[Mapping[str, Jack]] = {"available": "occupied", "not available": "empty"}


def read() -> tuple[Facts, ...] | None:
    """Return the sound server's endpoints, or None when no sound server answers.

    Raises ProbeError ``pactl_missing`` when a server is there but the program to ask it is not, and
    ``devices_not_listed`` when it breaks off: that says nothing about the devices.
    """
    if shutil.which("pactl") is None:
        if _socket_exists():
            raise ProbeError(
                "pactl_missing",
                "Install the package pulseaudio-utils.",
                message="a sound server runs, but the program pactl is not installed",
            )
        return None
    info = listing("info")
    if not isinstance(info, dict):
        return None
    return parse(info, _named("sources"), _named("sinks"))


def listing(*arguments: str) -> Any:
    """Return what ``pactl -f json`` answers, or None when there is no answer."""
    try:
        return json.loads(_answer("-f", "json", *arguments))
    except json.JSONDecodeError:
        return None


def descriptions(text: str) -> dict[str, str]:
    """Return description by name from plain ``pactl list sources`` in the C locale."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("\tName: "):
            name = line.removeprefix("\tName: ")
        elif line.startswith("\tDescription: "):
            found[name] = line.removeprefix("\tDescription: ")
    return found


def _named(kind: str) -> list[Any]:
    """Return the listing of ``sources`` or ``sinks`` with every description readable.

    pactl 16 writes "(null)" into its JSON for every text that is not ASCII, in any locale; its plain listing is whole.
    """
    items = listing("list", kind)
    if not isinstance(items, list):
        raise ProbeError(
            "devices_not_listed",
            "Repeat the check; sign out and in again if it happens again.",
            message=f"the sound server does not list its {kind}",
        )
    if any(item.get("description") == _NULL for item in items):
        readable = descriptions(_answer("list", kind))
        items = [{**item, "description": readable.get(item.get("name"), item.get("description"))} for item in items]
    return items


def _answer(*arguments: str) -> str:
    """Return what pactl prints, or an empty text when it fails."""
    try:
        answer = subprocess.run(
            ["pactl", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            env={**os.environ, "LC_ALL": "C"},  # in other locales labels are translated and numbers carry commas
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.decode("utf-8", "replace")


def parse(info: Mapping[str, Any], sources: list[Any], sinks: list[Any]) -> tuple[Facts, ...]:
    """Return one `Facts` for each source and sink that is not a monitor of another."""
    default_source, default_sink = info.get("default_source_name"), info.get("default_sink_name")
    found = [_facts(item, "source", default_source) for item in sources if not _is_monitor(item)]
    return (*found, *(_facts(item, "sink", default_sink) for item in sinks))


def recorded_by(process_id: int, source_outputs: list[Any], sources: list[Any]) -> tuple[str, ...]:
    """Return the names of the sources that the process `process_id` records from."""
    names = {item.get("index"): str(item.get("name")) for item in sources}
    return tuple(
        names.get(int(output["source"]), "")
        for output in source_outputs
        if str(output.get("properties", {}).get("application.process.id")) == str(process_id)
    )


def _socket_exists() -> bool:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return bool(os.environ.get("PULSE_SERVER")) or (runtime is not None and Path(runtime, "pulse", "native").exists())


def _is_monitor(item: Mapping[str, Any]) -> bool:
    return item.get("properties", {}).get("device.class") == "monitor" or bool(item.get("monitor_source"))


def _facts(item: Mapping[str, Any], direction: str, default: object) -> Facts:
    properties = item.get("properties", {})
    bus, read_from = _bus(item, properties)
    vendor, product = _usb_ids(properties)
    rate, channels = _specification(str(item.get("sample_specification", "")))
    port, jack = _port(item)
    is_default = item.get("name") == default
    return Facts(
        id=str(item.get("name", "")),
        name=_readable(item.get("description")) or str(item.get("name", "")),
        product=_readable(properties.get("device.product.name")),
        backend="pulse",
        bus=bus,
        vendor_id=vendor,
        product_id=product,
        native_rate=rate,
        input_channels=channels if direction == "source" else 0,
        output_channels=channels if direction == "sink" else 0,
        default_input=is_default and direction == "source",
        default_output=is_default and direction == "sink",
        jack=jack,
        port=port,
        form_factor=str(properties.get("device.form_factor", "")),
        muted=item.get("mute") is True,
        read_from={
            "bus": f"pactl {read_from}",
            "vendor_id": "pactl device.vendor.id",
            "native_rate": "pactl sample_specification",
            "default": f"pactl default_{direction}_name",
            "jack": "pactl ports availability",
        },
    )


def _readable(text: object) -> str:
    return "" if text is None or text == _NULL else str(text)


def _bus(item: Mapping[str, Any], properties: Mapping[str, Any]) -> tuple[Bus, str]:
    """Return the bus and the property that told it. What has neither bus nor sound driver has no hardware."""
    api, driver = str(properties.get("device.api", "")), str(properties.get("alsa.driver_name", ""))
    named = str(properties.get("device.bus", "")).lower()
    if api.startswith("bluez") or named == "bluetooth":
        return "bluetooth", f"device.api={api}"
    if driver == "snd_aloop":
        return "virtual", f"alsa.driver_name={driver}"
    if named != "usb" and _is_display(item):
        return "display", "active port is HDMI or DisplayPort"
    if named:
        return _BUSES.get(named, "unknown"), f"device.bus={named}"
    if driver == "snd_usb_audio" or "/usb" in str(properties.get("sysfs.path", "")):
        return "usb", "alsa.driver_name, sysfs.path"
    if api == "alsa":
        return "onboard", "device.api=alsa without device.bus"
    return "virtual", "neither device.bus nor device.api"


def _is_display(item: Mapping[str, Any]) -> bool:
    port = _active_port(item)
    words = f"{item.get('name', '')} {port.get('name', '')} {port.get('type', '')}".lower()
    return "hdmi" in words or "displayport" in words


def _usb_ids(properties: Mapping[str, Any]) -> tuple[str | None, str | None]:
    vendor, product = usb_id(properties.get("device.vendor.id")), usb_id(properties.get("device.product.id"))
    components = str(properties.get("alsa.components", ""))
    if (vendor is None or product is None) and components.startswith("USB"):
        first, _, second = components.removeprefix("USB").split()[0].partition(":")
        return usb_id(first), usb_id(second)
    return vendor, product


def _specification(text: str) -> tuple[int | None, int]:
    """Return rate in Hz and channels of ``s16le 2ch 48000Hz``."""
    rate, channels = None, 1
    for word in text.split():
        if word.endswith("ch") and word[:-2].isdigit():
            channels = int(word[:-2])
        elif word.endswith("Hz") and word[:-2].isdigit():
            rate = int(word[:-2])
    return rate, channels


def _active_port(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((port for port in item.get("ports") or [] if port.get("name") == item.get("active_port")), {})


def _port(item: Mapping[str, Any]) -> tuple[Port, Jack]:
    """Return what the active port is and whether something is plugged into it."""
    port = _active_port(item)
    words = f"{port.get('name', '')} {port.get('type', '')}".lower()
    kind = next((kind for word, kind in _PORTS.items() if word in words), "external" if port else "unknown")
    return kind, _JACKS.get(str(port.get("availability")), "unknown")

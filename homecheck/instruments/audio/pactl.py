"""Linux with a sound server: what `pactl -f json` lists, for PulseAudio and for PipeWire's PulseAudio server alike.

Only named fields are picked: the listings also hold the user's and the host's name, the machine id and process owners.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio import sound_socket, unsure, usb_terminals
from homecheck.instruments.audio.endpoint import Bus, Facts, Jack, Port, paired, shown, sourced, usb_id
from homecheck.instruments.audio.unsure import members, rows, text
from homecheck.instruments.audio.usb_terminals import Describe, UsbDescription

TIMEOUT_SECONDS: Final = 5.0
_BUSES: Final[Mapping[str, Bus]] = {
    "usb": "usb", "bluetooth": "bluetooth", "pci": "onboard", "isa": "onboard", "platform": "onboard",
    "soundwire": "onboard", "firewire": "other", "thunderbolt": "other",
}  # fmt: skip
_PORTS: Final[Mapping[str, Port]] = {  # words in the names and types of ports, which are never translated
    "internal": "internal", "speaker": "internal", "headset": "headset", "headphone": "headphones", "line": "line",
}  # fmt: skip
_NULL: Final = "(null)"
_JACKS: Final[Mapping[str, Jack]] = {"available": "occupied", "not available": "empty"}


def read() -> tuple[Facts, ...] | None:
    """Return the sound server's endpoints, or None when no sound server runs.

    Raises ProbeError ``permission_refused`` when it turns this program away, ``sound_service`` when it hangs,
    ``pactl_missing`` when it is there but the program to ask it is not, and ``devices_not_listed`` when it breaks off:
    all that says nothing about the devices.
    """
    if shutil.which("pactl") is None:
        if sound_socket.expected():
            raise ProbeError(
                "pactl_missing",
                "Install the package pulseaudio-utils.",
                message="a sound server runs, but the program pactl is not installed",
            )
        return None
    answer = _run("-f", "json", "info")
    if answer.hung:
        raise no_service("does not answer")
    info = _parsed(answer.printed)
    if not isinstance(info, dict):
        _mind_a_refusal(answer)
        return None
    return parse(info, _named("sources"), _named("sinks"))


def no_service(what: str) -> ProbeError:
    """Return the error for a sound service that does not run or not answer: that says nothing about the devices."""
    advice = "Sign out and in again, or restart the computer; then repeat the check."
    return ProbeError("sound_service", advice, message=f"the computer's sound service {what}")


def listing(*arguments: str) -> Any:
    """Return what ``pactl -f json`` answers, or None when there is no answer."""
    return _parsed(_run("-f", "json", *arguments).printed)


def _parsed(printed: str) -> Any:
    try:
        return json.loads(printed)
    except (ValueError, RecursionError):
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


def _named(kind: str) -> list[Mapping[str, Any]]:
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
    if all(item.get("description") != _NULL for item in rows(items)):
        return rows(items)
    readable = descriptions(_run("list", kind).printed)
    return [
        {**item, "description": readable.get(text(item.get("name")), item.get("description"))} for item in rows(items)
    ]


@dataclass(frozen=True)
class _Answer:
    """What pactl printed, and what it complained of; both empty when it could not run, or `hung` and was ended."""

    printed: str = ""
    complaint: str = ""
    hung: bool = False


def _run(*arguments: str) -> _Answer:
    try:
        answer = subprocess.run(
            ["pactl", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env={**os.environ, "LC_ALL": "C"},  # in other locales labels are translated and numbers carry commas
        )
    except subprocess.TimeoutExpired:
        return _Answer(hung=True)
    except (OSError, subprocess.SubprocessError):
        return _Answer()
    printed = answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else ""
    return _Answer(printed, answer.stderr.decode("utf-8", "replace"))


def _mind_a_refusal(answer: _Answer) -> None:
    """Raise ProbeError when a sound server is there and turns us away: that is no computer without a microphone."""
    # "Access denied" in sandboxes (Flatpak, Snap) and without the server's cookie; of a socket that this user may not
    # open pactl says "Connection refused", as of one that nobody listens at.
    if "access denied" in answer.complaint.lower() or sound_socket.forbidden():
        raise ProbeError(
            "permission_refused",
            "Run homecheck as the user who is signed in to the desktop, and not inside a sandbox without sound.",
            message="the sound server refuses this program access",
            at_fault="person",
        )


def parse(
    info: object, sources: object, sinks: object, describe: Describe = usb_terminals.of_sound_card
) -> tuple[Facts, ...]:
    """Return one `Facts` for each source and sink that is no monitor of another; what has another shape is left out."""
    server = members(info)
    default_source, default_sink = server.get("default_source_name"), server.get("default_sink_name")
    found = [_facts(item, "source", default_source, describe) for item in rows(sources) if not _is_monitor(item)]
    found += [_facts(item, "sink", default_sink, describe) for item in rows(sinks)]
    # A card's profile may hide its other direction.
    return paired(found, complete=False)


def recorded_by(process_id: int, source_outputs: object, sources: object) -> tuple[str, ...]:
    """Return the names of the sources that the process `process_id` records from; empty for one that is not listed."""
    return _ends(process_id, source_outputs, "source", sources)


def played_by(process_id: int, sink_inputs: object, sinks: object) -> tuple[str, ...]:
    """Return the names of the sinks that the process `process_id` plays to; empty for one that is not listed."""
    return _ends(process_id, sink_inputs, "sink", sinks)


def _ends(process_id: int, streams: object, end: str, devices: object) -> tuple[str, ...]:
    names = {text(item.get("index")): text(item.get("name")) for item in rows(devices)}
    return tuple(
        names.get(text(stream.get(end)), "")
        for stream in rows(streams)
        if text(members(stream.get("properties")).get("application.process.id")) == str(process_id)
    )


def _is_monitor(item: Mapping[str, Any]) -> bool:
    return members(item.get("properties")).get("device.class") == "monitor" or bool(item.get("monitor_source"))


def _facts(item: Mapping[str, Any], direction: str, default: object, describe: Describe) -> Facts:
    properties = members(item.get("properties"))
    bus, bus_from = _bus(item, properties)
    usb = describe(_card(properties)) if bus == "usb" else None
    ids, ids_from = _usb_ids(properties, usb)
    if usb is not None and (usb.vendor_id, usb.product_id) != ids:
        usb = None  # the listing speaks of another computer's cards
    rate_hz, channels = _specification(text(item.get("sample_specification")))
    port, jack = _port(item)
    unit, unit_from = _unit(properties)
    name, described = text(item.get("name")), _readable(item.get("description"))
    is_default = item.get("name") == default and bool(name)
    return sourced(Facts(
        id=name,
        name=described or name,
        product=_readable(properties.get("device.product.name")),
        backend="pulse",
        bus=bus,
        vendor_id=ids[0],
        product_id=ids[1],
        native_rate=rate_hz,
        input_channels=channels if direction == "source" else 0,
        output_channels=channels if direction == "sink" else 0,
        default_input=is_default and direction == "source",
        default_output=is_default and direction == "sink",
        jack=jack,
        port=port,
        form_factor=text(properties.get("device.form_factor")),
        terminals=usb.terminals if usb else (),
        camera=bool(usb and usb.camera),
        unit=unit,
        earpiece=False if usb and usb.terminals and not usb.plays else None,
        muted=item.get("mute") is True,
        read_from={
            "id": "pactl name",
            "name": "pactl description" if described else "pactl name",
            "product": "pactl device.product.name",
            "bus": f"pactl {bus_from}",
            "vendor_id": f"pactl {ids_from}",
            "product_id": f"pactl {ids_from}",
            "native_rate": "pactl sample_specification",
            "input_channels": "pactl sample_specification",
            "output_channels": "pactl sample_specification",
            f"default_{'input' if direction == 'source' else 'output'}": f"pactl default_{direction}_name",
            "jack": "pactl ports availability",
            "port": "pactl active_port",
            "form_factor": "pactl device.form_factor",
            "terminals": "/sys USB descriptors",
            "camera": "/sys USB descriptors",
            "unit": f"pactl {unit_from}",
            "earpiece": "/sys USB descriptors",
            "muted": "pactl mute",
        },
    ))  # fmt: skip


def _card(properties: Mapping[str, Any]) -> str:
    return text(properties.get("alsa.card")) or text(properties.get("api.alsa.pcm.card"))


def _readable(value: object) -> str:
    return "" if value == _NULL else text(value)


def _bus(item: Mapping[str, Any], properties: Mapping[str, Any]) -> tuple[Bus, str]:
    """Return the bus and the property that told it. What has neither bus nor sound driver has no hardware."""
    api, driver = text(properties.get("device.api")), text(properties.get("alsa.driver_name"))
    named = text(properties.get("device.bus")).lower()
    if api.startswith("bluez"):
        return "bluetooth", f"device.api={shown(api)}"
    if named == "bluetooth":
        return "bluetooth", "device.bus=bluetooth"
    if properties.get("api.bluez5.address") or text(item.get("name")).startswith("bluez_"):
        return "bluetooth", "api.bluez5.address or name"  # WirePlumber's own node in front of a headset has no bus
    if driver in ("snd_aloop", "snd_dummy"):
        return "virtual", f"alsa.driver_name={driver}"
    if named != "usb" and _is_display(item):
        return "display", "active port is HDMI or DisplayPort"
    if named:
        return _BUSES.get(named, "unknown"), f"device.bus={shown(named)}"
    if driver == "snd_usb_audio" or "/usb" in text(properties.get("sysfs.path")):
        return "usb", "alsa.driver_name, sysfs.path"
    if api == "alsa":
        return "onboard", "device.api=alsa without device.bus"
    return "virtual", "neither device.bus nor device.api"


def _is_display(item: Mapping[str, Any]) -> bool:
    port = _active_port(item)
    words = f"{text(item.get('name'))} {text(port.get('name'))} {text(port.get('type'))}".lower()
    return "hdmi" in words or "displayport" in words


def _usb_ids(properties: Mapping[str, Any], usb: UsbDescription | None) -> tuple[tuple[str | None, str | None], str]:
    """Return vendor and product id and where they stand: in properties, in the card's components, in descriptors."""
    vendor, product = usb_id(properties.get("device.vendor.id")), usb_id(properties.get("device.product.id"))
    if vendor is not None and product is not None:
        return (vendor, product), "device.vendor.id, device.product.id"
    components = text(properties.get("alsa.components")).split()
    first, _, second = components[0].removeprefix("USB").partition(":") if components else ("", "", "")
    if usb_id(first) and usb_id(second):
        return (usb_id(first), usb_id(second)), "alsa.components"
    if usb is not None:
        return (usb.vendor_id, usb.product_id), "alsa.card and /sys USB descriptors"
    return (vendor, product), "device.vendor.id, device.product.id"


def _unit(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Return what both directions of one card or of one Bluetooth device have in common, and where that stands."""
    is_alsa = text(properties.get("device.api")) == "alsa"  # whose device.string names one direction of one profile
    keys = ("alsa.card",) if is_alsa else ("api.bluez5.address", "alsa.card", "device.string")
    return next(((f"{key}={text(properties[key])}", key) for key in keys if text(properties.get(key))), ("", ""))


def _specification(written: str) -> tuple[int | None, int]:
    """Return rate in Hz and channels of ``s16le 2ch 48000Hz``."""
    rate_hz, channels = None, 1
    for word in written.split():
        if word.endswith("ch"):
            channels = unsure.channels(word[:-2]) or channels
        elif word.endswith("Hz"):
            rate_hz = unsure.rate(word[:-2])
    return rate_hz, channels


def _active_port(item: Mapping[str, Any]) -> Mapping[str, Any]:
    active = item.get("active_port")
    return next((port for port in rows(item.get("ports")) if active and port.get("name") == active), {})


def _port(item: Mapping[str, Any]) -> tuple[Port, Jack]:
    """Return what the active port is and whether something is plugged into it."""
    port = _active_port(item)
    words = f"{text(port.get('name'))} {text(port.get('type'))}".lower()
    kind = next((kind for word, kind in _PORTS.items() if word in words), "external" if port else "unknown")
    return kind, _JACKS.get(text(port.get("availability")), "unknown")

"""macOS: what `system_profiler` reports about sound and USB.

CoreAudio gives no USB ids, so sound devices are joined with the USB tree by name, and only where that name is unique.
Up to macOS 15 the tree is SPUSBDataType; macOS 26 answers an empty one with exit status 0 and has SPUSBHostDataType.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio import unsure
from homecheck.instruments.audio.endpoint import Bus, Facts, Port, paired, shown, sourced, usb_id
from homecheck.instruments.audio.name_rules import name_rules
from homecheck.instruments.audio.unsure import members, rows, text

TIMEOUT_SECONDS: Final = 15.0
SOUND: Final = "SPAudioDataType"
REPORTS: Final = (SOUND, "SPUSBDataType", "SPUSBHostDataType", "SPBluetoothDataType", "SPCameraDataType")
UsbIds = tuple[str | None, str | None]
_BUSES: Final[Mapping[str, Bus]] = {
    "builtin": "onboard", "pci": "onboard", "usb": "usb", "bluetooth": "bluetooth", "bluetoothle": "bluetooth",
    "virtual": "virtual", "aggregate": "virtual", "airplay": "virtual", "avb": "virtual", "hdmi": "display",
    "displayport": "display", "thunderbolt": "other", "firewire": "other", "continuitycapture": "other",
    "continuitycapturewired": "other", "continuitycapturewireless": "other", "autoaggregate": "virtual",
}  # fmt: skip


def read(report: Callable[[str], dict[str, Any]] | None = None) -> tuple[Facts, ...]:
    """Return the endpoints that the system reports; empty when it reports none.

    Raises ProbeError ``devices_not_listed`` when the report on sound itself cannot be had: that says nothing about the
    devices. The other reports only add to it.
    """
    reports: dict[str, Any] = {}
    for name in REPORTS:
        reports |= (report or _report)(name)
    if SOUND not in reports:
        raise ProbeError(
            "devices_not_listed",
            "Repeat the check; restart the computer if it happens again.",
            message="system_profiler does not report the sound devices",
        )
    return parse(reports)


def read_sound() -> tuple[Facts, ...]:
    """Return the endpoints by the report on sound alone, which comes within a second: who they are, not what."""
    return read(lambda name: _report(name) if name == SOUND else {})


def parse(reports: object) -> tuple[Facts, ...]:
    """Return one `Facts` for each sound device in the reports, which are system_profiler's JSON, merged."""
    found = members(reports)
    usb, cameras = _usb_names(found), _cameras(found)
    minor_types = dict(_bluetooth(found))
    return paired(_facts(item, usb, minor_types, cameras) for item in _devices(found.get(SOUND)))


def _report(name: str) -> dict[str, Any]:
    try:
        answer = subprocess.run(
            ["system_profiler", "-json", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=True,
        ).stdout
        report = json.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def _devices(items: object) -> Iterator[Mapping[str, Any]]:
    """Yield the entries that are sound devices, however deep they are nested."""
    return (item for item in _tree(items) if "coreaudio_device_transport" in item)


def _facts(
    item: Mapping[str, Any], usb: Mapping[str, UsbIds], minor_types: Mapping[str, str], cameras: frozenset[str]
) -> Facts:
    name = text(item.get("_name"))
    word = text(item.get("coreaudio_device_transport")).removeprefix("coreaudio_device_type_")
    bus = _BUSES.get(word.lower().replace("_", "").replace("-", ""), "unknown")
    vendor, product = usb.get(name.strip(), (None, None)) if bus == "usb" else (None, None)
    port, told_by = _port(item, name) if bus == "onboard" else ("unknown", "")
    minor = minor_types.get(name, "").lower() if bus == "bluetooth" else ""
    return sourced(Facts(
        id=name,
        name=name,
        backend="coreaudio",
        bus=bus,
        vendor_id=vendor,
        product_id=product,
        native_rate=unsure.rate(item.get("coreaudio_device_srate")),
        input_channels=unsure.channels(item.get("coreaudio_device_input")),
        output_channels=unsure.channels(item.get("coreaudio_device_output")),
        default_input=item.get("coreaudio_default_audio_input_device") == "spaudio_yes",
        default_output=item.get("coreaudio_default_audio_output_device") == "spaudio_yes",
        # CoreAudio shows the external endpoints only while something is plugged in.
        jack="occupied" if port in ("external", "headphones") else "unknown",
        port=port,
        form_factor=minor,
        camera=bus == "usb" and name.strip() in cameras,
        unit=name if bus in ("usb", "bluetooth") else "",
        read_from={
            "id": "SPAudioDataType _name",
            "name": "SPAudioDataType _name",
            "bus": f"SPAudioDataType coreaudio_device_transport={shown(word)}",
            "vendor_id": "USB report, joined by name",
            "product_id": "USB report, joined by name",
            "native_rate": "SPAudioDataType coreaudio_device_srate",
            "input_channels": "SPAudioDataType coreaudio_device_input",
            "output_channels": "SPAudioDataType coreaudio_device_output",
            "default_input": "SPAudioDataType coreaudio_default_audio_input_device",
            "default_output": "SPAudioDataType coreaudio_default_audio_output_device",
            "jack": f"SPAudioDataType {told_by}",
            "port": f"SPAudioDataType {told_by}",
            "form_factor": "SPBluetoothDataType device_minorType, joined by name",
            "camera": "SPCameraDataType, joined by name",
            "unit": "SPAudioDataType _name",
        },
    ))  # fmt: skip


def _port(item: Mapping[str, Any], name: str) -> tuple[Port, str]:
    """Return the part of the Mac's own sound chip, and the key whose words told it. macOS translates these words.

    The source is what is in use of a device that has several; only where it says nothing does the device's name count.
    """
    rules = name_rules()
    ports: dict[str, Port] = {"macos_headphones": "headphones", "macos_external": "external"}
    ports["macos_internal"] = "internal"
    told = {key: text(item.get(key)) for key in ("coreaudio_input_source", "coreaudio_output_source")}
    for key, words in {**told, "_name": name}.items():
        for rule, port in ports.items():
            if rules[rule].search(words):
                return port, key
    return "unknown", "_name"


def _usb_names(reports: Mapping[str, Any]) -> dict[str, UsbIds]:
    """Return (vendor id, product id) by device name; a name that two different products share is left out."""
    found: dict[str, set[UsbIds]] = {}
    for report in ("SPUSBDataType", "SPUSBHostDataType"):
        for item in _tree(reports.get(report)):
            vendor = usb_id(text(item.get("vendor_id") or item.get("USBDeviceKeyVendorID")))
            product = usb_id(text(item.get("product_id") or item.get("USBDeviceKeyProductID")))
            if vendor and product:
                found.setdefault(text(item.get("_name")).strip(), set()).add((vendor, product))
    return {name: next(iter(ids)) for name, ids in found.items() if len(ids) == 1}


def _cameras(reports: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the cameras: a sound device of the same name is a webcam's microphone."""
    return frozenset(text(item.get("_name")).strip() for item in _tree(reports.get("SPCameraDataType")))


def _tree(items: object) -> Iterator[Mapping[str, Any]]:
    """Yield all entries of a report, however deep they are nested."""
    waiting = rows(items)[::-1]
    while waiting:
        item = waiting.pop()
        yield item
        waiting += rows(item.get("_items"))[::-1]


def _bluetooth(reports: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, minor type) of the Bluetooth devices that are connected."""
    for controller in rows(reports.get("SPBluetoothDataType")):
        for entry in rows(controller.get("device_connected")):
            for name, device in entry.items():
                yield text(name), text(members(device).get("device_minorType"))

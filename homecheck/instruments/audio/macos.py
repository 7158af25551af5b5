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
from homecheck.instruments.audio.endpoint import Bus, Facts, Port, usb_id

TIMEOUT_SECONDS: Final = 15.0
SOUND: Final = "SPAudioDataType"
REPORTS: Final = (SOUND, "SPUSBDataType", "SPUSBHostDataType", "SPBluetoothDataType")
_BUSES: Final[Mapping[str, Bus]] = {
    "builtin": "onboard", "pci": "onboard", "usb": "usb", "bluetooth": "bluetooth", "bluetoothle": "bluetooth",
    "virtual": "virtual", "aggregate": "virtual", "airplay": "virtual", "avb": "virtual", "hdmi": "display",
    "displayport": "display", "thunderbolt": "other", "firewire": "other", "continuitycapture": "other",
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


def parse(reports: Mapping[str, Any]) -> tuple[Facts, ...]:
    """Return one `Facts` for each sound device in the reports, which are system_profiler's JSON, merged."""
    usb = _usb_names(reports)
    minor_types = dict(_bluetooth(reports))
    return tuple(_facts(item, usb, minor_types) for item in _devices(reports.get(SOUND)))


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
    except (OSError, subprocess.SubprocessError, json.JSONDecodeError):
        return {}
    return report if isinstance(report, dict) else {}


def _devices(items: object) -> Iterator[Mapping[str, Any]]:
    """Yield the entries that are sound devices, however deep they are nested."""
    for item in items if isinstance(items, list) else []:
        if "coreaudio_device_transport" in item:
            yield item
        yield from _devices(item.get("_items"))


def _facts(item: Mapping[str, Any], usb: Mapping[str, Any], minor_types: Mapping[str, str]) -> Facts:
    name = str(item.get("_name", ""))
    word = str(item.get("coreaudio_device_transport", "")).removeprefix("coreaudio_device_type_")
    bus = _BUSES.get(word.replace("_", ""), "unknown")
    vendor, product = usb.get(name, (None, None)) if bus == "usb" else (None, None)
    port = _port(item, name) if bus == "onboard" else "unknown"
    return Facts(
        id=name,
        name=name,
        backend="coreaudio",
        bus=bus,
        vendor_id=vendor,
        product_id=product,
        native_rate=_integer(item.get("coreaudio_device_srate")) or None,
        input_channels=_integer(item.get("coreaudio_device_input")),
        output_channels=_integer(item.get("coreaudio_device_output")),
        default_input=item.get("coreaudio_default_audio_input_device") == "spaudio_yes",
        default_output=item.get("coreaudio_default_audio_output_device") == "spaudio_yes",
        # CoreAudio shows the external endpoints only while something is plugged in.
        jack="occupied" if port in ("external", "headphones") else "unknown",
        port=port,
        form_factor=minor_types.get(name, "").lower(),
        read_from={
            "bus": f"SPAudioDataType coreaudio_device_transport={word}",
            "vendor_id": "USB report, joined by name",
            "native_rate": "SPAudioDataType coreaudio_device_srate",
            "default": "SPAudioDataType coreaudio_default_audio_input_device",
            "jack": "SPAudioDataType source name",
        },
    )


def _port(item: Mapping[str, Any], name: str) -> Port:
    words = f"{name} {item.get('coreaudio_input_source', '')} {item.get('coreaudio_output_source', '')}".lower()
    if "headphones" in words:
        return "headphones"
    return "external" if "external microphone" in words else "internal"


def _usb_names(reports: Mapping[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """Return (vendor id, product id) by device name; a name that two different products share is left out."""
    found: dict[str, set[tuple[str | None, str | None]]] = {}
    for report in ("SPUSBDataType", "SPUSBHostDataType"):
        for item in _tree(reports.get(report)):
            vendor = usb_id(item.get("vendor_id") or item.get("USBDeviceKeyVendorID"))
            product = usb_id(item.get("product_id") or item.get("USBDeviceKeyProductID"))
            if vendor and product:
                found.setdefault(str(item.get("_name", "")), set()).add((vendor, product))
    return {name: next(iter(ids)) for name, ids in found.items() if len(ids) == 1}


def _tree(items: object) -> Iterator[Mapping[str, Any]]:
    for item in items if isinstance(items, list) else []:
        yield item
        yield from _tree(item.get("_items"))


def _bluetooth(reports: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, minor type) of the Bluetooth devices that are connected."""
    for controller in reports.get("SPBluetoothDataType") or []:
        for entry in controller.get("device_connected") or []:
            for name, device in entry.items():
                yield str(name), str(device.get("device_minorType", ""))


def _integer(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0

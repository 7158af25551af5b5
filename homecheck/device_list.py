"""Sound devices that somebody lists beside the table that is shipped: a program in its policy, or IT on one computer.

    [[device]]
    usb = "0b0e:0e40"                   # vendor and product id, as Chrome and `homecheck devices` show them
    kind = "wired"                      # one of KINDS
    name = "Jabra Evolve2 40"
    source = "tested by IT, 2026-10"    # optional

    [device_names]                      # words in the product names of devices whose id nobody lists
    wireless_receiver = ["Link 390"]

Words are words and no patterns: "Link 390" also finds LINK-390 and Link390, and nothing inside another word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from homecheck.errors import Refused
from homecheck.strict_json import Record

KINDS: Final = (
    "wired", "wired-adapter", "wireless-dongle", "wireless-base-station", "wireless-headset-on-usb-cable",
    "dock-or-onboard-codec", "generic-codec", "speakerphone", "speaker", "microphone", "webcam", "conference-hub",
    "landline-adapter", "desk-phone", "voice-modem",
)  # fmt: skip
DISPUTED: Final = "disputed"  # two lists of equal weight call it by different kinds
WORD_LISTS: Final = (
    "wireless_receiver", "wireless_headset", "wired_hint", "not_a_headset", "headset", "dock_or_adapter",
)  # fmt: skip
MOST_DEVICES: Final = 1000
MOST_WORDS: Final = 200
_USB_ID: Final = re.compile("([0-9a-f]{4}):([0-9a-f]{4})")


@dataclass(frozen=True)
class ListedDevice:
    """One entry: what is behind a vendor and product id, and who says so."""

    vendor_id: str  # four lower-case hexadecimal digits
    product_id: str
    kind: str
    name: str
    source: str = ""

    @property
    def usb(self) -> str:
        """Both ids as people write them."""
        return f"{self.vendor_id}:{self.product_id}"


@dataclass(frozen=True)
class DeviceList:
    """Entries by USB id, and words by list name."""

    devices: tuple[ListedDevice, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.devices or self.words)

    def members(self) -> dict[str, Any]:
        """Return it as plain JSON members; what is empty is left out."""
        rows = [
            {"usb": device.usb, "kind": device.kind, "name": device.name}
            | ({"source": device.source} if device.source else {})
            for device in self.devices
        ]
        words = {name: list(found) for name, found in self.words.items()}
        return ({"device": rows} if rows else {}) | ({"device_names": words} if words else {})


def read_device_list(record: Record) -> DeviceList:
    """Return the list in the members ``device`` and ``device_names``; Refused names entry and key."""
    devices = tuple(_read_device(found) for found in record.records("device"))
    if len(devices) > MOST_DEVICES:
        raise Refused(record.reason, f"{record.where}: {len(devices)} devices, at most {MOST_DEVICES}")
    seen: set[str] = set()
    for device in devices:
        if device.usb in seen:
            raise Refused(record.reason, f"{record.where}: the device {device.usb} stands twice")
        seen.add(device.usb)
    return DeviceList(devices, _read_words(record.record("device_names")) if record.has("device_names") else {})


def merged(lists: Iterable[DeviceList]) -> DeviceList:
    """Return lists of equal weight as one. Where two of them disagree on a device, its kind is `DISPUTED`."""
    devices: dict[str, ListedDevice] = {}
    words: dict[str, tuple[str, ...]] = {}
    for found in lists:
        for device in found.devices:
            devices[device.usb] = _agreed(devices.get(device.usb, device), device)
        for name, more in found.words.items():
            words[name] = tuple(dict.fromkeys((*words.get(name, ()), *more)))
    return DeviceList(tuple(devices.values()), words)


def word_pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """Return the pattern that finds any of `words`; None without words. A blank may be missing or be a hyphen."""
    parts = [r"[ \-_]?".join(re.escape(part) for part in word.split()) for word in words]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE) if parts else None


def _agreed(first: ListedDevice, second: ListedDevice) -> ListedDevice:
    if first.kind == second.kind:
        return first
    return ListedDevice(first.vendor_id, first.product_id, DISPUTED, first.name, "the programs' lists disagree")


def _read_device(record: Record) -> ListedDevice:
    usb = record.text("usb", max_length=20)
    ids = _USB_ID.fullmatch(usb.strip().lower())
    if ids is None:
        raise Refused(record.reason, f"{record.where}: usb: {usb!r:.40} is no vendor and product id; write 0b0e:0e40")
    record.where = f"{record.where} ({ids.group()})"
    kind = record.text("kind", max_length=40)
    if kind not in KINDS:
        raise Refused(record.reason, f"{record.where}: kind: {kind!r:.40} is none of {', '.join(KINDS)}")
    device = ListedDevice(ids.group(1), ids.group(2), kind, _name(record), record.optional_text("source"))
    record.done()
    return device


def _name(record: Record) -> str:
    name = record.text("name", max_length=100)
    if not name.strip():
        raise Refused(record.reason, f"{record.where}: name: it is empty")
    return name


def _read_words(record: Record) -> dict[str, tuple[str, ...]]:
    found = {name: record.texts(name) for name in WORD_LISTS if record.has(name)}
    record.done()
    if sum(map(len, found.values())) > MOST_WORDS:
        raise Refused(record.reason, f"{record.where}: more than {MOST_WORDS} words")
    for name, words in found.items():
        for word in words:
            # Two letters, or digits alone, would stand in the names of half the devices there are.
            if not 3 <= len(word.strip()) <= 60 or not any(map(str.isalpha, word)):
                raise Refused(record.reason, f"{record.where}: {name}: {word!r:.70} is no word of 3 to 60 characters")
    return {name: words for name, words in found.items() if words}

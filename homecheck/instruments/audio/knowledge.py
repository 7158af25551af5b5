"""What is known about devices, and who says so: programs' lists, the one that is shipped, the one of this computer.

A program's list is signed with its policy and comes first. The list of this computer fills gaps alone: whoever can
write it may be the person who is checked, so it overrides nobody, and what it decided is told as such.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from homecheck.device_list import DeviceList, read_device_list, word_pattern
from homecheck.errors import ProbeError, Refused
from homecheck.instruments.audio.name_rules import name_rules
from homecheck.instruments.audio.usb_table import UsbDevice, usb_table
from homecheck.strict_json import Record

Origin = Literal["policy", "shipped", "local"]
LOCAL_FILE: Final = "audio-devices.toml"  # in the folder where homecheck keeps its state
MOST_BYTES: Final = 500_000


@dataclass(frozen=True)
class Found:
    """The words in a name that a rule found, and whose rule it was."""

    words: str
    origin: Origin


@dataclass(frozen=True)
class Knowledge:
    """The lists of programs, and of this computer, beside those that are shipped."""

    policy: DeviceList = field(default_factory=DeviceList)
    local: DeviceList = field(default_factory=DeviceList)

    def device(self, vendor_id: str | None, product_id: str | None) -> tuple[UsbDevice, Origin] | None:
        """Return what is behind a USB id and who says so; None where nobody lists it."""
        ids = (vendor_id or "", product_id or "")
        if (found := _listed(self.policy).get(ids)) is not None:
            return found, "policy"
        if (found := usb_table().get(ids)) is not None:
            return found, "shipped"
        if (found := _listed(self.local).get(ids)) is not None:
            return found, "local"
        return None

    def word(self, which: str, name: str) -> Found | None:
        """Return the words of the list `which` in a product's name, if there are any."""
        patterns: dict[Origin, re.Pattern[str] | None] = {
            "policy": word_pattern(self.policy.words.get(which, ())),
            "shipped": name_rules()[which],
            "local": word_pattern(self.local.words.get(which, ())),
        }
        for origin, pattern in patterns.items():
            if pattern is not None and (match := pattern.search(name)):
                return Found(match.group(), origin)
        return None


def read_local(folder: Path | None) -> DeviceList:
    """Return the list that IT keeps on this computer; empty where there is none.

    Raises ProbeError ``device_list``, which names file, entry and key: a list that is half read would be a guess.
    """
    if folder is None:
        return DeviceList()
    try:
        data = (folder / LOCAL_FILE).read_bytes()
    except FileNotFoundError:
        return DeviceList()
    except OSError as error:
        raise _unusable(f"{LOCAL_FILE}: cannot be read: {error.strerror}") from None
    return parse_local(data)


def parse_local(data: bytes) -> DeviceList:
    """Return the list in the bytes of a TOML file. Raises ProbeError ``device_list``."""
    if len(data) > MOST_BYTES:
        raise _unusable(f"{LOCAL_FILE}: {len(data)} bytes, at most {MOST_BYTES}")
    try:
        record = Record(tomllib.loads(data.decode("utf-8")), LOCAL_FILE)
        found = read_device_list(record)
        record.done()
    except Refused as error:
        raise _unusable(error.message) from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML (with line and column), nested too deep
        raise _unusable(f"{LOCAL_FILE}: not TOML: {error}") from None
    return found


def _listed(devices: DeviceList) -> dict[tuple[str, str], UsbDevice]:
    return {(d.vendor_id, d.product_id): UsbDevice(d.name, d.kind, "", d.source) for d in devices.devices}


def _unusable(what: str) -> ProbeError:
    return ProbeError(
        "device_list",
        f"Ask IT to correct the file {LOCAL_FILE}, or take it away: then the list that is shipped counts alone.",
        message=what,
        at_fault="agent",
    )

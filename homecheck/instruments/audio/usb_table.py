"""The table of USB sound devices: what is behind a vendor and product id (origin and licence: DATA.md beside it)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class UsbDevice:
    """One row. `kind` is e.g. ``wired``, ``wireless-dongle``, ``dock-or-onboard-codec``, ``landline-adapter``."""

    name: str
    kind: str
    note: str
    source: str


@cache
def usb_table() -> dict[tuple[str, str], UsbDevice]:
    """Return the table by (vendor id, product id), four lower-case hexadecimal digits each."""
    text = (files("homecheck.instruments.audio") / "usb_audio_devices.csv").read_text(encoding="utf-8")
    return {
        (row["vid"], row["pid"]): UsbDevice(row["name"], row["kind"], row["note"], row["source"])
        for row in csv.DictReader(text.splitlines())
    }

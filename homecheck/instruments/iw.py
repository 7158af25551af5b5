"""What ``iw dev IF link`` says of a Wi-Fi connection on Linux; it needs no root. It may not be installed.

The network's name and address stand in that text, too; they are not taken over.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final

from homecheck.instruments.host.program import Runner
from homecheck.instruments.link_facts import Wifi
from homecheck.standards import ieee_80211

_RATE: Final = re.compile(r"([\d.]+) MBit/s(.*)")


@dataclass(frozen=True)
class IwLink:
    """The connection, and its signal in dBm where that is told."""

    wifi: Wifi = field(default_factory=Wifi)
    signal_dbm: float | None = None


def command(interface: str) -> tuple[str, ...]:
    """Return the command; Debian keeps the program where ordinary users do not look."""
    return ("env", "LC_ALL=C", f"PATH={os.environ.get('PATH', '')}:/usr/sbin:/sbin", "iw", "dev", interface, "link")


def link(interface: str, run: Runner) -> IwLink:
    """Return what iw says of `interface`; nothing where it is not there or not connected."""
    return parse(run(command(interface)))


def parse(text: str) -> IwLink:
    """Return what the text of ``iw dev IF link`` says."""
    fields = dict(re.findall(r"^\s+(freq|signal|rx bitrate|tx bitrate): (.+)$", text, re.MULTILINE))
    frequency = _number(fields.get("freq", ""))
    sending, receiving = (_RATE.match(fields.get(name, "")) for name in ("tx bitrate", "rx bitrate"))
    words = sending[2] if sending else ""
    width, mcs = re.search(r"(\d+)MHz", words), re.search(r"(\S*MCS) (\d+)", words)
    wifi = Wifi(
        band=ieee_80211.band(frequency) if frequency else "",
        channel=ieee_80211.channel(frequency) if frequency else None,
        frequency_mhz=frequency,
        width_mhz=int(width[1]) if width else None,
        standard=ieee_80211.AMENDMENTS.get(mcs[1], "") if mcs else "",
        mcs=int(mcs[2]) if mcs else None,
        rate_mbit_s=_number(sending[1]) if sending else None,
        receiving_rate_mbit_s=_number(receiving[1]) if receiving else None,
    )
    signal = _number(fields.get("signal", ""))
    return IwLink(wifi, signal if signal is not None and -120 <= signal < 0 else None)


def _number(text: str) -> float | None:
    found = re.match(r"-?\d+(?:\.\d+)?", text)
    return float(found[0]) if found else None

"""Linux without a sound server: the kernel's own list under /proc/asound. It knows no default and no jack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from homecheck.instruments.audio.endpoint import Bus, Facts, usb_id

PROC_ASOUND: Final = Path("/proc/asound")
_CARD: Final = re.compile(r"^\s*(\d+) \[.*?\]: (.+?) - (.+)$")
_PCM: Final = re.compile(r"^pcm(\d+)([cp])$")


def read(folder: Path = PROC_ASOUND) -> tuple[Facts, ...]:
    """Return the endpoints of every card in `folder`; empty when there is none. Ids are ``hw:CARD,DEVICE``."""
    cards = _text(folder / "cards")
    found: list[Facts] = []
    for line in cards.splitlines():
        if match := _CARD.match(line):
            number, driver, name = match.groups()
            found += _card(folder / f"card{number}", int(number), driver.strip(), name.strip())
    return tuple(found)


def _card(folder: Path, number: int, driver: str, name: str) -> Iterator[Facts]:
    vendor, _, product = _text(folder / "usbid").strip().partition(":")
    for pcm in sorted(folder.glob("pcm*")):
        if match := _PCM.match(pcm.name):
            captures = match.group(2) == "c"
            rate, channels = _stream(_text(folder / f"stream{match.group(1)}"), "Capture" if captures else "Playback")
            yield Facts(
                id=f"hw:{number},{match.group(1)}",
                name=name,
                backend="alsa",
                bus=_bus(driver, _text(pcm / "info")),
                vendor_id=usb_id(vendor),
                product_id=usb_id(product),
                native_rate=rate,
                input_channels=channels if captures else 0,
                output_channels=0 if captures else channels,
                read_from={"bus": f"/proc/asound/cards {driver}", "vendor_id": "/proc/asound usbid"},
            )


def _bus(driver: str, info: str) -> Bus:
    if driver == "USB-Audio":
        return "usb"
    if driver.lower() in ("loopback", "dummy", "aloop"):
        return "virtual"
    return "display" if "hdmi" in info.lower() else "onboard"


def _stream(text: str, direction: str) -> tuple[int | None, int]:
    """Return the highest rate up to 48000 Hz and the channels that a USB card's stream file lists."""
    _, _, part = text.partition(f"{direction}:")
    part = part.partition("Playback:" if direction == "Capture" else "Capture:")[0]
    rates = [int(rate) for line in re.findall(r"Rates: ([\d, ]+)", part) for rate in re.findall(r"\d+", line)]
    channels = re.search(r"Channels: (\d+)", part)
    return max((rate for rate in rates if rate <= 48000), default=None), int(channels.group(1)) if channels else 1


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

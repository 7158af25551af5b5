"""Linux without a sound server: the kernel's list under /proc/asound, and its jack controls. It knows no default."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homecheck.instruments.audio import alsa_jacks, unsure, usb_terminals
from homecheck.instruments.audio.alsa_jacks import Jacks
from homecheck.instruments.audio.endpoint import Bus, Facts, Jack, Port, paired, shown, sourced, usb_id
from homecheck.instruments.audio.usb_terminals import Describe, UsbDescription

PROC_ASOUND: Final = Path("/proc/asound")
_CARD: Final = re.compile(r"^\s*(\d{1,4}) \[.*?\]: (.+?) - (.+)$")
_PCM: Final = re.compile(r"^pcm(\d{1,4})([cp])$")
_CODEC: Final = re.compile(r"^Codec: (.+)$", re.MULTILINE)
_VIRTUAL: Final = ("loopback", "dummy", "aloop")

ReadJacks = Callable[[int], Jacks]


@dataclass(frozen=True)
class _Card:
    """One card: its folder, number, driver and name, its USB descriptors and its jacks."""

    folder: Path
    number: int
    driver: str
    name: str
    usb: UsbDescription | None
    jacks: Jacks


def read(
    folder: Path = PROC_ASOUND, jacks: ReadJacks = alsa_jacks.read, describe: Describe = usb_terminals.of_sound_card
) -> tuple[Facts, ...]:
    """Return the endpoints of every card in `folder`; empty when there is none. Ids are ``hw:CARD,DEVICE``."""
    found: list[Facts] = []
    for line in _text(folder / "cards").splitlines():
        if match := _CARD.match(line):
            number, driver, name = int(match.group(1)), match.group(2).strip(), match.group(3).strip()
            of_usb = driver == "USB-Audio"
            usb = describe(str(number)) if of_usb else None
            found += _endpoints(_Card(folder / f"card{number}", number, driver, name, usb, jacks(number)))
    return paired(found)


def recorded_by(tasks: frozenset[int], folder: Path = PROC_ASOUND) -> tuple[str, ...]:
    """Return the ids of the devices whose running capture stream one of this process' `tasks` has opened."""
    return _owned(tasks, folder, "c")


def played_by(tasks: frozenset[int], folder: Path = PROC_ASOUND) -> tuple[str, ...]:
    """Return the same for playback streams."""
    return _owned(tasks, folder, "p")


def _owned(tasks: frozenset[int], folder: Path, direction: str) -> tuple[str, ...]:
    """The kernel names the task that opened a stream as ``owner_pid``."""
    found = []
    for status in sorted(folder.glob(f"card*/pcm*{direction}/sub*/status")):
        text = _text(status)
        owner = re.search(r"^owner_pid\s*:\s*(\d{1,9})$", text, re.MULTILINE)
        if owner and int(owner.group(1)) in tasks and "RUNNING" in text:
            device, card = status.parent.parent.name, status.parent.parent.parent.name
            found.append(f"hw:{card.removeprefix('card')},{device[3:-1]}")
    return tuple(found)


def _endpoints(card: _Card) -> Iterator[Facts]:
    vendor, _, product = _text(card.folder / "usbid").strip().partition(":")
    for pcm in sorted(card.folder.glob("pcm*")):
        if match := _PCM.match(pcm.name):
            yield _facts(card, pcm, match.group(1), match.group(2) == "c", (usb_id(vendor), usb_id(product)))


def _facts(card: _Card, pcm: Path, device: str, captures: bool, ids: tuple[str | None, str | None]) -> Facts:
    bus, bus_from = _bus(card.driver, _text(pcm / "info"))
    rate, channels = _stream(_text(card.folder / f"stream{device}"), "Capture" if captures else "Playback")
    jack: tuple[Port, Jack] = ("unknown", "unknown")
    if bus in ("onboard", "usb") and device == "0":  # further devices are digital microphones and screens
        jack = card.jacks.microphone() if captures else card.jacks.earpiece()
    codec = _CODEC.search(_text(card.folder / "codec#0")) if bus == "onboard" else None
    return sourced(Facts(
        id=f"hw:{card.number},{device}",
        name=card.name,
        product=codec.group(1).strip() if codec else "",
        backend="alsa",
        bus=bus,
        vendor_id=ids[0],
        product_id=ids[1],
        native_rate=rate,
        input_channels=channels if captures else 0,
        output_channels=0 if captures else channels,
        port=jack[0],
        jack=jack[1],
        terminals=card.usb.terminals if card.usb else (),
        camera=bool(card.usb and card.usb.camera),
        unit=f"card{card.number}",
        read_from={
            "id": "/proc/asound card and device number",
            "name": "/proc/asound/cards",
            "product": "/proc/asound codec#0",
            "bus": f"/proc/asound {bus_from}",
            "vendor_id": "/proc/asound usbid",
            "product_id": "/proc/asound usbid",
            "native_rate": "/proc/asound stream file",
            "input_channels": "/proc/asound stream file, else one",
            "output_channels": "/proc/asound stream file, else one",
            "port": "amixer jack controls",
            "jack": "amixer jack controls",
            "terminals": "/sys USB descriptors",
            "camera": "/sys USB descriptors",
            "unit": "/proc/asound card number",
        },
    ))  # fmt: skip


def _bus(driver: str, info: str) -> tuple[Bus, str]:
    if driver == "USB-Audio":
        return "usb", f"cards driver {driver}"
    if driver.lower() in _VIRTUAL:
        return "virtual", f"cards driver {driver}"
    if "hdmi" in info.lower() or "displayport" in info.lower():
        return "display", "pcm info names HDMI or DisplayPort"
    return "onboard", f"cards driver {shown(driver)}"


def _stream(text: str, direction: str) -> tuple[int | None, int]:
    """Return the highest rate up to 48000 Hz and the channels that a USB card's stream file lists."""
    _, _, part = text.partition(f"{direction}:")
    part = part.partition("Playback:" if direction == "Capture" else "Capture:")[0]
    written = [rate for line in re.findall(r"Rates: ([\d, ]+)", part) for rate in re.findall(r"\d+", line)]
    rates = [rate for rate in map(unsure.rate, written) if rate is not None and rate <= 48000]
    channels = re.search(r"Channels: (\d+)", part)
    return max(rates, default=None), (unsure.channels(channels.group(1)) if channels else 0) or 1


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

"""What a USB device's own descriptors say it is: terminal types (USB Device Class Definition for Terminal Types, 1.0).

They say what the ends are and nothing about a cord: a dongle calls itself headset as a corded one does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STREAMING: Final = 0x0101  # the end towards the computer, which every device has
HANDSET: Final = 0x0401
WORN: Final = {0x0302: "headphones", 0x0303: "head-mounted display", 0x0402: "headset"}
SPEAKERPHONES: Final = {
    0x0403: "speakerphone", 0x0404: "speakerphone with echo suppression", 0x0405: "speakerphone with echo cancelling",
}  # fmt: skip
STANDING: Final = {
    0x0202: "desktop microphone", 0x0204: "omni-directional microphone", 0x0205: "microphone array",
    0x0206: "processing microphone array", 0x0304: "desktop speaker", 0x0305: "room speaker",
}  # fmt: skip
TELEPHONES: Final = {0x0501: "phone line", 0x0502: "telephone", 0x0503: "down-line phone"}

_DEVICE, _INTERFACE, _CLASS_INTERFACE = 0x01, 0x04, 0x24  # bDescriptorType
_INPUT_TERMINAL, _OUTPUT_TERMINAL = 0x02, 0x03  # bDescriptorSubtype inside an audio control interface
_AUDIO, _AUDIO_CONTROL, _VIDEO = 0x01, 0x01, 0x0E  # bInterfaceClass, bInterfaceSubClass, bInterfaceClass


@dataclass(frozen=True)
class UsbDescription:
    """A device's ids, the types of its sound terminals, and whether it has a video interface."""

    vendor_id: str
    product_id: str
    terminals: tuple[int, ...]
    camera: bool

    @property
    def plays(self) -> bool:
        """Whether one of its ends plays sound: an output, or one that goes both ways."""
        return any(terminal >> 8 in (0x03, 0x04, 0x05) for terminal in self.terminals)


Describe = Callable[[str], UsbDescription | None]  # by the number of an ALSA card


def named(terminals: Iterable[int], names: dict[int, str]) -> str | None:
    """Return what the first of `terminals` that stands in `names` is called."""
    return next((names[terminal] for terminal in terminals if terminal in names), None)


def parse(data: bytes) -> UsbDescription | None:
    """Return what the descriptors in `data` say, as Linux' sysfs file ``descriptors`` holds them; None for others."""
    if len(data) < 18 or data[0] != 18 or data[1] != _DEVICE:
        return None
    vendor, product = struct.unpack_from("<HH", data, 8)
    terminals: dict[int, None] = {}
    camera = control = False
    for descriptor in _descriptors(data):
        if descriptor[1] == _INTERFACE and len(descriptor) >= 9:
            camera |= descriptor[5] == _VIDEO
            control = (descriptor[5], descriptor[6]) == (_AUDIO, _AUDIO_CONTROL)
        elif control and _is_terminal(descriptor):
            terminals[int.from_bytes(descriptor[4:6], "little")] = None  # same place in versions 1, 2 and 3
    terminals.pop(STREAMING, None)
    return UsbDescription(f"{vendor:04x}", f"{product:04x}", tuple(terminals), camera)


def of_sound_card(number: str, sysfs: Path = Path("/sys")) -> UsbDescription | None:
    """Return the description of the USB device behind an ALSA card; None for other cards and unreadable ones."""
    if not (number.isascii() and number.isdigit()):
        return None
    try:
        interface = (sysfs / "class/sound" / f"card{number}" / "device").resolve(strict=True)
        return parse((interface.parent / "descriptors").read_bytes())
    except OSError:
        return None


def _is_terminal(descriptor: bytes) -> bool:
    is_class = len(descriptor) >= 6 and descriptor[1] == _CLASS_INTERFACE
    return is_class and descriptor[2] in (_INPUT_TERMINAL, _OUTPUT_TERMINAL)


def _descriptors(data: bytes) -> Iterator[bytes]:
    """Yield one descriptor after the other; the first that cannot be one ends it."""
    offset = 0
    while offset + 2 <= len(data) and data[offset] >= 2 and offset + data[offset] <= len(data):
        yield data[offset : offset + data[offset]]
        offset += data[offset]

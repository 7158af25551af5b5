"""macOS: whether a device with input runs in any program, by CoreAudio (AudioHardware.h) and ctypes. Never run here.

``AudioObjectGetPropertyData`` answers for an object and an address of three four-character codes: what, of which side,
of which element.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Final

LIBRARY: Final = "/System/Library/Frameworks/CoreAudio.framework/CoreAudio"
SYSTEM: Final = 1  # kAudioObjectSystemObject
MOST_BYTES: Final = 65_536
Ask = Callable[[int, str, str], bytes]


def is_input_running(ask: Ask | None = None) -> bool:
    """Tell whether any device with input streams is in use; False where CoreAudio does not say."""
    ask = ask or property_of
    devices = _numbers(ask(SYSTEM, "dev#", "glob"))  # kAudioHardwarePropertyDevices
    return any(
        ask(device, "stm#", "inpt") != b""  # kAudioDevicePropertyStreams
        and any(_numbers(ask(device, "gone", "glob")))  # kAudioDevicePropertyDeviceIsRunningSomewhere
        for device in devices
    )


def property_of(number: int, selector: str, scope: str) -> bytes:
    """Return the value of a property; empty where there is none, or on another system."""
    if sys.platform != "darwin":
        return b""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return b""
    address = (ctypes.c_uint32 * 3)(_code(selector), _code(scope), 0)  # kAudioObjectPropertyElementMain
    size, value = ctypes.c_uint32(MOST_BYTES), ctypes.create_string_buffer(MOST_BYTES)
    status = library.AudioObjectGetPropertyData(
        ctypes.c_uint32(number), address, ctypes.c_uint32(0), None, ctypes.byref(size), value
    )
    return value.raw[: size.value] if status == 0 else b""


def _code(text: str) -> int:
    return int.from_bytes(text.encode("ascii"))


def _numbers(data: bytes) -> list[int]:
    """Return the numbers of 32 bits in a value, in the order of bytes of this computer."""
    return [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data) - 3, 4)]

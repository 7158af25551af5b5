"""macOS: whether this program may use the microphone, by AVFoundation's documented question.

``[AVCaptureDevice authorizationStatusForMediaType:AVMediaTypeAudio]`` (Apple, "Requesting authorization to capture and
save media") opens nothing and asks the person nothing. The answer is about the program that is responsible for this
process: Terminal, or whatever started it. Called through the Objective-C runtime, in a process of its own, because a
wrong call there ends the process. Never run by us on a Mac.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from typing import Final, Literal

from homecheck.errors import ProbeError
from homecheck.instruments import child

Permission = Literal["not asked yet", "restricted", "denied", "allowed", "unknown"]
# AVAuthorizationStatus, in the order of its numbers from 0
STATUSES: Final[tuple[Permission, ...]] = ("not asked yet", "restricted", "denied", "allowed")
SECONDS: Final = 10.0
AVFOUNDATION: Final = "/System/Library/Frameworks/AVFoundation.framework/AVFoundation"


def ask() -> Permission:
    """Return what macOS says; "unknown" on other systems, and where the question cannot be asked."""
    if sys.platform != "darwin":
        return "unknown"
    try:
        return named(child.call(status, deadline_seconds=SECONDS, device="macOS"))
    except ProbeError:
        return "unknown"  # an answer less; the recording itself will tell


def named(number: int) -> Permission:
    """Return the word for an AVAuthorizationStatus."""
    return STATUSES[number] if 0 <= number < len(STATUSES) else "unknown"


def status() -> int:
    """Return the AVAuthorizationStatus for sound; -1 where the framework is not there. For a process of its own."""
    objc = ctypes.util.find_library("objc")
    try:
        runtime, frame = ctypes.CDLL(objc), ctypes.CDLL(AVFOUNDATION)
        media = ctypes.c_void_p.in_dll(frame, "AVMediaTypeAudio")
        runtime.objc_getClass.restype = runtime.sel_registerName.restype = ctypes.c_void_p
        message = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
            ("objc_msgSend", runtime)
        )
        device = runtime.objc_getClass(b"AVCaptureDevice")
        selector = runtime.sel_registerName(b"authorizationStatusForMediaType:")
        return int(message(device, selector, media))
    except (OSError, ValueError, AttributeError):  # no such library, symbol or function
        return -1

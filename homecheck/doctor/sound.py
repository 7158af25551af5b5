"""The way to the headset: PortAudio, the sound service, what microphones there are, and whether they may be used."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.troubles import (
    MICROPHONE_FORBIDDEN,
    MICROPHONE_MUTED,
    MICROPHONE_NOT_ASKED,
    NO_MICROPHONE,
    PORTAUDIO_MISSING,
    SOUND_BRIDGE_MISSING,
    SOUND_SERVICE,
)
from homecheck.errors import ProbeError
from homecheck.instruments import child
from homecheck.instruments.audio import AudioEndpoint, capture, endpoints, macos_permission, windows

SECONDS: Final = 15.0


@dataclass(frozen=True)
class PortAudio:
    """What the library says of itself, and the names of the devices that it reaches."""

    version: str
    devices: tuple[str, ...]


def examine_sound() -> Iterator[Diagnosis]:
    """Yield how sound is: the library, the devices, the permission."""
    try:
        library = child.call(portaudio, deadline_seconds=SECONDS, device="PortAudio")
        yield ok("audio library", library.version)
    except ProbeError as error:
        library = None
        yield found("audio library", PORTAUDIO_MISSING, error.message, _unless("no_portaudio", error))
    try:
        devices = endpoints()
    except ProbeError as error:
        yield found("sound devices", SOUND_SERVICE, error.message, error.advice)
        return
    if library is not None and needs_bridge(devices, library.devices):
        yield found("audio library", SOUND_BRIDGE_MISSING, "PortAudio does not reach the sound server")
    microphones = [one for one in devices if one.is_input]
    yield examine_microphones(microphones)
    yield from examine_permission(microphones)


def portaudio() -> PortAudio:
    """Return what PortAudio says. Raises ProbeError ``no_portaudio``; for a process of its own."""
    sounddevice = capture.portaudio()
    names = tuple(str(device["name"]) for device in sounddevice.query_devices())
    return PortAudio(str(sounddevice.get_portaudio_version()[1]), names)


def needs_bridge(devices: Sequence[AudioEndpoint], reached: Sequence[str]) -> bool:
    """Tell whether there is a sound server, and PortAudio lacks the ALSA device that leads to it."""
    return any(one.backend == "pulse" for one in devices) and "pulse" not in reached


def examine_microphones(microphones: Sequence[AudioEndpoint]) -> Diagnosis:
    """Return whether there is a microphone, and whether the one that would be used is muted."""
    if not microphones:
        return found("microphone", NO_MICROPHONE, "this computer has no microphone")
    chosen = next((one for one in microphones if one.default_input), microphones[0])
    if chosen.muted:
        return found("microphone", MICROPHONE_MUTED, f"{chosen.name}: muted in the sound settings")
    others = f", and {len(microphones) - 1} more" if len(microphones) > 1 else ""
    return ok("microphone", f"{chosen.name}{others}")


def examine_permission(microphones: Sequence[AudioEndpoint], system: str = sys.platform) -> Iterator[Diagnosis]:
    """Yield whether the system lets this program hear; nothing where it does not say so before sound is asked for."""
    if system == "darwin":
        yield from macos_says(macos_permission.ask())
    elif system == "win32":
        yield from windows_says(windows.read_key(windows.CONSENT), windows.read_key(windows.CONSENT, user=True))
    else:
        for one in microphones:
            if one.backend == "alsa" and not capture.may_read(one.id):
                message = f"{one.name}: this user may not record from it"
                yield found("microphone permission", MICROPHONE_FORBIDDEN, message)


def windows_says(machine: windows.Key, user: windows.Key) -> Iterator[Diagnosis]:
    """Yield what Windows' privacy settings say: those of the computer, and those of the user."""
    if windows.refuses(machine) or windows.refuses(user):
        message = "Windows' privacy settings keep the microphone from desktop programs"
        yield found("microphone permission", MICROPHONE_FORBIDDEN, message)
    else:
        yield ok("microphone permission", "Windows' privacy settings let desktop programs use the microphone")


def macos_says(permission: macos_permission.Permission) -> Iterator[Diagnosis]:
    """Yield what macOS says about the program that started homecheck; nothing when it cannot be told."""
    subject = "microphone permission"
    if permission == "allowed":
        yield ok(subject, "macOS lets this program use the microphone")
    elif permission in ("denied", "restricted"):
        message = f"macOS keeps the microphone from this program ({permission})"
        yield found(subject, MICROPHONE_FORBIDDEN, message)
    elif permission == "not asked yet":
        yield found(
            subject, MICROPHONE_NOT_ASKED, "macOS has not asked yet whether this program may use the microphone"
        )


def _unless(code: str, error: ProbeError) -> str:
    """Return the error's own advice; that of the trouble is the better one for `code`."""
    return "" if error.code == code else error.advice

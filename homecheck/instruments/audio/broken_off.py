"""Why a stream broke off: the device was unplugged, the system switched to another one, or its sound service ended.

All three look alike to the program that records: no more sound, or somebody else's. Only the list of devices tells them
apart, and the person can act on the right one alone: a cable, the sound settings, or the sound service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio import asound, macos, pactl, windows
from homecheck.instruments.audio.endpoint import Backend, Facts

Listed = Callable[[], Iterable[Facts] | None]  # None: there is no sound server any more
_LISTS: Final[Mapping[Backend, Listed]] = {
    "pulse": pactl.read,
    "alsa": asound.read,
    "coreaudio": macos.read_sound,
    "wasapi": windows.read,
}


def fell_silent(backend: Backend, endpoint: str, name: str, listed: Listed | None = None) -> ProbeError:
    """Return why no more sound arrives from `endpoint`, a stream of which had begun."""
    if _is_there(backend, endpoint, listed):
        advice = "Unplug the device and plug it in again, straight into the computer; then repeat the check."
        message = f"{name}: it stopped delivering sound while it was in use, although the system still lists it"
        return ProbeError("stalled", advice, message=message)
    return unplugged(name, "no more sound arrives")


def moved(backend: Backend, endpoint: str, name: str, what: str, listed: Listed | None = None) -> ProbeError:
    """Return why a stream that had begun at `endpoint` went on at another one; `what` was moved."""
    if _is_there(backend, endpoint, listed):
        return ProbeError(
            "moved",
            "Leave the sound settings as they are, plug nothing in or out while the check runs, and repeat it.",
            message=f"{name}: the sound system moved {what} to another device, although it is still plugged in",
        )
    return unplugged(name, f"the sound system moved {what} to another device")


def unplugged(name: str, what: str) -> ProbeError:
    """Return the error for a device that vanished while it was recorded from or played to."""
    advice = "Plug it in firmly, do not touch the cable, and repeat the check."
    return ProbeError("unplugged", advice, message=f"{name}: unplugged while it was in use; {what}")


def _is_there(backend: Backend, endpoint: str, listed: Listed | None) -> bool:
    """Tell whether the system still lists `endpoint`. Raises ProbeError when its sound service is what is gone."""
    found = (listed or _LISTS[backend])()
    if found is None:
        raise pactl.no_service("ended while the device was in use")
    # Windows goes on listing a jack whose plug was pulled; elsewhere the jack of another port may well be empty.
    return any(facts.id == endpoint and not (backend == "wasapi" and facts.jack == "empty") for facts in found)

"""Sound: which endpoints there are, and recording from exactly the one that was asked for."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable

from homecheck.errors import ProbeError
from homecheck.instruments.audio import asound, macos, pactl, sound_socket, windows
from homecheck.instruments.audio.endpoint import AudioEndpoint, Facts, shown
from homecheck.instruments.audio.knowledge import Knowledge
from homecheck.instruments.audio.transport import classify

__all__ = ["AudioEndpoint", "choose_input", "endpoints"]


def endpoints(knowledge: Knowledge | None = None) -> tuple[AudioEndpoint, ...]:
    """Return every sound endpoint of this computer, listed anew on each call, judged by what is known about devices.

    Raises ProbeError when the system cannot be asked (no pactl beside a running sound server, no PortAudio on Windows),
    does not answer, or refuses this program.
    """
    return tuple(classify(facts, knowledge) for facts in _facts())


def choose_input(found: Iterable[AudioEndpoint], wanted: str | None) -> AudioEndpoint:
    """Return the endpoint to record from: the one with the id, name or model `wanted`, or the system's default input.

    Raises ProbeError ``no_device``, ``device_not_found`` or ``ambiguous_device``; nothing is guessed.
    """
    inputs = [endpoint for endpoint in found if endpoint.is_input]
    if not inputs:
        raise ProbeError(
            "no_device",
            "Plug in the headset, and choose it as input in the system's sound settings.",
            message="this computer has no microphone",
        )
    if wanted is None:
        return _default(inputs)
    matches = [endpoint for endpoint in inputs if wanted in (endpoint.id, endpoint.name, endpoint.model)]
    matches = matches or [one for one in inputs if _typed(wanted) in (_typed(one.name), _typed(one.model))]
    if not matches:
        raise ProbeError(
            "device_not_found",
            "Plug it in again, or name one of the devices that are there.",
            message=f"there is no microphone {wanted!r:.80}; there is {_names(inputs)}",
        )
    return _only(matches)


def _facts() -> tuple[Facts, ...]:
    if sys.platform == "darwin":
        return macos.read()
    if sys.platform == "win32":
        # PortAudio is heavy and native: it is asked in a child process, and only where nobody else knows the default.
        from homecheck.instruments.audio.recording import default_names

        return tuple(windows.with_default(windows.read(), *default_names()))
    listed = pactl.read()
    if listed is not None:
        return listed
    found = asound.read()
    if not found and sound_socket.expected():
        raise pactl.no_service("does not run")  # its devices cannot be known: that is no computer without a microphone
    return found


def _default(inputs: list[AudioEndpoint]) -> AudioEndpoint:
    defaults = [endpoint for endpoint in inputs if endpoint.default_input]
    if not defaults and len(inputs) > 1:
        raise ProbeError(
            "ambiguous_device",
            "Choose the headset as input in the system's sound settings, or name it.",
            message=f"the system names no default microphone; there is {_names(inputs)}",
        )
    return _only(defaults or inputs)


def _only(matches: list[AudioEndpoint]) -> AudioEndpoint:
    if len(matches) > 1:
        raise ProbeError(
            "ambiguous_device",
            "Unplug the one that is not to be tested.",
            message=f"{len(matches)} microphones are called {shown(matches[0].name)!r:.80}",
        )
    return matches[0]


def _typed(name: str) -> str:
    """Return a name without what nobody sees when typing it: case, blanks, and how an accent is put together."""
    return shown(unicodedata.normalize("NFKC", name)).casefold()


def _names(inputs: list[AudioEndpoint]) -> str:
    named = ", ".join(repr(shown(endpoint.name)[:60]) for endpoint in inputs[:5])
    return named if len(inputs) <= 5 else f"{named} and {len(inputs) - 5} more"

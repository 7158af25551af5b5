"""Sound: which endpoints there are, and recording from exactly the one that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from homecheck.errors import ProbeError
from homecheck.instruments.audio import asound, macos, pactl, windows
from homecheck.instruments.audio.endpoint import AudioEndpoint, Facts
from homecheck.instruments.audio.transport import classify

__all__ = ["AudioEndpoint", "choose_input", "endpoints"]


def endpoints() -> tuple[AudioEndpoint, ...]:
    """Return every sound endpoint of this computer, listed anew on each call.

    Raises ProbeError when the system cannot be asked (no pactl beside a running sound server, no PortAudio on Windows)
    or does not answer.
    """
    return tuple(classify(facts) for facts in _facts())


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
    if not matches:
        raise ProbeError(
            "device_not_found",
            "Plug it in again, or name one of the devices that are there.",
            message=f"there is no microphone {wanted!r:.80}; there is {_names(inputs)}",
        )
    return _only(matches, wanted)


def _facts() -> tuple[Facts, ...]:
    if sys.platform == "darwin":
        return macos.read()
    if sys.platform == "win32":
        # PortAudio is heavy and native: it is asked in a child process, and only where nobody else knows the default.
        from homecheck.instruments.audio.recording import default_names

        return tuple(windows.with_default(windows.read(), *default_names()))
    listed = pactl.read()
    return asound.read() if listed is None else listed


def _default(inputs: list[AudioEndpoint]) -> AudioEndpoint:
    defaults = [endpoint for endpoint in inputs if endpoint.default_input]
    if not defaults and len(inputs) > 1:
        raise ProbeError(
            "ambiguous_device",
            "Choose the headset as input in the system's sound settings, or name it.",
            message=f"the system names no default microphone; there is {_names(inputs)}",
        )
    return _only(defaults or inputs, "default")


def _only(matches: list[AudioEndpoint], wanted: str) -> AudioEndpoint:
    if len(matches) > 1:
        raise ProbeError(
            "ambiguous_device",
            "Unplug the one that is not to be tested.",
            message=f"{len(matches)} microphones are called {wanted!r:.80}",
        )
    return matches[0]


def _names(inputs: list[AudioEndpoint]) -> str:
    return ", ".join(repr(endpoint.name[:60]) for endpoint in inputs[:5])

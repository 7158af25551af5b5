"""A cable, the sound settings or the sound service: who records cannot tell, the list of devices can."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio.broken_off import fell_silent, moved
from homecheck.instruments.audio.endpoint import Facts

HEADSET = Facts(id="mic", name="Blackwire", backend="pulse", input_channels=1)


def fell(listed: Callable[[], tuple[Facts, ...] | None]) -> ProbeError:
    return fell_silent("pulse", "mic", "Blackwire", listed)


def was_moved(listed: Callable[[], tuple[Facts, ...] | None]) -> ProbeError:
    return moved("pulse", "mic", "Blackwire", "the recording", listed)


@pytest.mark.parametrize(("why", "code"), [(fell, "stalled"), (was_moved, "moved")])
def test_a_device_that_is_still_listed_was_not_unplugged(why: Callable[..., ProbeError], code: str) -> None:
    error = why(lambda: (HEADSET,))
    assert (error.code, error.at_fault) == (code, "device")
    assert error.message.startswith("Blackwire: ")
    assert "cable" not in error.advice


@pytest.mark.parametrize("why", [fell, was_moved])
def test_a_device_that_is_listed_no_more_was_unplugged(why: Callable[..., ProbeError]) -> None:
    error = why(lambda: ())
    assert error.code == "unplugged"
    assert "cable" in error.advice


@pytest.mark.parametrize("why", [fell, was_moved])
def test_without_its_sound_service_nothing_is_said_about_the_device(why: Callable[..., ProbeError]) -> None:
    with pytest.raises(ProbeError, match="the computer's sound service ended") as caught:
        why(lambda: None)
    assert caught.value.code == "sound_service"


def test_on_windows_an_empty_jack_that_is_still_listed_was_unplugged() -> None:
    jack = Facts(id="mic", name="Headset", backend="wasapi", input_channels=1, jack="empty")
    assert fell_silent("wasapi", "mic", "Headset", lambda: (jack,)).code == "unplugged"

"""Whether somebody talks: a real sound server on Linux, and what the other systems tell."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from homecheck.instruments import core_audio
from homecheck.instruments.audio.windows import Key
from homecheck.instruments.microphone_in_use import alsa_in_use, microphone_in_use, pulse_in_use, windows_in_use
from tests.soundcard import SoundCard

PATIENCE_SECONDS = 20.0


def becomes(expected: bool, ask: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while (found := ask()) is not expected and time.monotonic() < end:
        time.sleep(0.1)
    return found is expected


@pytest.mark.audio
def test_a_program_that_records_from_the_headset_is_noticed_and_one_that_records_what_is_played_is_not(
    sound_card: SoundCard,
) -> None:
    assert not microphone_in_use()
    for device, expected in (("wired_mic", True), ("wired.monitor", False)):
        command = ["parec", f"--device={device}", "--raw"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**sound_card.environment}) as recorder:
            try:
                listed = lambda: "parec" in sound_card.pactl("list", "source-outputs")  # noqa: E731
                assert becomes(True, listed)
                assert microphone_in_use() is expected
            finally:
                recorder.kill()
    assert becomes(False, microphone_in_use)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ({"source": 1, "corked": False, "resample_method": "speex-float-1"}, True),
        ({"source": 1, "corked": True}, False),
        ({"source": 2, "corked": False}, False),  # a monitor
        ({"source": 1, "corked": False, "resample_method": "peaks"}, False),  # a mixer's level meter
        ({"source": 1, "corked": False, "properties": {"media.role": "filter"}}, False),
        ({"source": 1, "corked": False, "properties": {"media.role": "phone"}}, True),
        ({"source": 9}, True),  # of a source that has come just now
        ({}, True),
    ],
)
def test_streams_that_wait_or_only_show_a_level_are_no_call(stream: dict[str, object], expected: bool) -> None:
    sources = [
        {"index": 1},
        {"index": 2, "monitor_source": "sink"},
        {"index": 3, "properties": {"device.class": "monitor"}},
    ]
    assert pulse_in_use([stream], sources) is expected


@pytest.mark.parametrize("listing", [None, {}, "", [None, 3]])
def test_what_is_no_listing_is_no_call(listing: object) -> None:
    assert not pulse_in_use(listing, listing)


@pytest.mark.parametrize(("state", "expected"), [("state: RUNNING\nowner_pid: 1\n", True), ("closed\n", False)])
def test_without_a_sound_server_alsa_tells(tmp_path: Path, state: str, expected: bool) -> None:
    for stream, text in (("pcm0p", "state: RUNNING\n"), ("pcm0c", state)):
        folder = tmp_path / "card0" / stream / "sub0"
        folder.mkdir(parents=True)
        (folder / "status").write_text(text)
    assert alsa_in_use(tmp_path) is expected
    assert not alsa_in_use(tmp_path / "none")


def used(start: int, stop: int) -> Key:
    return Key({"lastusedtimestart": start, "lastusedtimestop": stop})


@pytest.mark.parametrize(
    ("programs", "desktop", "expected"),
    [
        ({"Microsoft.Teams": used(133_000, 0)}, {}, True),
        ({"Microsoft.Teams": used(133_000, 134_000)}, {"C:#zoom.exe": used(1, 0)}, True),
        ({"Microsoft.Teams": used(133_000, 134_000)}, {"C:#zoom.exe": used(0, 0)}, False),
        ({"Microsoft.Teams": Key({"value": "Allow"})}, {}, False),
    ],
)
def test_windows_programs_that_have_not_ended_their_use(
    programs: dict[str, Key], desktop: dict[str, Key], expected: bool
) -> None:
    assert windows_in_use(Key(keys={**programs, "NonPackaged": Key(keys=desktop)})) is expected
    assert not windows_in_use(Key())


@pytest.mark.parametrize(
    ("inputs", "running", "expected"), [(b"\1\0\0\0", 1, True), (b"\1\0\0\0", 0, False), (b"", 1, False)]
)
def test_a_mac_asks_every_device_with_input(inputs: bytes, running: int, expected: bool) -> None:
    def ask(number: int, selector: str, scope: str) -> bytes:
        answers = {
            (1, "dev#", "glob"): struct.pack("=3I", 40, 41, 42),
            (42, "stm#", "inpt"): inputs,
            (42, "gone", "glob"): struct.pack("=I", running),
            (41, "gone", "glob"): struct.pack("=I", 1),  # a loudspeaker that plays
        }
        return answers.get((number, selector, scope), b"")

    assert core_audio.is_input_running(ask) is expected
    assert not core_audio.is_input_running(lambda *_: b"")
    if sys.platform != "darwin":
        assert core_audio.property_of(1, "dev#", "glob") == b""

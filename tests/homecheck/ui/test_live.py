"""Live values: the level that a microphone hears, and how the line is while it is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from homecheck.instruments.audio import choose_input, endpoints
from homecheck.instruments.audio.recording import record
from homecheck.instruments.tcp_load import LoadRule
from homecheck.measurement import CheckSetup, Probe
from homecheck.ui.live import Live
from probes.headset import Headset
from probes.host import Host
from probes.network import Network
from tests.again import again
from tests.far_ends import responder_thread
from tests.soundcard import SoundCard

RATE = 48_000
# An amplitude of 0.1 has an effective value of 0.1 / √2: 20 lg of it is -23.01 dBFS.
TONE = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)


@again
@pytest.mark.audio
def test_levels_come_while_a_recording_runs_and_are_those_of_the_sound(sound_card: SoundCard) -> None:
    levels: list[float] = []
    started: list[bool] = []
    with sound_card.playing_into("wired", TONE, RATE):
        record(choose_input(endpoints(), "wired_mic"), 2.0, lambda: started.append(True), levels.append)
    assert started == [True]
    assert 5 <= len(levels) <= 25  # ten a second, fewer on a busy machine
    # By the median: on a busy machine the virtual card itself loses its step now and then.
    assert np.median(levels) == pytest.approx(-23.01, abs=0.5)


@pytest.mark.audio
def test_a_muted_microphone_has_the_lowest_level_and_no_minus_infinity(sound_card: SoundCard) -> None:
    levels: list[float] = []
    sound_card.mute("wired")
    record(choose_input(endpoints(), "wired_mic"), 1.0, level=levels.append)
    assert set(levels) == {-120.0}


def test_the_line_tells_its_delay_and_both_speeds_in_order() -> None:
    live = Live()
    with responder_thread() as running:
        rule = LoadRule(1.0, 1.5, 2.0, most_bytes=200_000_000, ceiling_mbit_s=100.0)
        probe = live.tuned(
            replace(Network.for_check(CheckSetup(responder_url=running.url)), voice_seconds=1.0, load=rule)
        )
        assert all(list(probe.run()))
    phases = [one.phase for one in live.news]
    assert list(dict.fromkeys(phases)) == ["idle", "download", "upload"]
    assert all(one.mbit_s is None for one in live.news if one.phase == "idle")
    assert any(one.rtt_ms is not None and 0 < one.rtt_ms < 1000 for one in live.news)
    # Held at 100 Mbit/s: what is told in between lies about there.
    fastest = max(one.mbit_s or 0.0 for one in live.news if one.phase == "download")
    assert 50 < fastest < 200


@pytest.mark.parametrize("make", [Host, lambda: Headset(record=lambda *_: pytest.fail("not now"))])
def test_other_probes_stay_as_they_are(make: Callable[[], Probe]) -> None:
    probe = make()
    assert Live().tuned(probe) is probe

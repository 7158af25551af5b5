"""Samples a second against the clock: a wrong rate is told by its number, a crowded computer is none."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio.pace import pace, refuse_wrong_pace


def arrivals(rate: float, seconds: float, block: int = 480, late: float = 0.0) -> list[tuple[float, int]]:
    """Return blocks of `block` samples at `rate`, each up to `late` seconds late, in their order."""
    count = int(seconds * rate / block)
    random = np.random.default_rng(3)
    times = (np.arange(1, count + 1) * block / rate + late * random.random(count)).tolist()
    return [(float(time), (index + 1) * block) for index, time in enumerate(np.maximum.accumulate(times))]


@pytest.mark.parametrize(
    ("says", "delivers"), [(48000, 44100), (44100, 48000), (48000, 16000), (8000, 16000), (8000, 48000)]
)
def test_a_device_at_another_rate_than_it_says_is_told_by_both(says: int, delivers: int) -> None:
    with pytest.raises(ProbeError, match=f"Headset: it says {says} .* delivers about {delivers}") as caught:
        refuse_wrong_pace(arrivals(delivers, 5), says, "Headset")
    assert (caught.value.code, caught.value.at_fault) == ("wrong_rate", "device")
    assert f"{says} Hz" in caught.value.advice


@pytest.mark.parametrize("block", [64, 480, 4800])
@pytest.mark.parametrize("late", [0.0, 0.1])
def test_large_blocks_and_a_crowded_computer_are_no_wrong_rate(block: int, late: float) -> None:
    refuse_wrong_pace(arrivals(48000, 5, block, late), 48000, "Headset")


@pytest.mark.parametrize("at", [0, 100, 250, 400, 498])
def test_a_pause_of_two_seconds_is_no_wrong_rate(at: int) -> None:
    whole = arrivals(48000, 5)
    paused = [(time + 2.0 * (index > at), count) for index, (time, count) in enumerate(whole)]
    refuse_wrong_pace(paused, 48000, "Headset")


@pytest.mark.parametrize("rate", [7600, 9000])
def test_lumps_of_half_a_second_are_no_wrong_rate(rate: int) -> None:
    """Seen under strace: most quarters end in one more lump, or one less, than their time explains."""
    steps = [(index * 256 / rate + 0.5 * (index > 60), (index + 1) * 256) for index in range(int(4.8 * 8000 / 256))]
    assert pace(steps, 8000) == pytest.approx(rate, rel=0.01)
    refuse_wrong_pace(steps, 8000, "Headset")


def test_sound_that_comes_at_once_is_no_microphone() -> None:
    """Five seconds in an instant: by the clock that is too short to tell, by its own rate it is not."""
    at_once = [(7.0, 4800 * (index + 1)) for index in range(50)]
    with pytest.raises(ProbeError, match="delivers more than 480000"):
        refuse_wrong_pace(at_once, 48000, "Headset")


def test_too_little_sound_has_no_pace() -> None:
    assert pace([], 48000) is None
    assert pace(arrivals(48000, 2.5), 48000) is None
    assert pace(arrivals(48000, 5, block=24000), 48000) is None

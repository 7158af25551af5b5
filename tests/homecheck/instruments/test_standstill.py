from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.standstill import Pulse, SleepWatch, asleep_seconds, longest_stop

ROOT = Path(__file__).parents[3]
KEEP_A_PULSE = """
import sys; sys.path.insert(0, sys.argv[1])
from homecheck.instruments.standstill import longest_stop, pulse
with pulse() as found:
    print("beating", flush=True)
    sys.stdin.readline()
print(longest_stop(found.stops))
"""


def test_a_computer_that_is_awake_sleeps_no_longer() -> None:
    before = asleep_seconds()
    assert asleep_seconds() - before == pytest.approx(0, abs=0.5)


def test_sleep_is_a_named_failure_of_the_device() -> None:
    clock = iter([1000.0, 1060.0])
    watch = SleepWatch.begin(lambda: next(clock))
    with pytest.raises(ProbeError) as raised:
        watch.check()
    assert (raised.value.code, raised.value.at_fault) == ("interrupted", "device")
    assert "slept for 60 s" in raised.value.message
    assert "lid" in raised.value.advice


def test_clocks_that_are_read_one_after_the_other_are_no_sleep() -> None:
    clock = iter([1000.0, 1000.9])
    SleepWatch.begin(lambda: next(clock)).check()


def test_a_beat_that_comes_late_by_less_than_a_second_is_no_stop() -> None:
    pulse = Pulse()
    for last, now in ((0.0, 0.1), (0.1, 1.1), (1.1, 2.3), (2.3, 2.4)):
        pulse.beat(last, now)
    assert pulse.stops == [(1.1, 2.3)]
    pulse.check()  # no far end gives up after that


def test_a_minute_without_a_beat_is_a_named_failure_of_the_device() -> None:
    with pytest.raises(ProbeError) as raised:
        Pulse([(5.0, 65.0)]).check()
    assert (raised.value.code, raised.value.at_fault) == ("interrupted", "device")
    assert "stood still for 60 s" in raised.value.message


@pytest.mark.parametrize(("begin", "end", "seconds"), [(0, 5, 0), (0, 6, 2), (6, 7, 2), (8, 9, 0), (0, 30, 4)])
def test_only_stops_that_reach_into_a_time_count(begin: float, end: float, seconds: float) -> None:
    assert longest_stop([(5.5, 7.5), (20.0, 24.0)], begin, end) == seconds


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process by a signal")
def test_a_program_that_was_stopped_knows_it_afterwards() -> None:
    command = [sys.executable, "-c", KEEP_A_PULSE, str(ROOT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "beating\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        process.send_signal(signal.SIGCONT)
        told, _ = process.communicate("\n", timeout=60)
    assert 2.2 < float(told) < 30


def test_a_second_of_sleep_is_one() -> None:
    clock = iter([1000.0, 1001.0])
    with pytest.raises(ProbeError, match="slept for 1 s"):
        SleepWatch.begin(lambda: next(clock)).check()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/uptime is Linux's")
def test_on_linux_sleep_is_what_the_time_since_start_has_beyond_the_monotonic_clock() -> None:
    since_start = float(Path("/proc/uptime").read_text().split()[0])  # sleep included (proc(5))
    assert asleep_seconds() == pytest.approx(since_start - time.monotonic(), abs=0.5)

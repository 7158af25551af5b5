"""Real processes that answer, fail, hang and die."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import psutil
import pytest

from homecheck.errors import ProbeError
from homecheck.instruments import child
from tests.homecheck.instruments import functions_for_children as functions


def test_a_function_runs_in_another_process_and_its_value_comes_back() -> None:
    assert child.call(os.getpid, deadline_seconds=20) != os.getpid()
    assert child.call(divmod, 17, 5, deadline_seconds=20) == (3, 2)


def test_a_large_argument_and_value_pass_through_whole() -> None:
    sent = os.urandom(3_000_000)
    assert child.call(bytes.upper, sent, deadline_seconds=20) == sent.upper()


def test_a_probe_error_comes_out_as_it_was_raised() -> None:
    with pytest.raises(ProbeError) as caught:
        child.call(functions.raise_probe_error, deadline_seconds=20)
    error = caught.value
    assert (error.code, error.advice, error.message, error.at_fault) == (
        "no_device",
        "Plug in the headset.",
        "ü: nothing there",
        "person",
    )


def left_over() -> list[str]:
    """Return the processes that were started here and are still there, without the database of other tests."""
    return [one.name() for one in psutil.Process().children() if one.name() != "postgres"]


def test_a_hang_ends_at_the_deadline_and_leaves_no_process() -> None:
    started = time.monotonic()
    with pytest.raises(ProbeError) as caught:
        child.call(time.sleep, 600, deadline_seconds=1)
    assert time.monotonic() - started < 30
    assert (caught.value.code, caught.value.at_fault) == ("timeout", "device")
    assert "sleep" in caught.value.message
    assert not left_over()


def test_an_abort_in_native_code_is_a_crash_of_the_device() -> None:
    with pytest.raises(ProbeError) as caught:
        child.call(os.abort, deadline_seconds=20)
    assert (caught.value.code, caught.value.at_fault) == ("crashed", "device")
    assert not left_over()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSEGV to send")
def test_a_segmentation_fault_is_a_crash_that_names_the_signal() -> None:
    with pytest.raises(ProbeError, match=f"status -{int(signal.SIGSEGV)}"):
        child.call(functions.fault, deadline_seconds=20)


def test_an_ordinary_error_is_a_crash_of_ours_with_its_own_words() -> None:
    with pytest.raises(ProbeError, match="invalid literal for int") as caught:
        child.call(int, "seven", deadline_seconds=20)
    assert (caught.value.code, caught.value.at_fault) == ("crashed", "agent")


def test_an_error_that_cannot_be_pickled_is_a_crash_too() -> None:
    with pytest.raises(ProbeError, match="holds a lock") as caught:
        child.call(functions.raise_unpicklable_error, deadline_seconds=20)
    assert caught.value.code == "crashed"


def test_a_value_that_cannot_be_pickled_is_a_crash() -> None:
    with pytest.raises(ProbeError, match="cannot pickle"):
        child.call(threading.Lock, deadline_seconds=20)


def test_what_native_code_prints_does_not_disturb_the_answer() -> None:
    assert child.call(functions.print_natively, deadline_seconds=20) == "answer"


def test_a_process_that_the_child_leaves_behind_does_not_hold_us_up() -> None:
    started = time.monotonic()
    left_behind = psutil.Process(child.call(functions.leave_a_process_behind, deadline_seconds=20))
    try:
        assert time.monotonic() - started < 30
        assert left_behind.is_running()
    finally:
        left_behind.kill()


def test_reports_arrive_in_order_while_the_function_runs() -> None:
    heard: list[object] = []
    assert child.call(functions.report_thrice, deadline_seconds=20, on_report=heard.append) == "done"
    assert heard == [1, 2, 3]


def test_the_child_sees_the_environment_it_is_given() -> None:
    value = child.call(os.getenv, "HOMECHECK_TEST_WORD", deadline_seconds=20, environment={"HOMECHECK_TEST_WORD": "ü"})
    assert value == "ü"

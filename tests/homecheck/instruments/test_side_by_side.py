"""Works that wait at the same time: each gives its result, its error, or is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.side_by_side import side_by_side


def late(name: str) -> ProbeError:
    return ProbeError("late", "", message=name)


def fail() -> int:
    raise ProbeError("broken", "")


def test_each_work_gives_its_result_or_its_error_in_the_order_asked_for() -> None:
    works: dict[str, Callable[[], int]] = {"one": lambda: 1, "bad": fail, "two": lambda: 2}
    found = side_by_side(works, 5, late)
    assert list(found) == ["one", "bad", "two"]
    assert (found["one"], found["two"]) == (1, 2)
    assert isinstance(found["bad"], ProbeError)
    assert found["bad"].code == "broken"


def test_one_that_hangs_is_left_behind_and_the_others_are_kept() -> None:
    ended = threading.Event()
    works: dict[str, Callable[[], object]] = {"hangs": ended.wait, "quick": lambda: 3}
    began = time.monotonic()
    found = side_by_side(works, 0.2, late)
    assert time.monotonic() - began < 5
    assert found["quick"] == 3
    assert str(found["hangs"]) == "hangs"
    ended.set()


def test_a_fault_of_ours_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side({"wrong": lambda: 1 // 0}, 5, late)

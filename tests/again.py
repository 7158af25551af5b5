"""Measuring again what a busy machine has spoilt.

A test that measures a line, a sound or a rate needs its processes to run when they want to. On a shared machine any of
them may stand still for a second at any moment: the test then sees a worse line than the one it made, and it is right.
Such a test is repeated, with everything measured anew. What is wrong in homecheck is wrong each time; so this stands
only where numbers of a real clock are compared, and a test that can be written so that a pause does not matter to it
is written like that instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

import pytest

Found = TypeVar("Found")
Given = ParamSpec("Given")
TIMES = 3
repeated: list[str] = []  # what failed and was repeated, for the end of the log (tests/conftest.py)


class Repeatable(Generic[Found]):
    """What a measurement came to, for a fixture that many tests look at: made when it is asked for."""

    def __init__(self, measure: Callable[[], Found]) -> None:
        self._measure = measure
        self._found: list[Found] = []

    def found(self) -> Found:
        """Return what was measured last."""
        if not self._found:
            self._found.append(self._measure())
        return self._found[0]

    def forget(self) -> None:
        """Have it measured again by whoever asks next."""
        self._found.clear()


def again(test: Callable[Given, Found]) -> Callable[Given, Found]:
    """Let a test, or the measurement in it, fail only when it fails `TIMES` times in a row, each time measured anew."""

    @wraps(test)
    def repeating(*arguments: Given.args, **fixtures: Given.kwargs) -> Found:
        for time in range(1, TIMES):
            try:
                return test(*arguments, **fixtures)
            except (Exception, pytest.fail.Exception) as error:  # a measurement that fails is spoilt as well
                if str(error).startswith("Timeout"):  # of pytest-timeout, which does not come a second time
                    raise
                repeated.append(f"{test.__module__}::{test.__qualname__}, time {time}: {str(error)[:200]!r}")
                print(repeated[-1])
            for fixture in fixtures.values():
                if isinstance(fixture, Repeatable):
                    fixture.forget()
        return test(*arguments, **fixtures)

    return repeating

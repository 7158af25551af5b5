"""Entries that were dated back or forward are named themselves, and nobody who only waited for the writer."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from homecheck.collector.time_order import out_of_order


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        ([], []),
        ([5], []),
        ([1, 2, 2, 3], []),
        ([100, 200, 90, 300], [2]),  # dated back
        ([100, 900, 200, 300], [1]),  # dated forward
        ([100, 200, 300, 10, 20, 400, 500], [3, 4]),
        ([10, 100, 200], []),
        ([900, 100, 200], [0]),
        ([100, 200, 10], [2]),
    ],
)
def test_the_entries_that_do_not_fit_are_named(seconds: list[float], found: list[int]) -> None:
    assert out_of_order(seconds, slack=5) == found


def test_who_waited_for_the_writer_is_not_out_of_order() -> None:
    assert out_of_order([100, 103, 101, 102, 104], slack=5) == []
    assert out_of_order([100, 103, 101, 102, 104], slack=0.5) == [1]


@given(some.lists(some.integers(0, 6), max_size=9))
def test_no_fewer_entries_would_do(seconds: list[int]) -> None:
    found = out_of_order(seconds, slack=0)
    rest = [time for at, time in enumerate(seconds) if at not in found]
    assert rest == sorted(rest)
    for fewer in combinations(range(len(seconds)), max(0, len(found) - 1)):
        left = [time for at, time in enumerate(seconds) if at not in fewer]
        assert not found or left != sorted(left)

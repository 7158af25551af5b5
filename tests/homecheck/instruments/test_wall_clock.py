from __future__ import annotations

import time

from homecheck.instruments import wall_clock


def test_the_wall_clock_shows_the_time_of_this_computer() -> None:
    before = time.time_ns()
    assert before - 100_000_000 <= wall_clock.now_ns() <= time.time_ns() + 100_000_000


def test_the_time_of_a_file_on_windows_begins_in_1601() -> None:
    assert wall_clock.from_file_time(116_444_736_000_000_000) == 0  # 1970-01-01, Microsoft Learn
    assert wall_clock.from_file_time(128_790_414_900_000_001) == 1_234_567_890_000_000_100  # 2009-02-13 23:31:30

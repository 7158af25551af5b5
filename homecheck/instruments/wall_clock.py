"""The wall clock, fine enough to time a packet by.

Python before 3.13 reads one on Windows that moves on 64 times a second, so that every round trip would be 0 or 15.6 ms;
the system has a finer one (Microsoft Learn, "GetSystemTimePreciseAsFileTime function").
"""

from __future__ import annotations

import sys
import time
from typing import Final

_FILE_TIME_OF_1970: Final = 116_444_736_000_000_000  # units of 100 ns since 1601


def now_ns() -> int:
    """Return the time in nanoseconds since 1970."""
    if sys.platform == "win32":
        return from_file_time(_precise_file_time())
    return time.time_ns()


def from_file_time(ticks: int) -> int:
    """Return a FILETIME of Windows (units of 100 ns since 1601) in nanoseconds since 1970."""
    return (ticks - _FILE_TIME_OF_1970) * 100


if sys.platform == "win32":
    import ctypes

    def _precise_file_time() -> int:
        ticks = ctypes.c_ulonglong()
        ctypes.windll.kernel32.GetSystemTimePreciseAsFileTime(ctypes.byref(ticks))
        return ticks.value

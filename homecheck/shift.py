"""When a program's people work: weekday windows in a time zone, e.g. ``Mon-Fri 18:00-22:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOUR: Final = "(?:[01][0-9]|2[0-3])"
_FORM: Final = re.compile(f"([A-Z][a-z]{{2}})(?:-([A-Z][a-z]{{2}}))? ({_HOUR}:[0-5][0-9])-({_HOUR}:[0-5][0-9])")


@dataclass(frozen=True)
class Window:
    """Weekdays (0 is Monday) and a stretch of the day; one that ends before it begins runs past midnight."""

    days: frozenset[int]
    begin: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the window; ValueError names what is wrong with `text`."""
        match = _FORM.fullmatch(text)
        if not match or match[1] not in DAYS or (match[2] or match[1]) not in DAYS:
            raise ValueError(f"{text!r:.60} is no window; write: Mon-Fri 18:00-22:00")
        first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
        days = frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
        begin, end = time.fromisoformat(match[3]), time.fromisoformat(match[4])
        if begin == end:
            raise ValueError(f"{text!r}: begins when it ends")
        return cls(days, begin, end)

    def holds(self, local: datetime) -> bool:
        """Tell whether the local time lies in this window."""
        clock, today = local.time(), local.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= clock < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and clock >= self.begin) or (yesterday in self.days and clock < self.end)


@dataclass(frozen=True)
class Shift:
    """The windows of a program, in one time zone (IANA name). ValueError for a zone or window that is none."""

    timezone: str
    windows: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.windows:
            raise ValueError("shift: windows is empty")
        for window in self.windows:
            Window.parse(window)
        self.zone()

    def zone(self) -> ZoneInfo:
        """Return the time zone."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"shift: timezone {self.timezone!r:.60} is not known; write one like Europe/Stockholm"
            ) from None

    def holds(self, moment: datetime) -> bool:
        """Tell whether `moment` (aware) lies in one of the windows."""
        local = moment.astimezone(self.zone())
        return any(Window.parse(window).holds(local) for window in self.windows)

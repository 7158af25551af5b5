"""When a program's people work: weekday windows in a time zone, e.g. ``Mon-Fri 18:00-22:00``."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise, product
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_HOUR: Final = "(?:[01][0-9]|2[0-3])"
_FORM: Final = re.compile(f"([A-Z][a-z]{{2}})(?:-([A-Z][a-z]{{2}}))? ({_HOUR}:[0-5][0-9])-({_HOUR}:[0-5][0-9])")


@dataclass(frozen=True)
class Window:
    """Weekdays (0 is Monday) and a stretch of the day; one that ends before it begins runs past midnight."""

    days: frozenset[int]
    begin: time
    end: time

    @classmethod
    @lru_cache(maxsize=256)  # a shift asks for its windows again and again
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


@dataclass(frozen=True, order=True)
class Stretch:
    """A stretch of time: aware moments, the end not included."""

    begin: datetime
    end: datetime


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

    def stretches(self, begin: datetime, end: datetime) -> list[Stretch]:
        """Return when the windows hold between `begin` and `end` (aware), in order.

        What `holds` says can change only when a window begins or ends on the clock on the wall, at midnight, and when
        that clock is changed; it is asked once after each. A window in an hour that is left out in spring does not
        come; one in an hour that comes twice in autumn comes twice.
        """
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)  # sums with local times leave out changes of the clock
        inside = (moment for moment in self._turns(begin, end) if begin < moment < end)
        moments = sorted({begin, *inside, end}) if begin < end else []
        found: list[Stretch] = []
        for first, last in pairwise(moments):
            if self.holds(first):
                joins = bool(found) and found[-1].end == first
                found.append(Stretch(found.pop().begin if joins else first, last))
        return found

    def _turns(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """Yield all moments, and more, at which the windows may begin or end to hold."""
        zone = self.zone()
        parsed = [Window.parse(window) for window in self.windows]
        marks = {time(0), *(window.begin for window in parsed), *(window.end for window in parsed)}
        day, last = begin.astimezone(zone).date() - _DAY, end.astimezone(zone).date() + _DAY
        while day <= last:
            for mark, fold in product(marks, (0, 1)):  # an hour that comes twice has two folds
                yield datetime.combine(day, mark, zone).replace(fold=fold).astimezone(UTC)
            midnight = datetime.combine(day, time(0), UTC)
            if midnight.astimezone(zone).utcoffset() != (midnight + _DAY).astimezone(zone).utcoffset():
                yield _change_of_clock(zone, midnight)
            day += _DAY


def _change_of_clock(zone: ZoneInfo, midnight: datetime) -> datetime:
    """Return the minute of the day after `midnight` (UTC) at which the zone's clock is changed."""
    before = midnight.astimezone(zone).utcoffset()
    minutes = range(24 * 60 + 1)
    index = bisect_left(
        minutes, True, key=lambda step: (midnight + step * _MINUTE).astimezone(zone).utcoffset() != before
    )
    return midnight + minutes[index] * _MINUTE

"""When a spot check is made: at a moment inside working hours that nobody can foresee, and the waiting for it.

The moment is drawn evenly from all that the time allows, with the system's source of secrets, and is told to nobody.
A computer that sleeps, or whose clock is set, wakes up to another time than it waited for: it then looks again, and
draws anew from what is left.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Final

from homecheck.clock import utc_now
from homecheck.shift import Shift, Stretch

NAP: Final = timedelta(seconds=20)  # so long does a computer that slept, or whose clock was set, take to notice it
JUMP: Final = timedelta(seconds=60)  # a busy computer oversleeps by less than that
_UNIT: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Waiting:
    """What waiting takes: the clock of the day, one that only counts while the computer is awake, sleep, and chance.

    `below` returns an even chance among the whole numbers from 0 to one less than it is given.
    """

    clock: Callable[[], datetime] = utc_now
    awake_seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    below: Callable[[int], int] = secrets.randbelow

    def reached(self, shifts: Sequence[Shift], within: timedelta, needed: timedelta) -> bool:
        """Wait for a moment drawn by chance and return True then; False as soon as there is none, or none any more.

        It lies `within` that time from now, while the computer is awake, and in the windows of one of the `shifts`,
        `needed` before their end.
        """
        began = self.awake_seconds()
        while True:
            left = within - timedelta(seconds=self.awake_seconds() - began)
            moments = possible(shifts, self.clock(), left, needed)
            if not moments:
                return False
            if self._slept_until(drawn(moments, self.below)):
                return True

    def _slept_until(self, moment: datetime) -> bool:
        """Sleep until `moment`; False as soon as the clock shows another time than so much sleep explains."""
        while (before := self.clock()) < moment:
            nap = min(moment - before, NAP)
            self.sleep(nap.total_seconds())
            if abs(self.clock() - before - nap) > JUMP:
                return False
        return True


def possible(shifts: Iterable[Shift], now: datetime, within: timedelta, needed: timedelta) -> list[Stretch]:
    """Return when a check that takes `needed` can begin within that time from `now`, in order and without overlaps.

    It begins and ends in the windows of one and the same shift.
    """
    until = now + within
    beginnings = (
        Stretch(one.begin, min(one.end - needed, until))
        for shift in shifts
        for one in shift.stretches(now, until + needed)
    )
    return reduce(_with, sorted(one for one in beginnings if one.begin < one.end), [])


def drawn(stretches: Sequence[Stretch], below: Callable[[int], int] = secrets.randbelow) -> datetime:
    """Return a moment of these stretches, which do not overlap; each microsecond has the same chance."""
    offset = below(sum((one.end - one.begin) // _UNIT for one in stretches)) * _UNIT
    for one in stretches:
        if offset < one.end - one.begin:
            return one.begin + offset
        offset -= one.end - one.begin
    raise ValueError("there is no moment to draw")


def _with(found: list[Stretch], one: Stretch) -> list[Stretch]:
    """Return the stretches with one more, which begins no earlier than the last."""
    if not found or found[-1].end < one.begin:
        return [*found, one]
    return [*found[:-1], Stretch(found[-1].begin, max(found[-1].end, one.end))]

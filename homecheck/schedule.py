"""When a re-check is due: once every so long, inside working hours, at a moment of this computer's own.

A timer of the system wakes homecheck often (homecheck/timers); `next_due` alone says whether it is time.

- The windows of the program, and those of the person beside them, are cut into pieces (`pieces`): one for each stretch
  of working hours, by the clock of their time zone.
- In each piece a computer has its own moment, the same share of every piece. The share comes from its key (`share_of`),
  so a fleet is spread over the whole of the hours, and none of it is measured or stored for that.
- A check is due at the first such moment that is `earliest` or later. One that was made too late moves on from there
  and is back at its own moment after a few rounds.
- What was missed, because the computer was off or in use, is caught up in the first half hour of the next piece, or at
  once where more of the piece is over already.
- A check begins only while `ROOM` of the piece is left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from homecheck.shift import Shift, Stretch

ROOM: Final = timedelta(minutes=10)  # a check takes less, unless its person lets it listen for longer
STEP: Final = timedelta(minutes=15)  # so long may it take until somebody looks: no moment lies too near the end
CATCH_UP: Final = timedelta(minutes=30)
SLACK: Final = timedelta(hours=12)  # a round may be shorter by that, so that summer time costs no day
WEEK: Final = timedelta(days=9)  # each window comes once in it, also where a change of the clock leaves one out
_DAY: Final = timedelta(days=1)
_MARGIN: Final = timedelta(days=2)
_GRID: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """What decides about one program: from when on, in which hours (all of them hold), and the share of this computer.

    `share` lies in [0, 1). A plan without shifts is one without hours: nothing is ever due.
    """

    earliest: datetime
    shifts: tuple[Shift, ...]
    share: float


def share_of(kid: str) -> float:
    """Return the share that the key of this name (RFC 7638 thumbprint) gives its computer, evenly in [0, 1)."""
    return int.from_bytes(hashlib.sha256(kid.encode()).digest()[:6]) / 2**48


def earliest_after(last: datetime, every: timedelta) -> datetime:
    """Return from when on the check after the one at `last` may be made: a little less than `every` later."""
    return last + every - min(SLACK, every / 4)


def next_due(plan: Plan, now: datetime) -> datetime | None:
    """Return when the check is due: a moment that has passed where it should begin now; None where no hours come."""
    start, missed = max(now, plan.earliest), None
    for day in range(WEEK.days):
        for piece in pieces(plan.shifts, start + day * _DAY, start + (day + 1) * _DAY):
            if piece.end - ROOM <= start:
                continue
            missed = _missed(plan, now) if missed is None else missed
            if (moment := _moment(plan, piece, missed)) is not None:
                return moment
    return None


def pieces(shifts: Sequence[Shift], begin: datetime, end: datetime) -> list[Stretch]:
    """Return the pieces of working hours that overlap `begin` to `end`, whole, in order.

    They are the same whatever is asked for: hours without an end are cut into days.
    """
    if not shifts:
        return []
    low, high = begin - _MARGIN, end + _MARGIN
    common = shifts[0].stretches(low, high)
    for shift in shifts[1:]:
        common = [both for one in common for other in shift.stretches(low, high) if (both := _common(one, other))]
    return [piece for one in common for piece in _days(one) if piece.begin < end and piece.end > begin]


def _moment(plan: Plan, piece: Stretch, missed: bool) -> datetime | None:
    """Return when the check is due in this piece; None where no room is left in it."""
    last = piece.end - ROOM
    room = last - piece.begin
    spread = min(room, CATCH_UP) if missed else max(room - STEP, timedelta(0))
    own = piece.begin + plan.share * spread
    due = max(own, plan.earliest)
    return due if room > timedelta(0) and due < last else None


def _missed(plan: Plan, now: datetime) -> bool:
    """Tell whether a check was due in a piece that is over, so that it is to be caught up."""
    since = max(plan.earliest, now - WEEK)
    if since >= now:
        return False
    return any(
        piece.end - ROOM <= now and _moment(plan, piece, missed=False) is not None
        for piece in pieces(plan.shifts, since, now)
        if piece.end - ROOM > since
    )


def _common(one: Stretch, other: Stretch) -> Stretch | None:
    both = Stretch(max(one.begin, other.begin), min(one.end, other.end))
    return both if both.begin < both.end else None


def _days(stretch: Stretch) -> Iterator[Stretch]:
    """Yield a stretch, in days of UTC where it is longer than one."""
    if stretch.end - stretch.begin <= _DAY:
        yield stretch
        return
    begin = stretch.begin
    while begin < stretch.end:
        end = min(stretch.end, _GRID + ((begin - _GRID) // _DAY + 1) * _DAY)
        yield Stretch(begin, end)
        begin = end

"""How far this computer's clock is off, by the Date of a server's answer (RFC 9110 6.6.1).

The Date has whole seconds, and servers renew it about once a second: the moment of the answer lies in the two seconds
after it. Half the round trip comes on top, as in SNTP (RFC 4330). That is coarse, and enough to find a clock that
spoils signatures, meetings and shifts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from homecheck.instruments import far_end
from homecheck.instruments.far_end import Reply, server_error

DATE_HALF_WIDTH: Final = 1.0  # s
PATH: Final = "/.well-known/homecheck"


def asking(url: str) -> Callable[[], Reply]:
    """Return the request to the far end at the base address `url`, found and ready to be timed. Raises ProbeError."""
    found = far_end.find(url)
    return lambda: far_end.call(found, "GET", PATH)


def clock_offset(ask: Callable[[], Reply], clock: Callable[[], datetime]) -> tuple[float, float, float]:
    """Return how many seconds this computer's clock is ahead, the half width, and the round trip in seconds.

    Raises ProbeError ``no_date`` (at_fault server) for an answer without a readable Date.
    """
    before = clock()
    reply = ask()
    after = clock()
    try:
        date = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError, OverflowError):  # the last: a year of twenty digits
        raise server_error("no_date", "the far end's answer has no readable Date") from None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    middle = before + (after - before) / 2
    round_trip = max(0.0, (after - before).total_seconds())
    return (middle - date).total_seconds() - DATE_HALF_WIDTH, DATE_HALF_WIDTH + round_trip / 2, round_trip

"""Clients that keep a connection and send nothing, or never come to an end, are cut off.

uvicorn waits for ever for the head of a request and hears a body out after its answer was sent. A stranger with a few
thousand open connections would then hold every file descriptor of the collector.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

HEAD_SECONDS: Final = 20.0  # without a request under way; more than uvicorn keeps an idle connection
EXCHANGE_SECONDS: Final = 120.0  # from the head of a request to the last byte of its answer
MOST_WAITING: Final = 2_000  # connections without a request under way
MOST_FILES: Final = 65_536  # that this process asks the system for
SPARE_FILES: Final = 256  # for the database, the keys, and connections that come between two looks


@dataclass(frozen=True)
class _Seen:
    cycle: object  # of uvicorn: one request and its answer
    waiting: bool
    since: float


def room_for_connections() -> int:
    """Return how many connections this process can hold, as its limit of open files is now."""
    if sys.platform == "win32":
        return MOST_FILES
    import resource  # not on Windows

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    known = MOST_FILES if limit == resource.RLIM_INFINITY else limit
    return max(known - SPARE_FILES, known // 2)


@dataclass
class SlowClients:
    """What connections have been doing since when, as far as it was looked at."""

    head_seconds: float = HEAD_SECONDS
    exchange_seconds: float = EXCHANGE_SECONDS
    most_waiting: int = MOST_WAITING
    most_open: int = field(default_factory=room_for_connections)
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Any, _Seen] = field(default_factory=dict)

    def cut_off(self, connections: Collection[Any]) -> None:
        """Look at uvicorn's connections; abort those that took too long, and the oldest of too many.

        Of too many that wait those go; of too many at all, those whose request takes longest: others take a second.
        Whoever has sent a request to its end goes last: that it is not answered yet may be our own delay.
        """
        now = self.clock()
        self._seen = {connection: self._look(connection, now) for connection in connections}
        for connection, seen in self._seen.items():
            if now - seen.since > (self.head_seconds if seen.waiting else self.exchange_seconds):
                _abort(connection)
        waiting = sorted((one for one in self._seen if self._seen[one].waiting), key=lambda one: self._seen[one].since)
        for connection in waiting[: max(0, len(waiting) - self.most_waiting)]:
            _abort(connection)
        if (too_many := len(self._seen) - self.most_open) > 0:
            for connection in sorted(self._seen, key=lambda one: (_asked(one), self._seen[one].since))[:too_many]:
                _abort(connection)

    def _look(self, connection: Any, now: float) -> _Seen:
        cycle = connection.cycle
        answered = cycle is None or cycle.response_complete
        # What the client has not fetched yet is no pause of its own making; the longer limit is for that.
        waiting = answered and not connection.transport.get_write_buffer_size()
        before = self._seen.get(connection)
        if before is not None and before.cycle is cycle and before.waiting == waiting:
            return before
        return _Seen(cycle, waiting, now)


def allow_many_connections() -> None:
    """Raise the limit of open files to what the system allows this process; often 1024 is merely the default."""
    if sys.platform == "win32":
        return
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _asked(connection: Any) -> bool:
    """Tell whether a request has come to its end and waits for our answer."""
    cycle = connection.cycle
    return cycle is not None and not cycle.response_complete and not cycle.more_body


def _abort(connection: Any) -> None:
    if connection.transport is not None:
        connection.transport.abort()

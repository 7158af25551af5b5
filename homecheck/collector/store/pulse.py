"""A server that hangs instead of dying: what waits for it is cut off, others are refused at once, until it is back.

A server that is stopped (SIGSTOP, a frozen virtual machine, a network that swallows all) neither answers nor ends
the connection, and its own limits do not run. So somebody here looks twice a second how long each statement has taken.
Where the server answers from beside, only the statement takes too long (it waits for a lock, say), and ends alone.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol

LOOK_SECONDS: Final = 0.5
PROBE_SECONDS: Final = 5  # in which a server that is well lets somebody in


class Watched(Protocol):
    """A connection; `since` is when its statement began (monotonic), None while there is none."""

    since: float | None

    def cut_off(self) -> None:
        """End the wait of whoever waits here."""


@dataclass
class Pulse:
    """Watches the connections of this process to one server. `answers` asks it from beside, which may take seconds."""

    seconds: float
    answers: Callable[[], bool]
    hung: bool = False
    _watched: weakref.WeakSet[Watched] = field(default_factory=weakref.WeakSet)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def watch(self, one: Watched) -> None:
        """Watch a connection for as long as it lives."""
        with self._lock:
            self._watched.add(one)
            self._start()

    def missed(self) -> None:
        """Take it that the server hangs, until it answers."""
        with self._lock:
            self.hung = True
            self._start()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        """Look until there is nothing to look at."""
        while self._look():
            time.sleep(LOOK_SECONDS)

    def _look(self) -> bool:
        with self._lock:
            watched = list(self._watched)
            if not watched and not self.hung:
                self._thread = None
                return False
        if self.hung or any(map(self._is_late, watched)):
            self.hung = not self.answers()  # first: whoever is cut off must not come again at once
        for one in filter(self._is_late, watched):
            one.cut_off()
        return True

    def _is_late(self, one: Watched) -> bool:
        since = one.since
        return since is not None and since < time.monotonic() - self.seconds


@cache
def pulse_of(address: str, seconds: float, answers: Callable[[str], bool]) -> Pulse:
    """Return the one of this process that watches the server at an address."""
    return Pulse(seconds, lambda: answers(address))

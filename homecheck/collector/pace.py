"""How often one device may ask: some hundred times at once, then about once a second (docs/decisions/0074).

A number for each key in the memory of this process: the time at which its share is whole again (the generic cell rate
algorithm, ITU-T I.371, annex A).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from homecheck.collector.guessing import network
from homecheck.collector.problems import retry_later

AT_ONCE: Final = 600  # requests; a check makes three to five, a spool that was away for a month some hundred
PER_SECOND: Final = 1.0
MOST_KEPT: Final = 100_000  # keys; 21 MB


@dataclass
class Pace:
    """Counts the requests of each device. Who was not heard of for the longest time is forgotten first."""

    at_once: int = AT_ONCE
    per_second: float = PER_SECOND
    most_kept: int = MOST_KEPT
    clock: Callable[[], float] = time.monotonic
    _whole_at: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, kid: str, source_address: str | None = None) -> None:
        """Count one request. Problem too-fast when there were too many.

        A request that bears no signature gives its source: else a stranger could use up another one's share.
        """
        name = kid if source_address is None else f"{kid} {network(source_address)}"
        if (wait := self._wait(name)) > 0:
            raise retry_later("too-fast", f"this computer asked {self.at_once} times at once", ceil(wait))

    def _wait(self, name: str) -> float:
        """Return after how many seconds the request may be made; 0: it is counted now."""
        each = 1 / self.per_second
        with self._lock:
            now = self.clock()
            whole_at = max(self._whole_at.pop(name, now), now)
            early = whole_at + each - now - self.at_once * each
            self._whole_at[name] = whole_at if early > 0 else whole_at + each  # in either case heard of last
            if len(self._whole_at) > self.most_kept:
                self._whole_at.popitem(last=False)
        return max(early, 0.0)

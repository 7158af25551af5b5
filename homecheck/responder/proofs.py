"""Which of this responder's ports surely work: somebody has lately got answers from there.

Agents that get no answer ask, see `homecheck.instruments.proven`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from homecheck.instruments.proven import SERVICES

KEPT_SECONDS: Final = 3_600.0


class Proofs:
    """When each service was last known to work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def note(self, services: Iterable[str]) -> None:
        """Note that answers of these services have arrived just now; unknown ones are passed over."""
        now = self._clock()
        self._last.update((service, now) for service in services if service in SERVICES)

    def proven(self) -> list[str]:
        """Return the services that somebody had answers from within the hour."""
        now = self._clock()
        return sorted(service for service, last in self._last.items() if now - last <= KEPT_SECONDS)

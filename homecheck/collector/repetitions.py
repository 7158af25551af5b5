"""Telling how often something went on that has many events already: nothing is hidden, and no disk is filled.

The first events that are alike are stored one by one (`events.MOST_ALIKE`). From then on they are counted, and an event
tells how many more there were: after a minute, then after two, four and so on, at most a day, until it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from homecheck.collector.errand import Errand
from homecheck.collector.store import events, repeated
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import Event
from homecheck.collector.store.repeated import Repeated
from homecheck.standards.rfc_3339 import to_text


@dataclass
class Repetitions(Errand):
    """Tells what is due."""

    name = "repetitions"
    tick_seconds: float = 5.0

    def tick(self) -> None:
        """Look once."""
        now = self.collector.clock()
        for one in repeated.due(self.collector.readers(), now):
            self.write(partial(tell, one=one, now=now))


def tell(db: Connection, one: Repeated, now: datetime) -> None:
    """Store the event that says how many more there were, inside a transaction."""
    if (counted := repeated.take(db, one, now)) is None:
        return
    last = counted.latest
    detail = f"and {counted.number} more, {to_text(counted.first_at)} to {to_text(counted.last_at)}"
    events.append(
        db,
        Event(now, last.kind, True, last.actor, last.source_address, last.about, detail, last.program, last.person),
    )

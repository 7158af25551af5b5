"""The record of events as lines of JSON, for whatever reads logs."""

from __future__ import annotations

from collections.abc import Iterator

from homecheck.collector.store import events
from homecheck.collector.store.database import Database, opened
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import serialize


def lines(database: Database) -> Iterator[str]:
    """Yield one JSON object for each event, the oldest first; `position` is its place in the log."""
    with opened(database) as db:
        for position, event in events.in_order(db):
            yield serialize({"position": position, **vars(event), "at": to_text(event.at)}).decode()

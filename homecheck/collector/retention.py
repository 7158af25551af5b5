"""Keeping the promise of each program: what is older than its retention is deleted, a little at a time.

`serve` does it by itself, at its start and once an hour, so that the promise hangs on no crontab; the command
`collector purge --expired` does the same at once. Each piece is one short transaction between those of the uploads.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from homecheck.collector.context import Collector
from homecheck.collector.store import retention as store
from homecheck.collector.store import settings, tally
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.failures import Busy, NotStored
from homecheck.standards.rfc_3339 import to_text

PIECE: Final = 100  # checks, calls or people in one transaction
EVERY_SECONDS: Final = 3_600.0
BREATH_SECONDS: Final = 0.05  # between two pieces, in which uploads go on
LAST: Final = "purged_at"  # the setting that says when everything was as promised

log = logging.getLogger("homecheck.collector")


@dataclass(frozen=True)
class Purged:
    """How much was deleted, and whether older pages of the file were overwritten as well."""

    deleted: int
    overwritten: bool


def purge(database: Database, now: datetime) -> Purged:
    """Delete everything that is due."""
    deleted = 0
    with opened(database) as db:
        while (piece := store.find_some(db, now, PIECE)) is not None:
            with transaction(db):
                deleted += delete(db, piece, now)
        with transaction(db):
            _end(db, now)
        return Purged(deleted, db.empty_journal())


def delete(db: Connection, piece: store.Piece, now: datetime) -> int:
    """Delete one piece, inside a transaction, and have it overwritten in the file."""
    db.leave_no_trace()
    return store.delete(db, piece, now)


async def keep_promises(collector: Collector) -> None:
    """Delete what is due, now and once an hour, while the collector serves."""
    while True:
        await _keep(collector)
        await asyncio.sleep(EVERY_SECONDS)


async def _keep(collector: Collector) -> None:
    """Find with a reading connection, which delays nobody, and delete through the writer what was found."""
    now = collector.clock()
    try:
        while (piece := await asyncio.to_thread(_find, collector, now)) is not None:
            await asyncio.wrap_future(collector.writer.submit(partial(delete, piece=piece, now=now)))
            await asyncio.sleep(BREATH_SECONDS)
        await asyncio.wrap_future(collector.writer.submit(partial(_end, now=now)))
    except (Busy, NotStored) as error:
        log.error("what is older than its retention could not be deleted: %s", error)  # tried again within the hour


def _end(db: Connection, now: datetime) -> None:
    """Put on record, inside a transaction, that everything is as promised, and tidy up."""
    settings.write(db, LAST, to_text(now))
    tally.tidy(db)


def _find(collector: Collector, now: datetime) -> store.Piece | None:
    return store.find_some(collector.readers(), now, PIECE)

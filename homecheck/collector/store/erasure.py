"""Erasing one person: everything that is about them, and the salts of their entries in the log.

The leaves stay, so the log still verifies, and nobody can tell any more what they are of. An event says which entries
were erased, when and by whom; it names nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from homecheck.collector.store import events, tally
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.erased_entries import ERASED, named
from homecheck.collector.store.events import By, Event
from homecheck.collector.store.people import Person

_DELETE: Final = (  # findings and observations go with their evidence
    "DELETE FROM callback WHERE person = ?",
    "DELETE FROM waiver WHERE person = ?",
    "DELETE FROM invite WHERE person = ?",
    "DELETE FROM evidence WHERE person = ?",
    "DELETE FROM device WHERE person = ?",
    "DELETE FROM event WHERE person = ?",
    "DELETE FROM person WHERE id = ?",
)


def erase(db: Connection, who: Person, by: By, now: datetime) -> list[int]:
    """Erase a person from one program, inside a transaction, and return the entries of the log that were theirs."""
    found = db.execute(
        "SELECT position FROM evidence WHERE person = ? UNION SELECT position FROM event WHERE person = ?",
        (who.id, who.id),
    )
    positions = sorted(row[0] for row in found)
    with tally.kept(db, [who.id]):
        for statement in _DELETE:
            db.execute(statement, (who.id,))
    forget(db, positions, "all about one person: {} entries".format, who.program, by, now)
    return positions


def forget(
    db: Connection, positions: Sequence[int], detail: Callable[[int], str], program: str, by: By, now: datetime
) -> None:
    """Destroy the salts of entries whose rows are gone, and leave events that say so, inside a transaction.

    `detail` says what so many entries were.
    """
    db.executemany("UPDATE log_entry SET salt = NULL WHERE position = ?", [(position,) for position in positions])
    told = [
        Event(now, ERASED, False, by.name, by.source_address, about, detail(number), program, token=by.token)
        for about, number in named(positions)
    ]
    events.add_all(db, told)

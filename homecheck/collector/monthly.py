"""Deleting a whole month of checks by the operator's word, sooner than the retention of programs would.

People whose last check goes stand by the newest that is left; who has none left stands as somebody who was never
checked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.store import dropped_month
from homecheck.collector.store import monthly as store
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.failures import Held
from homecheck.errors import HomecheckError, SetupError

MOST_LOOKED_AT: Final = 1_000  # people, by envelopes of theirs
LOOKED_AT: Final = 20  # of these in one transaction that others wait for
ALONE_AT_ONCE: Final = 100  # people of whom nothing is left
KEYS_AT_ONCE: Final = 250
TRIES: Final = 200  # of a moment in which nobody reads
BREATH_SECONDS: Final = 0.05  # before it is tried again


@dataclass(frozen=True)
class Month:
    """A month, as its number (202611), and how many checks of it there are in each program."""

    number: int
    checks: dict[str, int]

    @property
    def total(self) -> int:
        """All checks."""
        return sum(self.checks.values())


def read_month(text: str, now: datetime) -> int:
    """Return the number of a month like 2026-11. SetupError for another text, and for a month that is not over."""
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text, re.ASCII)
    month = int(found[1] + found[2]) if found else 0
    if month < 197001:
        raise SetupError(f"{text!r:.40} is no month", "Write it like this: 2026-11")
    if month >= now.year * 100 + now.month:
        raise SetupError(f"{text} is not over", "A month can be deleted when it has ended, in UTC.")
    return month


def look(database: Database, month: int) -> Month:
    """Return what deleting a month would delete. SetupError where too many people would stand by an earlier check."""
    with opened(database) as db:
        if (number := store.last_ones(db, month)) > MOST_LOOKED_AT:
            raise SetupError(
                f"{number} people have their last check in {store.written(month)}, and others in another month",
                "Delete the earlier months first: lists show how people stand by their last check.",
            )
        return Month(month, store.by_program(db, month))


def purge(database: Database, month: Month, by: str, now: datetime) -> bool:
    """Delete a month; return whether older pages of the file were overwritten as well.

    Where an earlier attempt was cut off, this goes on. SetupError where others read for so long that it cannot be done.
    """
    with opened(database) as db:
        db.leave_no_trace()
        at_once = store.is_table(db, month.number)
        finished = at_once and _drop(database, db, month, by, now)
        singly = False
        while _delete_some(db, month.number, by, now):
            singly = True
        if not at_once:
            with transaction(db):
                store.note(db, month.number, month.checks, by, now)
        if not finished:
            _finish(db, month.number)
        return singly and db.empty_journal()  # what was a table has left no rows behind


def _drop(database: Database, db: Connection, month: Month, by: str, now: datetime) -> bool:
    """Drop a month that is a table, in a moment in which nobody reads it; all or nothing of it.

    The server tells of the COMMIT when it has removed the files. What comes after it begins before, on a connection of
    its own, as soon as the month is gone for everybody. Tell whether that is done as well.
    """
    for _ in range(TRIES):
        seen = dropped_month.look(db, month.number)
        with suppress(Held), ThreadPoolExecutor(1) as meanwhile, transaction(db):
            if dropped_month.drop(db, seen, by, now):
                store.note(db, month.number, month.checks, by, now)
                behind = meanwhile.submit(_finish_behind, database, month.number)
                break
        time.sleep(BREATH_SECONDS)
    else:
        raise SetupError(
            f"the tables of {store.written(month.number)} are read without a pause, so they cannot be dropped",
            "Wait until a backup, an export or a VACUUM that is running has ended, and give the command again.",
        )
    return behind.result()


def _finish_behind(database: Database, month: int) -> bool:
    """Finish a month behind whoever is dropping it; where that comes to nothing, no event tells of it: nothing is done.

    Tell whether it is finished: where a second connection cannot be had, whoever dropped it has to do it.
    """
    with suppress(HomecheckError), opened(database) as db:
        with transaction(db):
            pass  # one writes at a time: this waits for the other's end
        _finish(db, month)
        return True
    return False


def _finish(db: Connection, month: int) -> None:
    """Do what is left to do about entries that events say were deleted with a month: nothing, mostly, in SQLite."""
    runs = store.runs_told(db, month)
    if whose := dropped_month.people_left(db, runs):
        _stand_by_what_is_left(db, whose)
    for some in _pieces(dropped_month.keys_left(db, runs), KEYS_AT_ONCE):
        with _giving_way(), transaction(db):
            store.find_latest_of_keys(db, some)
    dropped_month.destroy_salts(db, runs)


def _stand_by_what_is_left(db: Connection, whose: Sequence[str]) -> None:
    from homecheck.collector import standing  # of an old month there is nobody, and it takes long to load

    others = standing.with_other_checks(db, whose)
    for some in (
        *_pieces([one for one in whose if one not in others], ALONE_AT_ONCE),
        *_pieces(sorted(others), LOOKED_AT),
    ):
        with _giving_way(), transaction(db):
            store.find_latest(db, some)
            standing.stand_by_what_is_left(db, some)


@contextmanager
def _giving_way() -> Iterator[None]:
    """Do a piece, for which uploads wait, and then leave them as much time as it took."""
    began = time.monotonic()
    yield
    time.sleep(time.monotonic() - began)


def _pieces(ids: Sequence[str], at_once: int) -> Iterator[Sequence[str]]:
    return (ids[at : at + at_once] for at in range(0, len(ids), at_once))


def _delete_some(db: Connection, month: int, by: str, now: datetime) -> bool:
    """Delete some checks, and have people stand by what is left; tell whether there were any."""
    with _giving_way(), transaction(db):
        positions = store.some(db, month)  # in here: the hourly deletion of what is too old must not name them as well
        if whose := store.delete(db, month, positions, by, now):
            from homecheck.collector import standing  # as above

            standing.stand_by_what_is_left(db, whose)
    return bool(positions)

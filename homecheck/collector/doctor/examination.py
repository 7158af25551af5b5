"""Everything that is looked at, in the order in which it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from homecheck.collector import keys
from homecheck.collector.doctor.address import examine_address, examine_certificate, examine_responders
from homecheck.collector.doctor.diagnosis import Diagnosis, fail
from homecheck.collector.doctor.secrets import examine_keys
from homecheck.collector.doctor.storage import examine_database, examine_disk
from homecheck.collector.doctor.upkeep import examine_upkeep
from homecheck.collector.store import programs, settings
from homecheck.collector.store.database import Connection, Database, opened
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import HomecheckError, KeyStoreError


def examine(database: Database, now: datetime) -> Iterator[Diagnosis]:
    """Yield one diagnosis after the other. Where the database cannot be opened, that is the only one."""
    try:
        with opened(database) as db:
            yield from _examine(database, db, now)
    except HomecheckError as error:
        yield fail("database", error.message, error.advice)


def _examine(database: Database, db: Connection, now: datetime) -> Iterator[Diagnosis]:
    if not settings.is_set_up(db):
        yield fail("database", f"{database.place}: set-up did not come to its end", "Remove it and run init again.")
        return
    chosen = settings.read(db)
    folder = chosen.keys_folder(database)
    yield from examine_database(db)
    if isinstance(database, SqliteDatabase):
        yield from examine_disk(database)
    yield from examine_keys(db, chosen, folder)
    yield from examine_certificate(chosen.url, now)
    try:
        kid = keys.read(folder).signer.public.kid
    except KeyStoreError:
        kid = None  # said above
    yield from examine_address(chosen.url, kid, now)
    yield from examine_responders(programs.responders(db), now)
    yield from examine_upkeep(db, now)

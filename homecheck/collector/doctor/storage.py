"""The database and the disk that it is on."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from homecheck.collector.doctor.diagnosis import Diagnosis, fail, ok, warn
from homecheck.collector.store import migrations, settings
from homecheck.collector.store.connection import Connection, roll_back
from homecheck.collector.store.failures import NotStored
from homecheck.collector.store.sqlite import SqliteDatabase

MIB: Final = 1 << 20
GIB: Final = 1 << 30
LITTLE_SPACE: Final = 2 * GIB
NO_SPACE: Final = 200 * MIB
LONG_JOURNAL: Final = 256 * MIB  # SQLite empties it at 4 MiB unless somebody reads all the time
SLOW_SYNC_MS: Final = 20.0
SYNCS: Final = 11
SYNC_BYTES: Final = 8_192


def examine_database(db: Connection) -> Iterator[Diagnosis]:
    """Yield whether a database that could be opened can be written; nothing of it stays."""
    yield ok("database", f"reachable, format {migrations.head()}")
    try:
        db.begin()
        settings.touch(db, "doctor")
        yield ok("database-write", "it takes a write")
    except NotStored as error:
        fix = "Check who owns the files, whether the disk is full or read-only, and who else writes for so long."
        yield fail("database-write", f"it takes no write: {error.message}", fix)
    finally:
        roll_back(db)


def examine_disk(
    database: SqliteDatabase,
    usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    sync_ms: Callable[[Path], float] | None = None,
) -> Iterator[Diagnosis]:
    """Yield what the disk below a file is like; a server looks after its own. `usage` gives all, used, free."""
    folder = database.path.parent
    total, _, free = usage(folder)
    size = database.path.stat().st_size
    yield _space(folder, total, free, size)
    yield _sync(folder, sync_ms or median_sync_ms)
    yield _journal(database)


def _space(folder: Path, total: int, free: int, database: int) -> Diagnosis:
    text = f"{free / GIB:.1f} of {total / GIB:.1f} GiB are free in {folder}; the database has {database / GIB:.2f} GiB"
    fix = "Free some disk space, make the disk larger, or shorten the retention of programs."
    if free < NO_SPACE:
        return fail("disk-space", text, fix)
    if free < max(LITTLE_SPACE, 2 * database):  # a backup beside it needs twice its size for a moment
        return warn("disk-space", text, fix)
    return ok("disk-space", text)


def median_sync_ms(folder: Path) -> float:
    """Return how many milliseconds it takes until the disk has 8 KiB: the median of some tries."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            file.write(bytes(SYNC_BYTES))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _sync(folder: Path, sync_ms: Callable[[Path], float]) -> Diagnosis:
    try:
        took = sync_ms(folder)
    except OSError as error:
        fix = "Check who owns the folder and whether the disk is full."
        return fail("disk-sync", f"{folder}: no file can be written: {error.strerror}", fix)
    text = f"the disk confirms a write after {took:.2f} ms (median of {SYNCS})"
    if took > SLOW_SYNC_MS:
        fix = "Each upload waits for it: use a local SSD, no network file system."
        return warn("disk-sync", text, fix)
    return ok("disk-sync", text)


def _journal(database: SqliteDatabase) -> Diagnosis:
    path = Path(f"{database.path}-wal")
    size = path.stat().st_size if path.exists() else 0
    text = f"the journal has {size / MIB:.1f} MiB"
    if size > LONG_JOURNAL:
        fix = "Something reads without end: a backup or an audit that hangs? End it, or start the collector anew."
        return warn("journal", text, fix)
    return ok("journal", text)

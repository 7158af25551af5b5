"""What the log has promised last, kept beside the keys and apart from the database.

Whoever cuts the database, or puts an older one back, is noticed at the next start and by `verify-log`.

The file is written about once a minute, so it may be a little behind; it is never ahead of what is committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from homecheck import durable
from homecheck.checkpoint import Checkpoint, open_checkpoint
from homecheck.collector.log import Log
from homecheck.collector.store import log as store
from homecheck.collector.store.database import Connection
from homecheck.errors import Refused, SetupError
from homecheck.signed_note import NoteKey

FILE: Final = "log.checkpoint"
EVERY_SECONDS: Final = 60.0


def remember(log: Log, db: Connection, folder: Path) -> None:
    """Keep the checkpoint of what is committed, if the log has grown since."""
    checkpoint = log.checkpoint(db).encode()
    if durable.read(folder / FILE) != checkpoint:
        durable.write(folder / FILE, checkpoint)


def remembered(folder: Path, key: NoteKey) -> Checkpoint | None:
    """Return the checkpoint that was kept; None when there is none yet. SetupError for one that is not the log's."""
    kept = durable.read(folder / FILE)
    if kept is None:
        return None
    try:
        return open_checkpoint(kept.decode("utf-8", "replace"), key)
    except Refused as error:
        advice = "Restore it from your backup of the keys, or remove it if you know why it is so."
        raise SetupError(f"{folder / FILE}: {error.message}", advice) from None


def check(db: Connection, folder: Path, key: NoteKey) -> None:
    """SetupError when the database's log is not the one that was kept, or has lost entries."""
    kept = remembered(folder, key)
    if kept is None:
        return
    size = store.frontier(db).size
    if size >= kept.size and store.root_at(db, kept.size) == kept.root:
        return
    message = (
        f"its log has {size} entries and has promised {kept.size}" if size < kept.size else "its log was rewritten"
    )
    raise SetupError(
        f"this database is not the one that was served last: {message}",
        f"See: homecheck collector verify-log. If you put a backup back and have nothing newer, remove {folder / FILE};"
        " agents that have seen more will then report that entries are missing.",
    )

"""The keys beside the database, and whether the log is the one that was promised last."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from homecheck.collector import keys, log_memory
from homecheck.collector.backup import KEY_FILES
from homecheck.collector.doctor.diagnosis import Diagnosis, fail, ok, warn
from homecheck.collector.store import log
from homecheck.collector.store.database import Connection
from homecheck.collector.store.settings import Settings
from homecheck.errors import HomecheckError, Refused
from homecheck.signed_note import NoteKey


def examine_keys(db: Connection, chosen: Settings, folder: Path) -> Iterator[Diagnosis]:
    """Yield how the keys are, who can reach them, and whether the log agrees with its last checkpoint."""
    if not folder.is_dir():
        yield fail("keys", f"{folder}: there is no such folder", keys.RESTORE)
        return
    yield from _reachable_by_others(folder)
    try:
        signer = keys.read(folder).signer.public
        yield ok("keys", f"{folder}: the signing key {signer.kid} can be read")
        if chosen.log_key:
            keys.log_key(folder, chosen.log_key, chosen.log_key.partition("+")[0])
            yield ok("log-key", f"it is the key of the log {chosen.log_key.partition('+')[0]}")
    except HomecheckError as error:
        yield fail("keys", error.message, error.advice)
    if chosen.log_key:
        yield _promise(db, folder, chosen.log_key)


def _reachable_by_others(folder: Path) -> Iterator[Diagnosis]:
    if sys.platform == "win32":
        return  # an access list keeps the profile folder; its mode bits say nothing
    for path in (folder, *(folder / name for name in KEY_FILES if (folder / name).exists())):
        found = path.stat()
        if found.st_uid != os.geteuid():
            text = f"{path} belongs to the user {found.st_uid}, and this is the user {os.geteuid()}"
            fix = "Run this as the user that serves; else: chown the folder and its files to that user."
            yield warn("keys-owner", text, fix)
        if stat.S_IMODE(found.st_mode) & 0o077:
            mode = "700" if path.is_dir() else "600"
            yield fail("keys-mode", f"{path}: others can reach it", f"Run: chmod {mode} {path}")


def _promise(db: Connection, folder: Path, vkey: str) -> Diagnosis:
    try:
        key = NoteKey.from_vkey(vkey)
        log_memory.check(db, folder, key)
        kept = log_memory.remembered(folder, key)
    except Refused as error:
        return fail("log", f"the log's key in the database: {error.message}", "See: homecheck collector verify-log")
    except HomecheckError as error:
        return fail("log", error.message, error.advice)
    size = log.state(db)[0]
    if kept is None:
        fix = "It is written within a minute of `serve`. If somebody removed it: homecheck collector verify-log"
        return warn("log", f"{size} entries; no checkpoint is kept beside the keys", fix)
    return ok("log", f"{size} entries, and it holds the {kept.size} that were promised")

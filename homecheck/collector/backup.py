"""One file that holds a collector: a consistent copy of its database, made while it serves, and what belongs to it.

    manifest.json      what is in it, with sizes and SHA-256
    database.sqlite    the database, as of one moment; or database.dump, of PostgreSQL (pg_dump -Fc)
    log.checkpoint     what the log had signed before that moment: the copy must hold it
    keys/…             with_keys only: whoever has the file can then sign in the collector's name

The file appears under its name when it is complete and on the disk, or not at all.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from homecheck import __version__, durable
from homecheck.collector import keys, setup
from homecheck.collector.context import Collector
from homecheck.collector.manifest import Manifest, Part
from homecheck.collector.store import events, log, migrations, settings
from homecheck.collector.store.connection import one_moment
from homecheck.collector.store.copy import POSTGRES, SQLITE, copy_into, engine_of
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.events import Event
from homecheck.collector.store.settings import Settings
from homecheck.errors import SetupError
from homecheck.standards.rfc_3339 import to_text

MANIFEST: Final = "manifest.json"
DATABASE: Final = {SQLITE: "database.sqlite", POSTGRES: "database.dump"}
CHECKPOINT: Final = "log.checkpoint"
KEY_FILES: Final = (keys.SIGNING, keys.LOG, keys.CHALLENGE)
LAST: Final = "backed_up_at"  # the setting that says when the last backup was made
CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Backup:
    """A backup that was made."""

    file: Path
    manifest: Manifest
    size: int


def make(database: Database, file: Path, by: str, now: datetime, *, with_keys: bool) -> Backup:
    """Make a backup in the new `file`. SetupError when it exists or cannot be written; then nothing is left of it."""
    if file.exists():
        raise SetupError(f"{file}: is there already", "Name a new file: an older backup is never overwritten.")
    collector = setup.load(database)
    with _writable(file), _folder_beside(file) as folder:
        chosen, size = _checkpoint(collector, folder)
        engine = engine_of(database)
        copy_into(database, folder / DATABASE[engine])
        if with_keys:
            _copy_keys(collector, folder / "keys")
        parts = tuple(_part(folder, path) for path in sorted(folder.rglob("*")) if path.is_file())
        schema = int(migrations.head())
        manifest = Manifest(__version__, engine, schema, collector.url, chosen.keys, now, size, parts)
        _pack(folder, manifest, folder / "backup.tar")
        os.link(folder / "backup.tar", file)  # unlike a rename it takes nobody's place
        durable.sync_folder(file.parent)
    _note(database, file, by, now, with_keys=with_keys)
    return Backup(file, manifest, file.stat().st_size)


def _checkpoint(collector: Collector, folder: Path) -> tuple[Settings, int]:
    """Write the checkpoint of what is committed, and return the settings and the size of the log."""
    with opened(collector.readers.database) as db, one_moment(db):
        (folder / CHECKPOINT).write_text(collector.log.checkpoint(db), encoding="utf-8")
        return settings.read(db), log.state(db)[0]


def _copy_keys(collector: Collector, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name in KEY_FILES:
        shutil.copy(collector.keys_folder / name, folder / name)


def _part(folder: Path, path: Path) -> Part:
    sha256 = hashlib.sha256()
    with path.open("rb") as opened_file:
        while data := opened_file.read(CHUNK):
            sha256.update(data)
    return Part(path.relative_to(folder).as_posix(), path.stat().st_size, sha256.hexdigest())


def _pack(folder: Path, manifest: Manifest, file: Path) -> None:
    text = manifest.to_bytes()
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
            head = tarfile.TarInfo(MANIFEST)
            head.size, head.mode, head.mtime = len(text), 0o600, int(manifest.made_at.timestamp())
            tar.addfile(head, io.BytesIO(text))
            for part in manifest.parts:
                tar.add(folder / part.name, part.name, filter=_nameless)
        raw.flush()
        os.fsync(raw.fileno())


def _nameless(one: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who owned the file here: it says nothing where it is restored."""
    one.uid = one.gid = 0
    one.uname = one.gname = ""
    one.mode = 0o600
    return one


def _note(database: Database, file: Path, by: str, now: datetime, *, with_keys: bool) -> None:
    """Leave on record that somebody has made a copy of everything."""
    with opened(database) as db, transaction(db):
        settings.write(db, LAST, to_text(now))
        detail = "with the keys" if with_keys else "without the keys"
        events.add(db, Event(now, "backup-made", False, by, "", file.name, detail))


@contextmanager
def _folder_beside(file: Path) -> Iterator[Path]:
    """Give a folder on the same disk, for its owner alone, that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f".{file.name}.", dir=file.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"{file}: the backup cannot be written: {error.strerror or error}",
            f"It needs twice the size of the database for a moment, in {file.parent}.",
        ) from None

"""Putting a backup back: into an empty place only, checked to the last byte before anything is there.

What the database then lacks is told apart from what is damaged: entries that the log promised after the backup was
made, people who were erased since, and keys that are kept elsewhere.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from homecheck import durable
from homecheck.checkpoint import Checkpoint, open_checkpoint
from homecheck.collector import erasing, keys, log_memory
from homecheck.collector.audit import Trusted, audit
from homecheck.collector.audit_defect import Defect
from homecheck.collector.backup import CHECKPOINT, CHUNK, DATABASE, KEY_FILES, MANIFEST
from homecheck.collector.manifest import Manifest, Part
from homecheck.collector.store import log, migrations, settings
from homecheck.collector.store.copy import engine_of, is_empty, put_back
from homecheck.collector.store.database import Connection, Database, opened
from homecheck.errors import KeyStoreError, Refused, SetupError
from homecheck.signed_note import NoteKey

MAX_MANIFEST: Final = 1_000_000  # bytes
KEYS: Final = "keys/"
NAMES: Final = (CHECKPOINT, *(KEYS + name for name in KEY_FILES))
ANOTHER: Final = "Use another backup: this one is not what was written."


@dataclass(frozen=True)
class Restored:
    """What is there now. `missing` counts entries that the log has promised since; None: nobody here knows.

    `keys` is the folder that they belong in, `has_keys` whether they are there; without them nothing was audited.
    `erased_since` are people in this backup who were erased after it was made.
    """

    manifest: Manifest
    keys: Path
    has_keys: bool
    missing: int | None = None
    defects: tuple[Defect, ...] = field(default_factory=tuple)
    erased_since: int = 0


def restore(file: Path, database: Database) -> Restored:
    """Restore `file`. SetupError when the place is taken, or when anything in it is not as it was written."""
    if not is_empty(database):
        raise SetupError(
            f"{database.place}: a database is there already", "Restore to another --database, or move this one away."
        )
    with _folder_beside(database) as folder:
        manifest = _unpack(file, folder, engine_of(database))
        place, with_keys = database.folder / manifest.keys, any(one.name.startswith(KEYS) for one in manifest.parts)
        if with_keys:
            _check_free(place)
        _put_database(folder / DATABASE[manifest.engine], database)
        if with_keys:
            _put_keys(folder / "keys", place)
        promised = (folder / CHECKPOINT).read_bytes() if (folder / CHECKPOINT).exists() else b""
    return _examined(database, manifest, place, promised)


def _unpack(file: Path, folder: Path, engine: str) -> Manifest:
    """Write the parts of a backup into `folder`, each with the size and digest that the manifest says."""
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = _read_manifest(tar, file, engine)
            for part in manifest.parts:
                _extract(tar, part, folder, file)
    except (tarfile.TarError, EOFError) as error:
        raise SetupError(f"{file}: no backup of a collector, or cut short: {error}", ANOTHER) from None
    except OSError as error:
        raise SetupError(
            f"{file}: cannot be restored: {error.strerror or error}", "Check the file and the free space on the disk."
        ) from None
    return manifest


def _read_manifest(tar: tarfile.TarFile, file: Path, engine: str) -> Manifest:
    head = tar.next()
    if head is None or head.name != MANIFEST or head.size > MAX_MANIFEST:
        raise SetupError(f"{file}: no backup of a collector: it does not begin with a manifest", ANOTHER)
    manifest = Manifest.from_bytes(_stream(tar, head).read(MAX_MANIFEST), str(file))
    if manifest.engine != engine or f"{manifest.schema:04d}" not in migrations.known():
        raise SetupError(
            f"{file}: holds a database of {manifest.engine}, format {manifest.schema}; this is for {engine},"
            f" up to format {int(migrations.head())}",
            f"Name a database of the same engine with --database, and use homecheck {manifest.software} or later.",
        )
    names = [one.name for one in manifest.parts]
    known = (DATABASE[engine], *NAMES)
    if DATABASE[engine] not in names or len(set(names)) != len(names) or any(name not in known for name in names):
        raise SetupError(f"{file}: no backup of a collector: it names {', '.join(names)[:200]}", ANOTHER)
    return manifest


def _extract(tar: tarfile.TarFile, part: Part, folder: Path, file: Path) -> None:
    member = tar.next()
    if member is None or not member.isreg() or (member.name, member.size) != (part.name, part.size):
        raise SetupError(f"{file}: {part.name} is not where the manifest says, or cut short", ANOTHER)
    sha256, target = hashlib.sha256(), folder / part.name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    source, size = _stream(tar, member), 0
    with target.open("xb") as written:
        while data := source.read(CHUNK):
            sha256.update(data)
            size += len(data)
            written.write(data)
    if (size, sha256.hexdigest()) != (part.size, part.sha256):
        raise SetupError(f"{file}: {part.name} was changed or cut short since the backup was made", ANOTHER)


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    if stream is None:
        raise tarfile.ReadError(f"{member.name} is no file")
    return stream


def _check_free(place: Path) -> None:
    taken = [name for name in KEY_FILES if (place / name).exists()]
    if taken:
        raise SetupError(
            f"{place / taken[0]}: a key is there already", "Move the folder away, or restore to another --database."
        )


def _put_keys(source: Path, place: Path) -> None:
    for name in KEY_FILES:
        durable.write(place / name, (source / name).read_bytes())


def _put_database(source: Path, database: Database) -> None:
    try:
        put_back(source, database)
    except OSError as error:
        raise SetupError(
            f"{database.place}: cannot be put there: {error.strerror}", "Check who owns the folder."
        ) from None


def _examined(database: Database, manifest: Manifest, place: Path, promised: bytes) -> Restored:
    """Hold what was restored against itself, and against what is known beside it. An older one is upgraded here."""
    with opened(database) as db:
        try:
            signer = keys.read(place).signer.public
        except KeyStoreError:
            return Restored(manifest, place, has_keys=False)
        vkey = settings.read(db).log_key
        key = NoteKey.from_vkey(vkey) if vkey else None
        found = audit(db, Trusted({signer.kid: signer}, key, _checkpoints(promised, key)))
        missing = _missing(db, place, key)
        back = erasing.back_again(db, place)
    return Restored(manifest, place, True, missing, tuple(found.defects), back)


def _checkpoints(promised: bytes, key: NoteKey | None) -> dict[str, Checkpoint]:
    """Return what the log had signed when the backup was begun. SetupError for what it did not sign."""
    if key is None:
        return {}
    try:
        return {CHECKPOINT: open_checkpoint(promised.decode("utf-8", "replace"), key)}
    except Refused as error:
        raise SetupError(f"{CHECKPOINT} in the backup: {error.message}", ANOTHER) from None


def _missing(db: Connection, place: Path, key: NoteKey | None) -> int | None:
    """Return how many entries the log has promised that are not here; None when no promise is kept beside the keys."""
    promised = durable.read(place / log_memory.FILE)
    if key is None or promised is None:
        return None
    try:
        return max(0, open_checkpoint(promised.decode("utf-8", "replace"), key).size - log.state(db)[0])
    except Refused:
        return None  # what it says nobody has signed; `serve` will say so


@contextmanager
def _folder_beside(database: Database) -> Iterator[Path]:
    """Give a folder where the database will be, or its keys, that is gone afterwards."""
    durable.make_folder(database.folder)
    folder = Path(tempfile.mkdtemp(prefix=f".{database.name}.", dir=database.folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

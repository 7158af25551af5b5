"""A consistent copy of a database that is being written meanwhile, and putting one back: a file, or a dump."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from homecheck import durable
from homecheck.collector.store import migrations
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.postgres import PostgresDatabase
from homecheck.collector.store.sqlite import SqliteConnection, SqliteDatabase
from homecheck.errors import SetupError

FREE_SPACE: Final = "Free some disk space, or name a file on another disk."
PROGRAMS: Final = "Install PostgreSQL's client of the server's version or later: apt-get install postgresql-client"
SQLITE: Final = "sqlite"
POSTGRES: Final = "postgresql"


def engine_of(database: Database) -> str:
    """Return the name of the engine: a copy of one cannot be put back into the other."""
    return SQLITE if isinstance(database, SqliteDatabase) else POSTGRES


def is_empty(database: Database) -> bool:
    """Tell whether a copy can be put there."""
    if isinstance(database, SqliteDatabase):
        return not database.path.exists()
    with closing(database.connect()) as db:
        return database.revision(db) == migrations.NOTHING


def copy_into(database: Database, file: Path) -> None:
    """Write all that is committed now into the new `file`; nobody waits for it. Raises SetupError."""
    if isinstance(database, PostgresDatabase):
        _run_client("pg_dump", database, "--format=custom", "--no-owner", "--no-acl", f"--file={file}")
        return
    try:
        with opened(database) as source, closing(sqlite3.connect(file)) as target:
            assert isinstance(source, SqliteConnection)
            source.raw.backup(target)  # in one step: in several it would begin anew with each upload
    except sqlite3.Error as error:
        raise SetupError(f"{file}: the database cannot be copied: {error}", FREE_SPACE) from None


def put_back(file: Path, database: Database) -> None:
    """Make `file` the database, whole or not at all. SetupError when that fails; OSError of the file system."""
    if isinstance(database, SqliteDatabase):
        file.chmod(0o600)
        os.link(file, database.path)  # unlike a rename it takes nobody's place
        durable.sync_folder(database.path.parent)
    elif isinstance(database, PostgresDatabase):
        _run_client("pg_restore", database, "--single-transaction", "--exit-on-error", "--no-owner", str(file))


def _run_client(program: str, database: PostgresDatabase, *arguments: str) -> None:
    """Run one of PostgreSQL's programs. The password goes by the environment, where other users do not see it."""
    parts = urlsplit(database.address)
    environment = dict(os.environ)
    if parts.password is not None:
        environment["PGPASSWORD"] = unquote(parts.password)
    user = f"{parts.username}@" if parts.username else ""
    address = urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))
    try:
        done = subprocess.run(
            [program, *arguments, f"--dbname={address}"], env=environment, capture_output=True, check=False
        )
    except FileNotFoundError:
        raise SetupError(f"the program {program} is not installed", PROGRAMS) from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise SetupError(f"{database.place}: {said or f'{program} failed'}", f"{PROGRAMS}. {FREE_SPACE}")

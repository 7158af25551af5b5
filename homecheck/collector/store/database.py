"""Opening a SQLite database, reading from it, and one transaction at a time.

WAL lets everybody read while one writes; synchronous=FULL makes a commit return only when the disk has it.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from homecheck.collector.store import schema
from homecheck.errors import SetupError

Connection = sqlite3.Connection
BUSY_SECONDS: Final = 10.0
SCHEME: Final = "sqlite:///"


@dataclass(frozen=True)
class Database:
    """A database by its file. `max_pages` bounds its size in pages of 4 KiB (0: the disk is the bound)."""

    path: Path
    max_pages: int = 0

    @classmethod
    def at(cls, url: str) -> Database:
        """Return the database that a URL names: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
        if url.startswith(("postgresql:", "postgres:")):
            raise SetupError(
                "this version of the collector stores in SQLite only",
                "Give a database like sqlite:///collector.db; PostgreSQL is planned, and nothing is lost by waiting.",
            )
        if not url.startswith(SCHEME) or len(url) == len(SCHEME):
            raise SetupError(f"{url!r:.80} names no database", "Write it like this: sqlite:///collector.db")
        return cls(Path(url.removeprefix(SCHEME)).absolute())

    @property
    def url(self) -> str:
        """The URL that names this database from every folder."""
        return SCHEME + str(self.path)

    def create(self) -> Connection:
        """Make the database, for its owner alone, and return a connection. SetupError when it exists."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            raise SetupError(
                f"{self.path}: a database is there already", "Choose another --database, or use the one that is there."
            ) from None
        except OSError as error:
            raise SetupError(
                f"{self.path}: cannot make the database: {error.strerror}", "Check the folder's owner and free space."
            ) from None
        db = self._connect()
        self._configure(db)
        db.execute("PRAGMA journal_mode=WAL")
        with transaction(db):
            for statement in schema.TABLES.split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={schema.VERSION}")
        return db

    def open(self) -> Connection:
        """Return a connection. SetupError when there is no database, or one of another version."""
        if not self.path.is_file():
            raise SetupError(f"{self.path}: there is no database", "Make one: homecheck collector init")
        db = self._connect()
        try:
            self._configure(db)
            (version,) = db.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError as error:
            db.close()
            raise SetupError(f"{self.path}: no database of a collector: {error}", "Check --database.") from None
        if version != schema.VERSION:
            db.close()
            raise SetupError(
                f"{self.path}: has the format {version}, this version of homecheck uses {schema.VERSION}",
                "Use the version of homecheck that made it." if version else "Check --database.",
            )
        return db

    def _connect(self) -> Connection:
        # Transactions are begun and ended by hand; a connection is closed by the thread that ends the server.
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        return db

    def _configure(self, db: Connection) -> None:
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA fullfsync=ON")  # macOS: through the drive's cache as well
        if self.max_pages:
            db.execute(f"PRAGMA max_page_count={self.max_pages:d}")


@contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """Do everything inside durably, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        roll_back(db)  # nothing is open any more when the commit went through


def roll_back(db: Connection) -> None:
    """Forget the open transaction, if there is one."""
    with suppress(sqlite3.Error):  # SQLite has rolled back itself after a full disk or an I/O error
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def opened(database: Database) -> Iterator[Connection]:
    """Open a database for one command."""
    db = database.open()
    try:
        yield db
    finally:
        db.close()


class _OfThread:
    """Lives as long as its thread, and its connection with it."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.close = weakref.finalize(self, db.close)


@dataclass
class Readers:
    """One connection per thread; reading never waits for the writer.

    Threads come and go with the number of visitors, so a connection is closed when its thread ends.
    """

    database: Database
    _local: threading.local = field(default_factory=threading.local)
    _all: weakref.WeakSet[_OfThread] = field(default_factory=weakref.WeakSet)

    def __call__(self) -> Connection:
        """Return this thread's connection."""
        own: _OfThread | None = getattr(self._local, "own", None)
        if own is None or not own.close.alive:
            own = self._local.own = _OfThread(self.database.open())
            self._all.add(own)
        return own.db

    def close(self) -> None:
        """Close the connections of all threads; nobody may read any more."""
        for own in list(self._all):
            own.close()


Row = sqlite3.Row
Work = Callable[[Connection], Any]


def one_or_none(db: Connection, sql: str, *values: object) -> Row | None:
    """Return the first row, or None."""
    row: Row | None = db.execute(sql, values).fetchone()
    return row

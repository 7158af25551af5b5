"""SQLite: one file, for one process that serves and for commands beside it.

WAL lets everybody read while one writes; synchronous=FULL makes a commit return only when the disk has it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from homecheck.collector.store import migrations
from homecheck.collector.store.connection import Connection, one_or_none
from homecheck.collector.store.database import Database
from homecheck.collector.store.failures import NotStored, Rejected
from homecheck.errors import HomecheckError, SetupError

if TYPE_CHECKING:
    from sqlalchemy import Engine

BUSY_SECONDS: Final = 10.0
STATEMENTS: Final = 512  # kept ready by each connection: what is asked for many has a form for each number of them
IN_MEMORY: Final = "PRAGMA temp_store=MEMORY"
SCHEME: Final = "sqlite:///"


class SqliteConnection(Connection):
    """A connection to a file."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    def execute(self, sql: str, values: Sequence[object] = ()) -> _Rows:
        """Run one statement."""
        try:
            return _Rows(self.raw.execute(sql, values))
        except sqlite3.Error as error:
            raise _failure(error) from error
        except UnicodeEncodeError as error:
            raise Rejected.no_text(error) from None

    def ask(self, sql: str, values: Sequence[object] = ()) -> _Fetched:
        """Run one statement to its end: SQLite computes a row when it is read."""
        return _Fetched(self.execute(sql, values).fetchall())

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of `rows`."""
        try:
            self.raw.executemany(sql, rows)
        except sqlite3.Error as error:
            raise _failure(error) from error

    def plan_for_values(self) -> None:
        """SQLite has one plan for all."""

    def begin(self) -> None:
        """Begin a transaction as the only one who writes; waits up to `BUSY_SECONDS`."""
        self.execute("BEGIN IMMEDIATE")

    def begin_beside(self) -> None:
        """Begin a transaction as any other: one writes at a time."""
        self.begin()

    def begin_reading(self) -> None:
        """Begin a transaction that sees one moment."""
        self.execute("BEGIN")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.raw.in_transaction

    @property
    def usable(self) -> bool:
        """A file does not go away, or comes back by itself."""
        return True

    def make_months(self, now: datetime) -> None:
        """SQLite has one table for all."""

    def leave_no_trace(self) -> None:
        """Have what is deleted from now on overwritten in the file, and put aside in no other one."""
        self.execute("PRAGMA secure_delete=ON")
        self.execute(IN_MEMORY)

    def empty_journal(self) -> bool:
        """Bring all that is committed into the file, as the journal holds older pages; tell whether it is empty."""
        busy, *_ = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        """Close it."""
        self.raw.close()


class _Rows:
    """A cursor whose errors are the store's own: SQLite computes a row when it is asked for."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        try:
            return self._cursor.fetchone()
        except sqlite3.Error as error:
            raise _failure(error) from error

    def fetchall(self) -> list[Any]:
        try:
            return self._cursor.fetchall()
        except sqlite3.Error as error:
            raise _failure(error) from error

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._cursor
        except sqlite3.Error as error:
            raise _failure(error) from error


class _Fetched:
    """Rows that are there."""

    def __init__(self, rows: list[Any]) -> None:
        self.rowcount = len(rows)
        self._rows = iter(rows)

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return [*self._rows]

    def __iter__(self) -> Iterator[Any]:
        return self._rows


def _failure(error: sqlite3.Error) -> HomecheckError:
    if isinstance(error, sqlite3.IntegrityError):
        return Rejected(f"the database does not take this: {error}")
    return NotStored(f"the database cannot do this now: {error}")


@dataclass(frozen=True)
class SqliteDatabase(Database):
    """A database by its file. `max_pages` bounds its size in pages of 4 KiB (0: the disk is the bound).

    `aside_in_memory`: what a statement puts aside (pages as they were before a savepoint, sorting) goes into no file.
    """

    path: Path
    max_pages: int = 0
    aside_in_memory: bool = False

    @classmethod
    def of_url(cls, url: str) -> SqliteDatabase:
        """Return the database of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
        if not url.startswith(SCHEME) or len(url) == len(SCHEME):
            raise SetupError(
                f"{url!r:.80} names no database",
                "Write it like this: sqlite:///collector.db, or postgresql://user@host/name",
            )
        return cls(Path(url.removeprefix(SCHEME)).absolute())

    @property
    def url(self) -> str:
        """The URL that names this database from every folder."""
        return SCHEME + str(self.path)

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def folder(self) -> Path:
        """The folder beside whose files the keys lie."""
        return self.path.parent

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    def for_uploads(self) -> SqliteDatabase:
        """Return it for those who write: each piece of work has a savepoint, whose pages take a file a third more."""
        return replace(self, aside_in_memory=True)

    @property
    def takes_many_processes(self) -> bool:
        """Two that write into one file wait for one another's polling, up to a second."""
        return False

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
        raw = self.connect_raw()
        raw.execute("PRAGMA journal_mode=WAL")
        raw.close()
        migrations.upgrade(self)
        return self.connect()

    def remove(self) -> None:
        """Remove the database, as far as it is there."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def connect(self) -> SqliteConnection:
        """Return a connection, whatever is in the file. SetupError when there is none."""
        if not self.path.is_file():
            raise SetupError(f"{self.path}: there is no database", "Make one: homecheck collector init")
        raw = self.connect_raw()
        try:
            self._configure(raw)
        except sqlite3.DatabaseError as error:
            raw.close()
            raise SetupError(f"{self.path}: no database of a collector: {error}", "Check --database.") from None
        return SqliteConnection(raw)

    def connect_raw(self) -> sqlite3.Connection:
        """Return the driver's own connection."""
        # Transactions are begun and ended by hand; a connection is closed by the thread that ends the server.
        raw = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
        )
        raw.row_factory = sqlite3.Row
        return raw

    def _configure(self, raw: sqlite3.Connection) -> None:
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA fullfsync=ON")  # macOS: through the drive's cache as well
        if self.aside_in_memory:
            raw.execute(IN_MEMORY)
        if self.max_pages:
            raw.execute(f"PRAGMA max_page_count={self.max_pages:d}")

    def revision(self, db: Connection) -> str:
        """Return the format of the tables: before Alembic, the number in the file's head."""
        try:
            if _is_alembics(db):
                row = one_or_none(db, "SELECT version_num FROM alembic_version")
            else:
                row = one_or_none(db, "SELECT printf('%04d', user_version) FROM pragma_user_version")
        except NotStored as error:
            raise SetupError(f"{self.path}: no database of a collector: {error.message}", "Check --database.") from None
        return row[0] if row else migrations.NOTHING

    def for_migrations(self) -> Engine:
        """Return an engine on this file."""
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import NullPool

        engine = create_engine("sqlite://", creator=lambda: self.connect().raw, poolclass=NullPool)

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def bring_to_baseline(self, raw: Any) -> bool:
        """Change the tables of the versions before Alembic."""
        from homecheck.collector.store.before_alembic import bring_to_version_5  # needed once in a file's life

        db = SqliteConnection(raw)
        return not _is_alembics(db) and bring_to_version_5(db)

    def after_migration(self, raw: Any, revision: str) -> None:
        """Put the number into the file's head, where versions of before Alembic look for it."""
        raw.execute(f"PRAGMA user_version={int(revision)}")


def _is_alembics(db: Connection) -> bool:
    return one_or_none(db, "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'") is not None

"""A database of a collector, on either engine: made, opened with its tables brought up to date, and read by threads."""

from __future__ import annotations

import re
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from homecheck.collector.store import migrations
from homecheck.collector.store.connection import Connection, Row, one_or_none, transaction
from homecheck.config import Home
from homecheck.errors import SetupError

if TYPE_CHECKING:
    from sqlalchemy import Engine

# What nearly every module of the store needs, from one place.
__all__ = ["Connection", "Database", "Readers", "Row", "Work", "one_or_none", "opened", "transaction"]

Work = Callable[[Connection], Any]
POSTGRES: Final = ("postgresql://", "postgres://")
_PASSWORD: Final = re.compile(r"(://[^/?#:@]*):[^/?#]*@")
_PASSWORD_BESIDE: Final = re.compile(r"([?&])password=[^&]*")  # libpq takes it among the parameters as well


class Database(ABC):
    """Where a collector keeps everything but its keys."""

    @staticmethod
    def at(url: str) -> Database:
        """Return the database that a URL names: ``sqlite:///file.db`` or ``postgresql://user@host/name``."""
        # Here, because both are made of this class.
        from homecheck.collector.store.postgres import PostgresDatabase
        from homecheck.collector.store.sqlite import SqliteDatabase

        return PostgresDatabase(url) if url.startswith(POSTGRES) else SqliteDatabase.of_url(url)

    @staticmethod
    def default() -> Database:
        """Return the database that is used when nobody names one: a file in HOMECHECK_HOME."""
        from homecheck.collector.store.sqlite import SqliteDatabase  # as above

        return SqliteDatabase(Home.default().root / "collector.db")

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL that names this database from every folder; it may hold a password."""

    @property
    def printable_url(self) -> str:
        """The URL for terminals and logs: whoever reads them need not know the password."""
        if not self.url.startswith(POSTGRES):
            return self.url
        return _PASSWORD_BESIDE.sub(r"\1password=***", _PASSWORD.sub(r"\1@", self.url))

    @property
    @abstractmethod
    def place(self) -> str:
        """How messages name it; never with a password."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the folder of the keys lies, unless another is configured."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name, after which the folder of the keys is called."""

    def for_serving(self) -> Database:
        """Return it as a collector that serves needs it, which waits for nothing for ever."""
        return self

    def for_uploads(self) -> Database:
        """Return it for those who execute the same few statements again and again."""
        return self

    @property
    @abstractmethod
    def takes_many_processes(self) -> bool:
        """Whether several processes can serve from it."""

    @abstractmethod
    def create(self) -> Connection:
        """Make the database with its tables and return a connection. SetupError when it is there already."""

    @abstractmethod
    def remove(self) -> None:
        """Remove everything in it, as far as it is there."""

    @abstractmethod
    def connect(self) -> Connection:
        """Return a connection, whatever is in the database. SetupError when there is none."""

    @abstractmethod
    def revision(self, db: Connection) -> str:
        """Return the format of its tables; ``0000``: it has none of ours. SetupError where that cannot be read."""

    @abstractmethod
    def for_migrations(self) -> Engine:
        """Return an SQLAlchemy engine, whose transactions begin as those who write and wait for one another."""

    @abstractmethod
    def bring_to_baseline(self, raw: Any, /) -> bool:
        """Bring tables of before Alembic to its first revision; tell whether that is what they are now.

        `raw` is the driver's connection, inside the transaction of the migration.
        """

    @abstractmethod
    def after_migration(self, raw: Any, revision: str, /) -> None:
        """Leave a mark for versions of homecheck of before Alembic, inside the same transaction."""

    def open(self) -> Connection:
        """Return a connection, to a database of an older version after its upgrade.

        SetupError when there is no database, or one of a later version.
        """
        with ExitStack() as undo:
            db = self.connect()
            undo.callback(db.close)
            if (revision := self.revision(db)) != migrations.head():
                self._check_known(revision)
                migrations.upgrade(self)
            undo.pop_all()
        return db

    def _check_known(self, revision: str) -> None:
        if revision == migrations.NOTHING:
            raise SetupError(
                f"{self.place}: no collector is in it",
                "Check --database. A new collector is made by: homecheck collector init",
            )
        if revision not in migrations.known():
            raise SetupError(
                f"{self.place}: has the format {revision}, this version of homecheck uses {migrations.head()}",
                "Use the version of homecheck that made it.",
            )


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
        """Return this thread's connection; another one where the way to the server broke. NotStored without one."""
        own: _OfThread | None = getattr(self._local, "own", None)
        if own is None or not own.close.alive or not own.db.usable:
            if own is not None:
                own.close()
            own = self._local.own = _OfThread(self.database.open())
            self._all.add(own)
        return own.db

    def close(self) -> None:
        """Close the connections of all threads; nobody may read any more."""
        for own in list(self._all):
            own.close()

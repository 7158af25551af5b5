"""A temporary database on either engine, what its own processes cost, and how often it made the disk catch up.

Nobody's data is ever touched: a database that holds a collector is refused, and the bench makes one of its own, beside
the file or on the server that was named, and removes it.
"""

from __future__ import annotations

import secrets
import struct
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from homecheck.collector.store.database import Database
from homecheck.collector.store.postgres import PostgresDatabase
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import SetupError

# Of each checkpoint SQLite waits for the disk three times: the journal, the file, and the journal's new head.
SYNCS_OF_CHECKPOINT: Final = 3
# Servers tell what their processes have done once a second, and not before the next commit.
STATISTICS_SECONDS: Final = 1.1


class Bench(ABC):
    """A database for one bench. `home` is the folder of the collector's keys."""

    engine: str
    database: Database
    home: Path

    @abstractmethod
    def cpu_seconds(self) -> float:
        """Return the processor time of the database's own processes, as far as they are not the collector's."""

    @abstractmethod
    def syncs(self) -> int:
        """Return how often it has waited for the disk so far."""

    @abstractmethod
    def settle(self) -> None:
        """Return when what was done before can be counted after the next commit."""


@contextmanager
def temporary(database: Database | None) -> Iterator[Bench]:
    """Make a database like `database`, which must not be anybody's; None: SQLite, in the folder of now.

    Not in the system's folder for temporary files: that is often memory, where a commit costs nothing.
    """
    if isinstance(database, PostgresDatabase):
        with _on_server(database) as made:
            yield made
        return
    path = database.path if isinstance(database, SqliteDatabase) else Path.cwd() / "bench.db"
    if isinstance(database, SqliteDatabase) and path.exists():
        raise SetupError(
            f"{path}: there is a database; the bench never runs on one that is in use",
            "Name a file that does not exist, in the folder whose disk is to be measured.",
        )
    with tempfile.TemporaryDirectory(prefix="homecheck-bench-", dir=_folder(path.parent)) as name:
        yield _Sqlite(Path(name))


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise SetupError(f"{path}: there is no such folder", "Make it, or leave --database away.")
    return path


class _Sqlite(Bench):
    """A file in a folder of its own."""

    engine = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.database: SqliteDatabase = SqliteDatabase(folder / "bench.db")

    def cpu_seconds(self) -> float:
        """Return nothing: SQLite works inside the collector."""
        return 0.0

    def syncs(self) -> int:
        """Return commits and checkpoints, from the heads of the journal and of its index (sqlite.org/walformat.html).

        With synchronous=FULL each commit is one fsync of the journal.
        """
        index, journal = (Path(f"{self.database.path}{suffix}") for suffix in ("-shm", "-wal"))
        commits = _number(index, "=I", 8)  # iChange, in the machine's byte order
        checkpoints = _number(journal, ">I", 12)  # the number of times it was begun anew
        return commits + SYNCS_OF_CHECKPOINT * checkpoints

    def settle(self) -> None:
        """Return: the files tell at once."""


def _number(file: Path, form: str, offset: int) -> int:
    with file.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(4)
    return int(struct.unpack(form, data)[0]) if len(data) == 4 else 0


@contextmanager
def _on_server(named: PostgresDatabase) -> Iterator[Bench]:
    db = named.connect()
    try:
        if db.execute("SELECT to_regclass('evidence') IS NOT NULL").fetchone()[0]:
            raise SetupError(
                f"{named.place}: holds the data of a collector; the bench never runs on one that is in use",
                "Name another database of the same server, such as postgres: one for the bench is made beside it.",
            )
        name = f"homecheck_bench_{secrets.token_hex(6)}"
        db.execute(f"CREATE DATABASE {name}")
        try:
            with tempfile.TemporaryDirectory(prefix="homecheck-bench-") as home:
                yield _Postgres(PostgresDatabase(_renamed(named.url, name), Path(home)), db)
        finally:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        db.close()


def _renamed(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


class _Postgres(Bench):
    """A database on a server of this computer; `db` is a connection to another one there."""

    engine = "postgresql"

    def __init__(self, database: PostgresDatabase, db: Any) -> None:
        self.home = database.home
        self.database: PostgresDatabase = database
        self.db = db
        self._name = urlsplit(database.url).path.strip("/")

    def cpu_seconds(self) -> float:
        """Return the time of all who serve this database, and of those who write for the whole server."""
        sql = (
            "SELECT pid FROM pg_stat_activity WHERE datname = ?"
            " OR backend_type IN ('walwriter', 'checkpointer', 'background writer')"
        )
        return sum(_cpu_of(pid) for (pid,) in self.db.execute(sql, (self._name,)).fetchall())

    def syncs(self) -> int:
        """Return the server's count; nobody else should write there meanwhile."""
        return int(self.db.execute("SELECT wal_sync FROM pg_stat_wal").fetchone()[0])

    def settle(self) -> None:
        """Wait until the processes may tell again."""
        time.sleep(STATISTICS_SECONDS)


def _cpu_of(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        if "postgres" in process.name():
            return float(sum(process.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        pass
    raise SetupError(
        "the PostgreSQL server runs on another computer: what it costs cannot be counted from here",
        "Run the bench where the server is.",
    )

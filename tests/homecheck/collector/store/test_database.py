from __future__ import annotations

import sqlite3
import stat
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from homecheck.collector.store import settings
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import SetupError


def test_a_relative_address_is_a_file_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Database.at("sqlite:///collector.db").url == f"sqlite:///{tmp_path / 'collector.db'}"
    assert Database.at("sqlite:////var/lib/collector.db").url == "sqlite:////var/lib/collector.db"


@pytest.mark.parametrize(
    ("url", "culprit"),
    [
        ("postgresql://localhost", "names no database"),
        ("collector.db", "names no database"),
        ("sqlite://", "names no database"),
        ("sqlite:///", "names no database"),
        ("mysql://localhost/x", "names no database"),
    ],
)
def test_what_names_no_database_that_we_can_use_is_refused(url: str, culprit: str) -> None:
    with pytest.raises(SetupError, match=culprit) as caught:
        Database.at(url)
    assert "://" in caught.value.advice


def test_a_database_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "deep" / "collector.db")
    database.create().close()
    if sys.platform != "win32":
        assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    with pytest.raises(SetupError, match="is there already"):
        database.create()


def test_commits_wait_for_the_disk_and_readers_for_nobody(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    database.create().close()
    with opened(database) as db, opened(database) as reader:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL, by SQLite's documentation
        assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        with transaction(db):
            settings.write(db, "one", "1")
            assert reader.execute("SELECT count(*) FROM setting").fetchone()[0] == 0


def test_a_transaction_that_fails_leaves_nothing(new_database: Callable[[Path], Database], tmp_path: Path) -> None:
    database = new_database(tmp_path)
    database.create().close()
    with opened(database) as db:
        with suppress(KeyError), transaction(db):
            settings.write(db, "one", "1")
            raise KeyError
        assert db.execute("SELECT count(*) FROM setting").fetchone()[0] == 0
        assert not db.in_transaction


def test_no_database_another_database_and_no_database_at_all_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="there is no database") as caught:
        SqliteDatabase(tmp_path / "none.db").open()
    assert "collector init" in caught.value.advice
    foreign = tmp_path / "foreign.db"
    sqlite3.connect(foreign).close()
    foreign.touch()
    with pytest.raises(SetupError, match="no collector is in it"):
        SqliteDatabase(foreign).open()
    text = tmp_path / "text.db"
    text.write_text("this is a letter to my grandmother, and much longer than a header of SQLite\n" * 20)
    with pytest.raises(SetupError, match="no database of a collector"):
        SqliteDatabase(text).open()


def old_database(path: Path, version: int) -> Database:
    """Make a database from a dump that the last version of homecheck wrote which made such databases."""
    database = SqliteDatabase(path / "collector.db")
    with closing(sqlite3.connect(database.path)) as db:
        db.executescript((Path(__file__).parent / f"version-{version}.sql").read_text(encoding="utf-8"))
    return database


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_an_older_version_is_upgraded_and_keeps_what_is_in_it(tmp_path: Path, version: int) -> None:
    database = old_database(tmp_path, version)
    with ThreadPoolExecutor(4) as pool:  # several processes may open it at the same moment
        for opening in [pool.submit(database.open) for _ in range(4)]:
            opening.result().close()
    new = SqliteDatabase(tmp_path / "new.db")
    new.create().close()
    with opened(database) as db, opened(new) as fresh:
        assert ("Åsa Öberg", None) in [tuple(row) for row in db.execute("SELECT name, phone FROM person")]
        assert tables(db) == tables(fresh)
        for table in tables(fresh):
            columns = f"SELECT name, type, [notnull] FROM pragma_table_info('{table}') ORDER BY name"
            assert [tuple(row) for row in db.execute(columns)] == [tuple(row) for row in fresh.execute(columns)], table
        assert db.execute("PRAGMA user_version").fetchone()[0] == fresh.execute("PRAGMA user_version").fetchone()[0]


def tables(db: Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def test_a_database_of_a_later_version_is_refused(new_database: Callable[[Path], Database], tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with closing(database.create()) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SetupError, match="has the format 9999, this version of homecheck uses") as caught:
        database.open()
    assert caught.value.advice == "Use the version of homecheck that made it."


def test_a_file_of_a_later_version_from_before_alembic_is_refused(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    with closing(database.create()) as db:
        db.execute("DROP TABLE alembic_version")
        db.execute("PRAGMA user_version=99")
    with pytest.raises(SetupError, match="has the format 0099"):
        database.open()


@pytest.mark.parametrize(
    ("url", "printable"),
    [
        ("sqlite:////var/a?password=b@c.db", "sqlite:////var/a?password=b@c.db"),
        ("postgresql://me:hidden@db.example.com:5432/x", "postgresql://me@db.example.com:5432/x"),
        ("postgresql://me:hid@den@[::1]:5432/x?sslmode=require", "postgresql://me@[::1]:5432/x?sslmode=require"),
        ("postgres://db.example.com:5432/x", "postgres://db.example.com:5432/x"),
        ("postgresql:///x?host=/run&password=hidden&user=me", "postgresql:///x?host=/run&password=***&user=me"),
    ],
)
def test_what_is_printed_of_a_url_holds_no_password(url: str, printable: str) -> None:
    assert Database.at(url).printable_url == printable


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="files that have no name any more are seen on Linux alone"
)
def test_what_a_savepoint_puts_aside_goes_into_no_file_where_people_are_written_about(tmp_path: Path) -> None:
    plain = SqliteDatabase(tmp_path / "collector.db")
    plain.create().close()
    assert put_aside(plain, tmp_path) == 1  # SQLite's own way: a file in the system's temporary folder
    assert put_aside(plain.for_uploads(), tmp_path) == 0


def target(link: Path) -> str:
    """Return what a link leads to; nothing for one that is gone, as the one by which the folder was listed."""
    with suppress(FileNotFoundError):
        return str(link.readlink())
    return ""


def put_aside(database: SqliteDatabase, folder: Path) -> int:
    """Change many pages inside a savepoint; return how many files without a name are open then."""
    with opened(database) as db, transaction(db):
        db.execute("CREATE TABLE aside (id INTEGER PRIMARY KEY, text TEXT)")
        db.executemany("INSERT INTO aside VALUES (?, ?)", ((number, "x" * 3_000) for number in range(100)))
        db.execute("SAVEPOINT piece")
        db.execute("UPDATE aside SET text = 'y'")
        found = [one for one in Path("/proc/self/fd").iterdir() if "etilqs_" in target(one)]
        db.execute("ROLLBACK TO piece")
        (kept,) = db.execute("SELECT COUNT(*) FROM aside WHERE text LIKE 'x%'").fetchone()
        assert kept == 100
        db.execute("DROP TABLE aside")
    return len(found)

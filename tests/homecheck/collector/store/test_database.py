from __future__ import annotations

import sqlite3
import stat
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from homecheck.collector.store import settings
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.errors import SetupError


def test_a_relative_address_is_a_file_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Database.at("sqlite:///collector.db").path == tmp_path / "collector.db"
    assert Database.at("sqlite:////var/lib/collector.db").url == "sqlite:////var/lib/collector.db"


@pytest.mark.parametrize(
    ("url", "culprit"),
    [
        ("postgresql://localhost/homecheck", "SQLite only"),
        ("collector.db", "names no database"),
        ("sqlite://", "names no database"),
        ("sqlite:///", "names no database"),
        ("mysql://localhost/x", "names no database"),
    ],
)
def test_what_names_no_database_that_we_can_use_is_refused(url: str, culprit: str) -> None:
    with pytest.raises(SetupError, match=culprit) as caught:
        Database.at(url)
    assert "sqlite:///collector.db" in caught.value.advice


def test_a_database_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "deep" / "collector.db")
    database.create().close()
    if sys.platform != "win32":
        assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    with pytest.raises(SetupError, match="is there already"):
        database.create()


def test_commits_wait_for_the_disk_and_readers_for_nobody(tmp_path: Path) -> None:
    database = Database(tmp_path / "collector.db")
    database.create().close()
    with opened(database) as db, opened(database) as reader:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL, by SQLite's documentation
        assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        with transaction(db):
            settings.write(db, "one", "1")
            assert reader.execute("SELECT count(*) FROM setting").fetchone()[0] == 0


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "collector.db")
    database.create().close()
    with opened(database) as db:
        with suppress(KeyError), transaction(db):
            settings.write(db, "one", "1")
            raise KeyError
        assert db.execute("SELECT count(*) FROM setting").fetchone()[0] == 0
        assert not db.in_transaction


def test_no_database_another_database_and_no_database_at_all_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="there is no database") as caught:
        Database(tmp_path / "none.db").open()
    assert "collector init" in caught.value.advice
    foreign = tmp_path / "foreign.db"
    sqlite3.connect(foreign).close()
    foreign.touch()
    with pytest.raises(SetupError, match="has the format 0"):
        Database(foreign).open()
    text = tmp_path / "text.db"
    text.write_text("this is a letter to my grandmother, and much longer than a header of SQLite\n" * 20)
    with pytest.raises(SetupError, match="no database of a collector"):
        Database(text).open()


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "collector.db")
    db = database.create()
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(SetupError, match="has the format 99"):
        database.open()

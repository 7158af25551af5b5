"""Tables up and down on both engines, with data in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from homecheck.collector.store import migrations, settings
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.failures import NotStored
from homecheck.collector.store.migrations import BASELINE, NOTHING
from homecheck.collector.store.packing import unpacked
from homecheck.collector.store.postgres import PostgresDatabase
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import SetupError
from homecheck.signing import decode_base64url, digest
from tests.homecheck.collector.store.test_database import old_database
from tests.live_collector import in_thread
from tests.postgres import PostgresServer

NewDatabase = Callable[[Path], Database]


def tables(db: Connection) -> set[str]:
    """Return the names of all tables, by the catalogue of the engine itself."""
    sql = {
        "SqliteConnection": "SELECT name FROM sqlite_master WHERE type = 'table'",
        "PostgresConnection": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    }[type(db).__name__]
    return {row[0] for row in db.execute(sql)}


def indexes(db: Connection) -> set[str]:
    """Return the names of all indexes that a revision has named."""
    sql = {
        "SqliteConnection": "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "PostgresConnection": "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'",
    }[type(db).__name__]
    return {row[0] for row in db.execute(sql)}


def test_alembic_and_this_program_mean_the_same_newest_revision() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations.FOLDER))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrations.head()]  # one line, without branches
    assert {one.revision for one in script.walk_revisions()} == set(migrations.revisions())


def test_all_tables_go_down_to_nothing_and_up_again(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with closing(database.create()) as db:
        made = tables(db)
        with transaction(db):
            settings.write(db, "one", "1")
        migrations.move(database, NOTHING)
        assert tables(db) == {"alembic_version"}
        migrations.move(database, migrations.head())
        assert tables(db) == made
        assert db.execute("SELECT COUNT(*) FROM setting").fetchone()[0] == 0


def test_every_step_back_and_forth_leaves_the_indexes_that_were_there(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(tmp_path)
    with closing(database.create()) as db:
        made = indexes(db)
        assert "evidence_by_age" in made
        for revision in reversed(migrations.revisions()):
            migrations.move(database, revision)
        for revision in migrations.revisions():
            migrations.move(database, revision)
        assert indexes(db) == made


def test_a_step_that_fails_changes_nothing(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with closing(database.create()) as db:
        made = tables(db)
        with transaction(db):
            settings.write(db, "one", "1")
            db.execute("DROP TABLE responder")
        with pytest.raises(NotStored, match="responder"):
            migrations.move(database, NOTHING)
        assert tables(db) == made - {"responder"}
        assert database.revision(db) == migrations.head()
        assert db.execute("SELECT value FROM setting").fetchone()[0] == "1"


def test_a_revision_that_nobody_knows_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    database.create().close()
    with pytest.raises(SetupError, match="no revision '0042'") as caught:
        migrations.move(database, "0042")
    assert migrations.head() in caught.value.advice


def test_a_file_of_the_first_version_comes_over_in_one_go_and_is_marked_for_older_programs(tmp_path: Path) -> None:
    database = old_database(tmp_path, 1)
    with opened(database) as db:
        assert database.revision(db) == migrations.head()
        assert db.execute("PRAGMA user_version").fetchone()[0] == int(migrations.head())
        assert db.execute("SELECT COUNT(*) FROM person WHERE name = 'Åsa Öberg'").fetchone()[0] == 1
    migrations.move(database, BASELINE)
    with closing(database.connect()) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 5  # what a program of before Alembic asks
        assert db.execute("SELECT COUNT(*) FROM person WHERE name = 'Åsa Öberg'").fetchone()[0] == 1


def test_who_may_not_change_tables_is_told_so(server: PostgresServer, tmp_path: Path) -> None:
    database = server.new_database(tmp_path)
    server.run("DROP ROLE IF EXISTS reader")
    server.run("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    weak = PostgresDatabase(database.url.replace(f"homecheck:{server.password}", "reader:reader"), tmp_path)
    with pytest.raises(NotStored, match="permission denied"):
        weak.create()


def test_data_goes_down_to_the_baseline_and_up_again_byte_for_byte(new_database: NewDatabase, tmp_path: Path) -> None:
    with in_thread(tmp_path, database=new_database(tmp_path)) as site:
        worker = site.worker()
        sent = worker.sign(worker.evidence(worker.challenge()))
        evidence_id = json.loads(decode_base64url(sent.split(b".")[1].decode()))["id"]
        receipt = worker.put(evidence_id, sent).content
        worker.check()
    database = site.database
    with closing(database.connect()) as db:
        stored = "SELECT envelope, receipt FROM evidence WHERE digest = ?"
        assert unpacked(db.execute(stored, (digest(sent),)).fetchone()[0]) == sent
        migrations.move(database, BASELINE)
        assert tuple(db.execute(stored, (digest(sent),)).fetchone()) == (sent, receipt)
        migrations.move(database, migrations.head())
        again, as_answered = db.execute(stored, (digest(sent),)).fetchone()
        assert len(again) < len(sent)
        assert as_answered == receipt  # what is there stays as it is
    # The baseline has no place for values in events, and the program's description was one: the log misses it.
    assert site.defects() == ["this is not what was entered into the log"]

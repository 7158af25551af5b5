"""What PostgreSQL does otherwise: it can go away, it is shared, and it has its own ideas of text."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from homecheck.collector.store import settings
from homecheck.collector.store.connection import insert_rows
from homecheck.collector.store.database import Connection, Database, Readers, opened, transaction
from homecheck.collector.store.failures import NotStored, Rejected
from homecheck.collector.store.postgres import PostgresConnection, PostgresDatabase
from homecheck.collector.store.writer import Writer
from homecheck.errors import SetupError
from tests.ports import free_port
from tests.postgres import PostgresServer

SECONDS = 20


@pytest.fixture
def database(server: PostgresServer, tmp_path: Path) -> PostgresDatabase:
    made = server.new_database(tmp_path)
    made.create().close()
    return made


@pytest.fixture
def db(database: PostgresDatabase) -> Iterator[Connection]:
    with opened(database) as opened_db:
        yield opened_db


def test_a_url_names_the_database_and_messages_hide_the_password() -> None:
    database = Database.at("postgresql://me:secret@db.example:5433/home_check?sslmode=require")
    assert isinstance(database, PostgresDatabase)
    assert database.url == "postgresql://me:secret@db.example:5433/home_check?sslmode=require"
    assert database.place == "postgresql://db.example:5433/home_check"
    assert database.name == "home-check"
    with pytest.raises(SetupError, match="names no database") as caught:
        Database.at("postgresql://me:secret@db.example")
    assert "secret" not in caught.value.message


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path: Path) -> None:
    database = PostgresDatabase(f"postgresql://me:hidden@127.0.0.1:{free_port()}/x", tmp_path)
    with pytest.raises(NotStored, match=r"^postgresql://127\.0\.0\.1:\d+/x: .*refused") as caught:
        database.open()
    assert "hidden" not in caught.value.message


def test_a_row_is_read_by_name_by_place_and_as_a_tuple(db: Connection) -> None:
    row = db.execute('SELECT ? AS "a", 2 AS b', ("one",)).fetchone()
    assert (row["a"], row[0], row["b"], row[-1], tuple(row), list(row.keys())) == (
        "one",
        "one",
        2,
        2,
        ("one", 2),
        ["a", "b"],
    )
    assert dict(db.execute("SELECT 'k', 'v'")) == {"k": "v"}
    with pytest.raises(LookupError):
        row["c"]


def test_bytes_and_numbers_come_back_as_they_were(db: Connection) -> None:
    every_byte, number = bytes(range(256)), 0.1 + 0.2
    row = db.execute(
        "SELECT ?::bytea, ?::double precision, ?::bigint, ''::bytea", (every_byte, number, 2**62)
    ).fetchone()
    assert tuple(row) == (every_byte, number, 2**62, b"")


def test_rows_that_go_together_come_back_as_they_were(db: Connection) -> None:
    db.execute("CREATE TABLE thing (n bigint PRIMARY KEY, gone text, name text, share double precision, data bytea)")
    db.execute("ALTER TABLE thing DROP COLUMN gone")
    rows = [
        (1, "ü\t\\N\n", -0.0, bytes(range(256))),
        (2**62, "", 1e-05, b""),
        (-1, None, None, None),
        (3, "x" * 100_000, 2, b"\\x00"),
    ]
    insert_rows(db, "thing", rows)
    insert_rows(db, "thing (share, n)", [(0.5, 8), (None, 9)])
    found = [tuple(row) for row in db.execute("SELECT n, name, share, data FROM thing WHERE n < 8 OR n > 9")]
    assert sorted(found) == sorted(rows)
    assert [tuple(row) for row in db.execute("SELECT * FROM thing WHERE n IN (?, ?) ORDER BY n", (8, 9))] == [
        (8, None, 0.5, None),
        (9, None, None, None),
    ]


def test_one_bad_row_of_many_is_rejected_and_the_others_can_be_stored_singly(db: Connection) -> None:
    for wrong, why in ((("nul", "a\0b"), "NUL|0x00"), (("one", "again"), "unique")):
        rows = [("one", "1"), wrong, ("two", "2")]
        with transaction(db):
            db.execute("SAVEPOINT piece")
            with pytest.raises(Rejected, match=why):
                insert_rows(db, "setting (name, value)", rows)
            db.execute("ROLLBACK TO piece")
            assert db.usable
            insert_rows(db, "setting (name, value)", [rows[0], rows[2]])
        assert [row[0] for row in db.execute("SELECT value FROM setting ORDER BY name")] == ["1", "2"]
        db.execute("DELETE FROM setting")


def test_a_text_with_nul_is_rejected_and_the_connection_lives_on(db: Connection) -> None:
    with pytest.raises(Rejected, match="NUL"), transaction(db):
        settings.write(db, "nul", "a\0b")
    assert not db.in_transaction
    assert settings.is_set_up(db) is False


def test_texts_sort_as_in_sqlite(db: Connection) -> None:
    with transaction(db):
        for name in ("b", "A", "a", "ä", "Z"):
            settings.write(db, name, "")
    # By Unicode numbers: capitals first, what is not ASCII last.
    assert [row[0] for row in db.execute("SELECT name FROM setting ORDER BY name")] == ["A", "Z", "a", "b", "ä"]


def test_who_writes_waits_for_the_one_who_writes(database: PostgresDatabase, db: Connection) -> None:
    order: list[str] = []

    def second() -> None:
        with opened(database) as other, transaction(other):
            order.append("second")
            settings.write(other, "one", "2")

    thread = threading.Thread(target=second)
    with transaction(db):
        thread.start()
        settings.write(db, "one", "1")
        time.sleep(0.3)  # it would be through by now if it did not wait
        order.append("first")
    thread.join(SECONDS)
    assert order == ["first", "second"]
    assert db.execute("SELECT value FROM setting WHERE name = 'one'").fetchone()[0] == "2"


def test_a_reader_and_the_writer_come_back_after_their_connections_were_cut(
    server: PostgresServer, database: PostgresDatabase
) -> None:
    readers, writer = Readers(database), Writer(database)
    writer.start()
    try:
        writer.submit(lambda db: settings.write(db, "before", "")).result(SECONDS)
        assert readers().execute("SELECT COUNT(*) FROM setting").fetchone()[0] == 1
        name = database.url.rpartition("/")[2]
        for backend in server.backends(name):
            server.run(f"SELECT pg_terminate_backend({backend})")
        with pytest.raises(NotStored):
            writer.submit(lambda db: settings.write(db, "during", "")).result(SECONDS)
        with pytest.raises(NotStored):
            readers().execute("SELECT 1")
        writer.submit(lambda db: settings.write(db, "after", "")).result(SECONDS)
        rows = readers().execute("SELECT name FROM setting ORDER BY name")
        assert [row[0] for row in rows] == ["after", "before"]
    finally:
        writer.stop()
        readers.close()


def test_a_connection_whose_conversation_broke_off_is_left_for_another(database: PostgresDatabase) -> None:
    # What `executemany` leaves behind where PgBouncer loses its server in the middle: open, and of no use for ever.
    readers = Readers(database)
    with closing(readers):
        broken = readers()
        assert isinstance(broken, PostgresConnection)
        broken.raw.pgconn.enter_pipeline_mode()
        broken.raw.pgconn.send_query_params(b"SELECT 1", [])
        with pytest.raises(NotStored, match="pipeline mode"):
            broken.execute("SELECT 1")
        assert not broken.raw.closed
        other = readers()
        assert other is not broken
        assert tuple(other.execute("SELECT 1").fetchone()) == (1,)
        assert broken.raw.closed


def test_many_who_open_it_at_once_make_the_tables_once(server: PostgresServer, tmp_path: Path) -> None:
    database = server.new_database(tmp_path)

    def create() -> str:
        try:
            database.create().close()
        except SetupError as error:
            return error.message
        return "made"

    with ThreadPoolExecutor(4) as pool:
        outcomes = {future.result() for future in [pool.submit(create) for _ in range(4)]}
    assert "made" in outcomes
    with closing(database.open()) as db:
        assert db.execute("SELECT COUNT(*) FROM log_state").fetchone()[0] == 1
    with pytest.raises(SetupError, match="a collector is there already"):
        database.create()

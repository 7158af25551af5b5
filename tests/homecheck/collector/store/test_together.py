"""What goes to the database together: the same rows, counts and errors as one after the other, on both engines."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from homecheck.collector.store.connection import Connection, insert_rows, roll_back, transaction
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.failures import NotStored, Rejected
from homecheck.collector.store.postgres import KEPT_READY_AFTER, READY_SETTINGS, PostgresConnection, PostgresDatabase
from homecheck.collector.store.pulse import Pulse
from homecheck.collector.store.writer import Writer
from tests.postgres import PostgresServer, behind_pgbouncer

SECONDS = 20


@pytest.fixture
def db(new_database: Callable[[Path], Database], tmp_path: Path) -> Iterator[Connection]:
    """A database with a table of its own."""
    with closing(new_database(tmp_path).create()) as made:
        made.execute("CREATE TABLE thing (name TEXT PRIMARY KEY, number INTEGER NOT NULL)")
        yield made


def names(db: Connection) -> list[str]:
    return [row["name"] for row in db.execute("SELECT name FROM thing ORDER BY name")]


def test_what_was_asked_before_a_change_is_as_it_was_before(db: Connection) -> None:
    with transaction(db), db.together():
        db.execute("INSERT INTO thing VALUES (?, ?)", ("a", 1))
        first = db.ask("SELECT number FROM thing WHERE name = ?", ("a",))
        changed = db.execute("UPDATE thing SET number = ?", (2,))
        second = db.ask("SELECT name, number FROM thing")
        db.execute("DELETE FROM thing")
        third = db.ask("SELECT name, number FROM thing")
        assert second.fetchone()["number"] == 2
        assert changed.rowcount == 1
    assert [tuple(row) for row in first] == [(1,)]
    assert second.fetchone() is None
    assert third.fetchall() == []


@pytest.mark.parametrize("number", [1, 3, 8, 9, 100])
def test_few_and_many_rows_stand_in_their_order(db: Connection, number: int) -> None:
    with transaction(db), db.together():
        db.execute("INSERT INTO thing VALUES (?, ?)", ("first", -1))
        before = db.ask("SELECT COUNT(*) FROM thing")
        insert_rows(db, "thing", [(f"{at:03}", at) for at in range(number)])
        after = db.ask("SELECT COUNT(*), SUM(number) FROM thing")
        db.execute("DELETE FROM thing WHERE number < ?", (0,))
        assert before.fetchone()[0] == 1
        assert tuple(after.fetchone()) == (number + 1, sum(range(number)) - 1)
    assert names(db) == [f"{at:03}" for at in range(number)]


def test_one_inside_another_ends_with_the_outer_one(db: Connection) -> None:
    with transaction(db), db.together():
        with db.together():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("a", 1))
            asked = db.ask("SELECT name FROM thing")
        db.execute("INSERT INTO thing VALUES (?, ?)", ("b", 2))
    assert [row[0] for row in asked] == ["a"]
    assert names(db) == ["a", "b"]


def twice(db: Connection, read: bool) -> None:
    """Send a name that is there already behind one that is not; the error comes when rows are read, or at the end."""
    with db.together():
        db.execute("INSERT INTO thing VALUES (?, ?)", ("gone", 1))
        db.execute("INSERT INTO thing VALUES (?, ?)", ("kept", 2))
        asked = db.ask("SELECT name FROM thing")
        if read:
            asked.fetchall()


@pytest.mark.parametrize("read", [False, True])
def test_an_error_undoes_what_stands_behind_a_savepoint_and_nothing_else(db: Connection, read: bool) -> None:
    with transaction(db):
        db.execute("INSERT INTO thing VALUES (?, ?)", ("kept", 0))
        db.execute("SAVEPOINT piece")
        with pytest.raises(Rejected, match=r"(?i)unique"):
            twice(db, read)
        db.execute("ROLLBACK TO piece")
        db.execute("INSERT INTO thing VALUES (?, ?)", ("later", 3))
    assert db.usable
    assert names(db) == ["kept", "later"]


def test_an_error_of_ones_own_leaves_the_connection_as_it_was(db: Connection) -> None:
    def fail() -> None:
        with transaction(db), db.together():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("gone", 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert db.usable
    assert names(db) == []


def kept_ready(db: Connection) -> int:
    return int(db.execute("SELECT COUNT(*) FROM pg_prepared_statements").fetchone()[0])


def again(db: Connection) -> None:
    for number in range(KEPT_READY_AFTER + 2):
        assert db.execute("SELECT ?::bigint + 1", (number,)).fetchone()[0] == number + 1


@pytest.fixture
def database(server: PostgresServer, tmp_path: Path) -> PostgresDatabase:
    made = server.new_database(tmp_path)
    made.create().close()
    return made


def test_statements_of_uploads_are_kept_ready_and_those_of_pages_are_not(database: PostgresDatabase) -> None:
    with opened(database.for_uploads()) as often, opened(database) as seldom:
        again(often)
        again(seldom)
        assert kept_ready(often) > 0
        assert kept_ready(seldom) == 0


def test_only_uploads_use_plans_for_any_values(database: PostgresDatabase) -> None:
    def ways(db: Connection) -> list[str]:
        return [db.execute(f"SHOW {name}").fetchone()[0] for name in READY_SETTINGS]

    with opened(database) as other:
        usual = ways(other)
    writer = Writer(database.for_uploads())
    writer.start()
    try:
        assert writer.submit_all(lambda db, items: [ways(db) for _ in items], [1]).result(SECONDS) == [
            ["force_generic_plan", "off", "off"]
        ]
        assert usual != ["force_generic_plan", "off", "off"]
        assert writer.submit(ways).result(SECONDS) == usual
        assert writer.submit_all(lambda db, items: [ways(db) for _ in items], [1]).result(SECONDS) != [usual]
    finally:
        writer.stop()


def test_behind_pgbouncer_nothing_is_kept_ready_and_what_goes_together_arrives(
    server: PostgresServer, tmp_path: Path
) -> None:
    with behind_pgbouncer(server, tmp_path) as database:
        database.create().close()
        with opened(database.for_uploads()) as db:
            again(db)
            assert kept_ready(db) == 0
            with transaction(db), db.together():
                db.execute("INSERT INTO setting (name, value) VALUES (?, ?)", ("a", "1"))
                asked = db.ask("SELECT value FROM setting WHERE name = ?", ("a",))
                insert_rows(db, "setting (name, value)", [(f"{at}", "") for at in range(20)])
            assert asked.fetchone()[0] == "1"
            assert db.execute("SELECT COUNT(*) FROM setting").fetchone()[0] == 21


def test_a_table_that_changes_under_a_statement_that_is_kept_ready_fails_once(database: PostgresDatabase) -> None:
    with opened(database) as other:
        other.execute("CREATE TABLE thing (name text)")
        db = database.for_uploads().open()
        for _ in range(KEPT_READY_AFTER + 2):
            db.execute("SELECT * FROM thing")
        other.execute("ALTER TABLE thing ADD COLUMN number bigint")
        with pytest.raises(NotStored, match="cached plan"):
            db.execute("SELECT * FROM thing")
        assert not db.usable, "it would fail for ever"
        roll_back(db)


def test_where_a_pooler_was_taken_for_the_server_nothing_is_kept_ready_any_more(database: PostgresDatabase) -> None:
    with opened(database.for_uploads()) as db:
        assert isinstance(db, PostgresConnection)
        again(db)
        db.raw.pgconn.exec_(b"DEALLOCATE ALL")  # as another server connection of a pooler's has none of them
        with pytest.raises(NotStored, match="does not exist"):
            again(db)
        assert not db.usable
    with opened(database.for_uploads()) as db:
        again(db)
        assert kept_ready(db) == 0


@pytest.mark.parametrize("savepoint", [True, False])
def test_what_was_to_be_kept_ready_behind_an_error_is_not_taken_to_be(
    database: PostgresDatabase, savepoint: bool
) -> None:
    def nothing(_: Connection) -> None:
        raise LookupError

    def fail(db: Connection) -> None:
        with db.together():
            db.execute("SELECT 1 / (?::bigint - 1) FROM pg_sleep(0.2)", (1,))  # its error comes when all is sent
            db.execute("SELECT ?::bigint + 1", (1,))

    def within(db: Connection, work: Callable[[Connection], None]) -> None:
        if not savepoint:
            work(db)
            return
        db.execute("SAVEPOINT piece")
        try:
            work(db)
        finally:
            db.execute("ROLLBACK TO piece")

    with opened(database.for_uploads()) as db:
        db.execute("BEGIN" if savepoint else "SELECT 1")
        with pytest.raises(LookupError):  # psycopg forgets at a first ROLLBACK, but not where it knows of nothing yet
            within(db, nothing)
        for _ in range(KEPT_READY_AFTER):
            db.execute("SELECT ?::bigint + 1", (1,))
        with pytest.raises(Rejected, match="division by zero"):
            within(db, fail)
        again(db)
        assert db.usable
        assert kept_ready(db) > 0, "the error is no sign of a pooler"


def test_no_two_connections_call_what_they_keep_ready_by_the_same_name(database: PostgresDatabase) -> None:
    def names_kept(db: Connection) -> set[str]:
        again(db)
        return {row[0] for row in db.execute("SELECT name FROM pg_prepared_statements")}

    with opened(database.for_uploads()) as one, opened(database.for_uploads()) as other:
        first, second = names_kept(one), names_kept(other)
        assert first
        assert second
        assert not first & second


def test_whoever_is_refused_in_the_middle_while_the_server_hangs_waits_for_nothing(database: PostgresDatabase) -> None:
    with opened(database) as db, ThreadPoolExecutor(1) as pool:
        assert isinstance(db, PostgresConnection)
        pulse = db.pulse = Pulse(600.0, lambda: False)
        backend = db.raw.info.backend_pid
        frozen = threading.Event()

        def write() -> None:
            with transaction(db), db.together():
                db.execute("INSERT INTO setting (name, value) VALUES ('a', '')")
                db.ask("SELECT 1").fetchone()
                os.kill(backend, signal.SIGSTOP)
                frozen.set()
                pulse.hung = True  # as somebody else has found out
                db.execute("INSERT INTO setting (name, value) VALUES ('b', '')")

        writing = pool.submit(write)
        try:
            assert frozen.wait(SECONDS)
            with pytest.raises(NotStored, match="does not answer"):
                writing.result(SECONDS / 2)
            assert not db.usable
        finally:
            os.kill(backend, signal.SIGCONT)


def test_a_server_that_goes_away_in_the_middle_is_told_and_the_connection_is_given_up(
    server: PostgresServer, database: PostgresDatabase
) -> None:
    with opened(database.for_uploads()) as db:
        assert isinstance(db, PostgresConnection)

        def write() -> None:
            with transaction(db), db.together():
                db.ask("SELECT 1").fetchone()
                server.run(f"SELECT pg_terminate_backend({db.raw.info.backend_pid})")
                db.execute("INSERT INTO setting (name, value) VALUES ('a', '')")

        with pytest.raises(NotStored):
            write()
        assert not db.usable
    with opened(database) as other:
        assert other.execute("SELECT COUNT(*) FROM setting").fetchone()[0] == 0

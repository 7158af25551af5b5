"""Group commit on both engines: what is told as done is done, and a piece that fails is undone alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homecheck.collector.store import settings
from homecheck.collector.store.database import Connection, Database, opened
from homecheck.collector.store.failures import Busy, NotStored, Rejected
from homecheck.collector.store.postgres import PostgresConnection, PostgresDatabase
from homecheck.collector.store.sqlite import SqliteConnection, SqliteDatabase
from homecheck.collector.store.writer import Writer
from homecheck.errors import SetupError

SECONDS = 60


@pytest.fixture
def database(new_database: Callable[[Path], Database], tmp_path: Path) -> Database:
    made = new_database(tmp_path)
    made.create().close()
    return made


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    running = Writer(database, max_waiting=3)
    running.start()
    yield running
    running.stop()


def stored(database: Database) -> set[str]:
    with opened(database) as db:
        return {row["name"] for row in db.execute("SELECT name FROM setting")}


def put(name: str, size: int = 1) -> Callable[[Connection], None]:
    def work(db: Connection) -> None:
        settings.write(db, name, "x" * size)

    return work


class Gate:
    """Work that holds the writer until it is let go, so that everything behind it shares the next commit."""

    def __init__(self) -> None:
        self.entered, self.released = threading.Event(), threading.Event()

    def __call__(self, db: Connection) -> None:
        self.entered.set()
        assert self.released.wait(SECONDS)


def test_a_result_is_told_after_the_commit(writer: Writer, database: Database) -> None:
    assert writer.submit(put("one")).result(SECONDS) is None
    assert stored(database) == {"one"}


def test_a_group_is_within_one_savepoint_and_begins_with_one_message(
    writer: Writer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.submit(put("before")).result(SECONDS)  # its connection is open
    sent: list[str] = []
    for kind in (SqliteConnection, PostgresConnection):

        def execute(self: Any, sql: str, values: Any = (), before: Any = kind.execute) -> Any:
            sent.append(sql.split()[0])
            return before(self, sql, values)

        monkeypatch.setattr(kind, "execute", execute)
    assert writer.submit_all(lambda _, items: items, "ab").result(SECONDS) == ["a", "b"]
    monkeypatch.undo()
    begin = "BEGIN;" if isinstance(database, PostgresDatabase) else "BEGIN"
    assert sent == [begin, "SAVEPOINT", "RELEASE", "COMMIT"]


def test_what_arrives_during_one_commit_shares_the_next(writer: Writer, database: Database) -> None:
    gate = Gate()
    first = writer.submit(gate)
    assert gate.entered.wait(SECONDS)
    behind = [writer.submit(put(name)) for name in "abc"]
    gate.released.set()
    for future in (first, *behind):
        future.result(SECONDS)
    writer.stop()  # it counts behind its answers
    assert writer.commits == 2
    assert stored(database) == {"a", "b", "c"}


def test_more_than_may_wait_is_refused_and_the_rest_is_stored(writer: Writer, database: Database) -> None:
    gate = Gate()
    writer.submit(gate)
    assert gate.entered.wait(SECONDS)
    waiting = [writer.submit(put(name)) for name in "abc"]
    with pytest.raises(Busy, match="3 uploads are waiting"):
        writer.submit(put("d"))
    gate.released.set()
    for future in waiting:
        future.result(SECONDS)
    assert stored(database) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "error", [SetupError("no"), Rejected("no"), TypeError("no"), OverflowError("no"), KeyError("no")]
)
def test_a_piece_that_fails_is_undone_alone(writer: Writer, database: Database, error: Exception) -> None:
    def fail(db: Connection) -> None:
        settings.write(db, "half", "1")
        raise error

    gate = Gate()
    writer.submit(gate)
    assert gate.entered.wait(SECONDS)
    before, failing, after = (
        writer.submit(put("before")),
        writer.submit(fail),
        writer.submit(put("after")),
    )
    gate.released.set()
    before.result(SECONDS)
    after.result(SECONDS)
    assert failing.exception(SECONDS) is error
    assert stored(database) == {"before", "after"}


def put_all(db: Connection, names: Sequence[str]) -> list[str]:
    """Store names in one go, and refuse to when one of them is bad."""
    for name in names:
        settings.write(db, name, f"one of {len(names)}")
        if name == "bad":
            raise ValueError(name)
    return [name.upper() for name in names]


@pytest.mark.parametrize(("names", "together"), [(["a", "b"], "one of 2"), (["a", "bad"], "one of 1")])
def test_alike_pieces_are_done_together_and_each_singly_when_one_of_them_is_bad(
    writer: Writer, database: Database, names: list[str], together: str
) -> None:
    gate = Gate()
    held = writer.submit(gate)
    assert gate.entered.wait(SECONDS)
    future = writer.submit_all(put_all, names)
    gate.released.set()
    held.result(SECONDS)
    found = dict(zip(names, future.result(SECONDS), strict=True))
    assert found["a"] == "A"
    if "bad" in names:
        assert isinstance(found["bad"], ValueError)
    with opened(database) as db:
        kept = {row["name"]: row["value"] for row in db.execute("SELECT name, value FROM setting")}
    assert kept["a"] == together
    assert "bad" not in kept


def test_an_error_that_nobody_expected_leaves_nobody_waiting_and_the_next_ones_are_stored(
    writer: Writer, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(db: Connection) -> None:
        raise RuntimeError("a fault of ours")

    gate = Gate()
    writer.submit(gate)
    assert gate.entered.wait(SECONDS)
    batch = [writer.submit(put("before")), writer.submit(fail)]
    gate.released.set()
    for future in batch:
        with pytest.raises(NotStored, match="fault of the collector"):
            future.result(SECONDS)
    assert writer.submit(put("later")).result(SECONDS) is None
    assert stored(database) == {"later"}
    assert "a fault of ours" in caplog.text


def test_a_rollback_that_fails_as_well_leaves_nobody_waiting(
    writer: Writer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr("homecheck.collector.store.writer.roll_back", fail)
        with pytest.raises(NotStored, match="fault of the collector"):
            writer.submit(fail).result(SECONDS)
    assert writer.submit(put("later")).result(SECONDS) is None
    assert stored(database) == {"later"}


def test_a_measure_of_commits_that_fails_ends_no_writer(database: Database) -> None:
    def fail(pieces: int, seconds: float) -> None:
        raise RuntimeError("a fault of ours")

    writer = Writer(database, observe=fail)
    writer.start()
    try:
        writer.submit(put("one")).result(SECONDS)
        writer.submit(put("two")).result(SECONDS)
    finally:
        writer.stop()
    assert stored(database) == {"one", "two"}


def test_a_full_disk_fails_the_whole_batch_and_keeps_what_was_there(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    with closing(database.create()) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    writer = Writer(replace(database, max_pages=pages + 2))
    writer.start()
    try:
        writer.submit(put("small")).result(SECONDS)
        gate = Gate()
        writer.submit(gate)
        assert gate.entered.wait(SECONDS)
        batch = [writer.submit(put(n, 100_000)) for n in ("big", "other")]
        gate.released.set()
        for future in batch:
            with pytest.raises(NotStored, match="full"):
                future.result(SECONDS)
        # The writer lives on, and takes what fits.
        writer.submit(put("small")).result(SECONDS)
    finally:
        writer.stop()
    assert stored(database) == {"small"}


def test_what_breaks_a_rule_of_the_tables_is_undone_alone(writer: Writer, database: Database) -> None:
    def twice(db: Connection) -> None:
        settings.write(db, "half", "1")
        db.execute("INSERT INTO setting (name, value) VALUES (?, ?)", ("half", "2"))

    gate = Gate()
    writer.submit(gate)
    assert gate.entered.wait(SECONDS)
    failing, after = writer.submit(twice), writer.submit(put("after"))
    gate.released.set()
    after.result(SECONDS)
    with pytest.raises(Rejected, match=r"(?i)unique"):
        failing.result(SECONDS)
    assert stored(database) == {"after"}


def test_what_an_engine_cannot_store_at_all_is_undone_alone(writer: Writer, database: Database) -> None:
    gate = Gate()
    writer.submit(gate)
    assert gate.entered.wait(SECONDS)
    failing, after = writer.submit(put("lone \ud800 surrogate")), writer.submit(put("after"))
    gate.released.set()
    after.result(SECONDS)
    with pytest.raises(Rejected, match="no text"):
        failing.result(SECONDS)
    assert stored(database) == {"after"}


def test_stopping_stores_what_waits(database: Database) -> None:
    writer = Writer(database)
    writer.start()
    futures = [writer.submit(put(f"n{n}")) for n in range(300)]
    writer.stop()
    assert all(future.done() and future.exception() is None for future in futures)
    assert len(stored(database)) == 300


def test_nobody_waits_for_a_writer_that_has_ended(database: Database) -> None:
    writer = Writer(database)
    with pytest.raises(NotStored):
        writer.submit(lambda db: None)
    writer.start()
    writer.stop()
    with pytest.raises(NotStored):
        writer.submit(lambda db: None)

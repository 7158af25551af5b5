"""What an erasure writes into the log's table of PostgreSQL fits into the pages that are there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from homecheck.collector.store import dropped_month, log, migrations
from homecheck.collector.store.database import Connection, transaction
from tests.postgres import PostgresServer

ENTRIES = 400  # ten pages of forty


def test_salts_go_without_a_new_page(server: PostgresServer, tmp_path: Path) -> None:
    with closing(server.new_database(tmp_path).create()) as db:
        append(db)
        assert pages(db) == 10
        dropped_month.destroy_salts(db, [(0, ENTRIES - 1)])
        assert pages(db) == 10
        assert [one.salt for one in log.entries(db)] == [None] * ENTRIES


def test_entries_from_before_get_the_room_and_lose_it_one_revision_down(server: PostgresServer, tmp_path: Path) -> None:
    database = server.new_database(tmp_path)
    with closing(database.create()) as db:
        append(db)
        entered = list(log.entries(db))
        migrations.move(database, "0019")
        assert pages(db) == 6  # seventy to a page
        dropped_month.destroy_salts(db, [(0, 99)])
        assert pages(db) == 7  # the last page has room for 27 of them, the others take a new one
        migrations.move(database, "0020")
        assert pages(db) == 10
        dropped_month.destroy_salts(db, [(100, 299)])
        assert pages(db) == 10
        left = list(log.entries(db))
        assert [one.salt for one in left] == [None] * 300 + [one.salt for one in entered[300:]]
        assert [one.leaf for one in left] == [one.leaf for one in entered]


def append(db: Connection) -> None:
    """Append entries of receipts to an empty log."""
    with transaction(db):
        log.append_all(db, log.RECEIPT, [b"%d" % number for number in range(ENTRIES)])


def pages(db: Connection) -> int:
    """Return how many pages of 8,192 bytes the entries take."""
    size = int(db.execute("SELECT pg_relation_size('log_entry')").fetchone()[0])
    return size // 8192

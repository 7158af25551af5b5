"""What an erasure writes into the log's table of PostgreSQL fits into the pages that are there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from homecheck.collector.store import dropped_month, log, migrations
from homecheck.collector.store.database import Connection, transaction
from tests.postgres import PostgresServer

ENTRIES = 400  # ten pages of forty


def test_salts_go_without_a_new_page_and_as_before_one_revision_down(server: PostgresServer, tmp_path: Path) -> None:
    database = server.new_database(tmp_path)
    with closing(database.create()) as db:
        first = append(db)
        assert size(db) == 10 * 8192
        dropped_month.destroy_salts(db, [(first, first + ENTRIES - 1)])
        assert size(db) == 10 * 8192
        assert [one.salt for one in log.entries(db)] == [None] * ENTRIES

        migrations.move(database, "0019")
        second = append(db)
        before = size(db)
        assert before < 18 * 8192  # seventy to a page: these are full
        dropped_month.destroy_salts(db, [(second, second + ENTRIES - 1)])
        assert size(db) > before

        migrations.move(database, migrations.head())
        assert [one.salt for one in log.entries(db)] == [None] * ENTRIES * 2


def append(db: Connection) -> int:
    """Append entries of receipts to the log, and return the position of the first."""
    with transaction(db):
        return log.append_all(db, log.RECEIPT, [b"%d" % number for number in range(ENTRIES)])


def size(db: Connection) -> int:
    """Return how many bytes the entries take."""
    return int(db.execute("SELECT pg_relation_size('log_entry')").fetchone()[0])

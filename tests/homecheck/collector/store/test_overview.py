"""How people stand, beside their rows: what a migration reads from the envelopes is what was written at receipt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homecheck.collector.store import migrations
from homecheck.collector.store.database import Database, opened
from tests.live_collector import in_thread
from tests.made_up_people import furnish
from tests.office import Clock

COLUMNS = "id, rank, received, due, failing_since, link, region, system, software, hour"
BEFORE = migrations.before("0009") or migrations.NOTHING


def written(database: Database) -> tuple[list[Any], list[Any]]:
    with opened(database) as db:
        people = db.execute(f"SELECT {COLUMNS} FROM person ORDER BY id").fetchall()
        concerns = db.execute(
            "SELECT person, quantity, verdict, margin, program, received FROM concern ORDER BY person, quantity"
        ).fetchall()
    return [tuple(row) for row in people], [tuple(row) for row in concerns]


@pytest.fixture
def filled(new_database: Callable[[Path], Database], tmp_path: Path) -> Database:
    """A database with the checks of a few people."""
    database, clock = new_database(tmp_path), Clock()
    with in_thread(tmp_path, database=database, clock=clock) as site:
        furnish(site, clock, 12)
    return database


def test_down_and_up_again_everything_is_as_it_was_written_at_receipt(filled: Database) -> None:
    before = written(filled)
    assert len({row[1] for row in before[0]}) >= 3  # some fail, some pass, some sent nothing
    assert any(row[4] for row in before[0])
    assert any(row[6] for row in before[0])
    assert any(row[3] is not None for row in before[1])
    migrations.move(filled, BEFORE)
    migrations.move(filled, migrations.head())
    assert written(filled) == before


def test_an_envelope_that_was_changed_keeps_its_verdict_and_tells_nothing_else(filled: Database) -> None:
    people, concerns = written(filled)
    with opened(filled) as db:
        db.execute("UPDATE evidence SET envelope = receipt")
    migrations.move(filled, BEFORE)
    migrations.move(filled, migrations.head())
    after, others = written(filled)
    assert [row[:5] for row in after] == [row[:5] for row in people]
    assert {row[5:9] for row in after} == {("", "", "", "")}
    assert [row[:3] for row in others] == [row[:3] for row in concerns if row[2] != "pass"]

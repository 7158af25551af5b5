"""Whoever has been here for years has entries all over the log: an erasure names each of them, on both engines."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from homecheck.collector import erasing
from homecheck.collector.store import erased_entries, events
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.events import Event
from tests.live_collector import PROGRAM, in_thread
from tests.people import FAILS

ENTRIES = 2_500


def test_entries_of_one_person_all_over_the_log_are_erased_and_named(
    tmp_path: Path, new_database: Callable[[Path], Database]
) -> None:
    with in_thread(tmp_path, database=new_database(tmp_path)) as site:
        somebody = site.worker(FAILS).subject
        drawn = random.Random(7)
        whose = [somebody if drawn.random() < 0.5 else None for _ in range(ENTRIES)]
        now = datetime.now(UTC)
        with opened(site.database) as db, transaction(db):
            made = [Event(now, "seen", False, "ada", "", "x", "", PROGRAM, person) for person in whose]
            events.add_all(db, made)
            found = db.execute("SELECT position FROM event WHERE person = ? ORDER BY position", (somebody,))
            theirs = [row[0] for row in found]
        assert len(theirs) > ENTRIES / 3
        erasing.erase_person(site.database, PROGRAM, FAILS.name, "a test", now)
        told = [str(one) for one in site.browse_database("SELECT about FROM event WHERE kind = 'erased' ORDER BY id")]
        assert " ".join(told) == erased_entries.ranges(theirs)
        assert max(map(len, told)) < 2_000  # the row of an index has to fit into 2,704 bytes, by PostgreSQL's manual
        assert site.browse_database("SELECT position FROM log_entry WHERE salt IS NULL ORDER BY position") == theirs
        assert site.defects() == []


def test_positions_are_named_a_hundred_runs_at_a_time_with_how_many_they_are() -> None:
    scattered = [number for number in range(450) if number % 3]  # 150 runs of two
    (first, one), (second, two) = erased_entries.named(scattered)
    assert first.split()[:2] == ["1-2", "4-5"]
    assert second.split()[0] == "301-302"
    assert (len(first.split()), one, len(second.split()), two) == (100, 200, 50, 100)
    assert list(erased_entries.named([])) == [("", 0)]

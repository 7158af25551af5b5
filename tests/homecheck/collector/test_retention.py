"""What is older than its program promises goes, what is newer stays, and the log still verifies."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.collector import administration, retention
from homecheck.collector.store import retention as store
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.retention import Due
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.config import Home
from homecheck.policy import parse_policy
from tests.command_line import homecheck
from tests.live_collector import Site, as_process, in_thread, wait_until
from tests.office import Clock
from tests.people import FAILS, PASSES, POLICY_TEXT, Worker

BEGAN = datetime.now(UTC)
DAY = timedelta(days=1)
LATER = BEGAN + 190 * DAY  # the program keeps 180 days


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin when the test does: a run may be minutes old by then, and the audit minds times that do not fit."""
    now = datetime.now(UTC)
    monkeypatch.setitem(globals(), "BEGAN", now)
    monkeypatch.setitem(globals(), "LATER", now + 190 * DAY)


@pytest.fixture
def site(tmp_path: Path, new_database: Callable[[Path], Database]) -> Site:
    """On each of the engines in turn: see `half_a_year`."""
    return half_a_year(tmp_path, new_database(tmp_path))


def half_a_year(folder: Path, database: Database) -> Site:
    """Petra was checked on the first day and on day 170, Filip on the first day only; nobody serves any more."""
    clock = Clock()
    with in_thread(folder, clock=clock, database=database) as running:
        petra, filip = running.worker(PASSES), running.worker(FAILS)
        for worker in (petra, filip):
            assert worker.check().status_code == 201
            assert worker.ask("result").ok  # it is made when somebody asks
        clock.ahead = 170 * DAY
        assert petra.upload(petra.evidence(petra.challenge(), now=clock())).status_code == 201
        assert petra.ask("result").ok
    return running


def counts(site: Site) -> dict[str, int]:
    with opened(site.database) as db:
        names = ("person", "device", "evidence", "result", "invite")
        return {name: db.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in names}


def test_what_is_due_is_counted_by_the_day(site: Site) -> None:
    with opened(site.database) as db:
        assert store.due(db, BEGAN + 179 * DAY) == [Due("support", 180, 0, 0, 0)]
        assert store.due(db, LATER) == [Due("support", 180, 2, 0, 1)]
        assert store.due(db, BEGAN + 400 * DAY) == [Due("support", 180, 3, 0, 2)]


def test_the_old_goes_the_new_stays_and_the_log_verifies(site: Site) -> None:
    purged = retention.purge(site.database, LATER)
    assert purged.deleted == 3  # two checks and a person
    assert purged.overwritten is isinstance(site.database, SqliteDatabase)  # a server keeps old rows for a while
    assert counts(site) == {"person": 1, "device": 1, "evidence": 1, "result": 1, "invite": 1}
    assert site.browse_database("SELECT name FROM person") == [PASSES.name]
    assert site.browse_database("SELECT latest FROM person") == site.browse_database("SELECT position FROM evidence")
    assert site.browse_database(
        "SELECT COUNT(*) FROM finding WHERE position NOT IN (SELECT position FROM evidence)"
    ) == [0]
    assert site.defects() == []
    assert retention.purge(site.database, LATER).deleted == 0


def test_what_was_deleted_stands_nowhere_in_the_file(tmp_path: Path) -> None:
    site = half_a_year(tmp_path, SqliteDatabase(tmp_path / "collector.db"))
    (kid,) = site.browse_database("SELECT kid FROM device JOIN person ON person.id = person WHERE name = 'Filip Fail'")
    assert str(kid).encode() in site.file.read_bytes()
    retention.purge(site.database, LATER)
    data = b"".join(file.read_bytes() for file in site.file.parent.glob("collector.db*"))
    assert str(kid).encode() not in data
    assert FAILS.name.encode() not in data


def test_a_person_without_checks_stays_while_an_invitation_or_a_key_is_newer(site: Site) -> None:
    administration.invite(site.database, "support", FAILS.name, DAY, "a test", BEGAN + 100 * DAY)
    retention.purge(site.database, LATER)
    assert site.browse_database("SELECT COUNT(*) FROM person") == [2]
    assert site.browse_database("SELECT name FROM person WHERE latest IS NULL") == [FAILS.name]
    # Lists show of Filip what they show of somebody who was never checked, and of Petra what they did.
    assert site.browse_database("SELECT name FROM person WHERE rank = 4 AND received IS NULL") == [FAILS.name]
    assert site.browse_database("SELECT COUNT(*) FROM concern WHERE quantity = 'network.download'") == [0]
    retention.purge(site.database, BEGAN + 282 * DAY)
    assert site.browse_database("SELECT name FROM person") == [PASSES.name]


def test_each_program_keeps_its_own_promise(site: Site) -> None:
    policy = parse_policy(POLICY_TEXT, "test policy")
    administration.add_program(site.database, "brief", "Brief", "To see.", 10, policy, "a test", BEGAN)
    administration.invite(site.database, "brief", PASSES.name, DAY, "a test", BEGAN)
    with opened(site.database) as db:
        found = {one.program: (one.evidence, one.people) for one in store.due(db, BEGAN + 20 * DAY)}
    assert found == {"brief": (0, 1), "support": (0, 0)}
    retention.purge(site.database, BEGAN + 20 * DAY)
    assert site.browse_database("SELECT program FROM person") == ["support", "support"]


def test_who_comes_back_between_finding_and_deleting_is_not_deleted(site: Site) -> None:
    retention.purge(site.database, BEGAN + 181 * DAY)
    with opened(site.database) as db:
        site.invite("Ada Lovelace")
        piece = store.find_some(db, BEGAN + 182 * DAY, 10)
        assert piece is not None
        assert piece.kind == "person"
    administration.invite(site.database, "support", "Ada Lovelace", DAY, "a test", BEGAN + 182 * DAY)
    with opened(site.database) as db, transaction(db):
        assert store.delete(db, piece, BEGAN + 182 * DAY) == 0
    assert "Ada Lovelace" in site.browse_database("SELECT name FROM person")


def test_it_goes_in_small_pieces(site: Site) -> None:
    with opened(site.database) as db:
        sizes = []
        while (piece := store.find_some(db, BEGAN + 400 * DAY, 2)) is not None:
            sizes.append((piece.kind, len(piece.ids)))
            with transaction(db):
                store.delete(db, piece, BEGAN + 400 * DAY)
    assert sizes == [("evidence", 2), ("evidence", 1), ("person", 2)]
    assert site.defects() == []


def test_a_collector_that_serves_deletes_by_itself_and_takes_uploads_meanwhile(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        site = server.site
        old, new = site.worker(FAILS), site.worker(PASSES)
        assert old.check().status_code == 201
        server.stop()
        age(site, old, 200 * DAY)
        server.start()
        assert new.check().status_code == 201
        wait_until(lambda: site.browse_database("SELECT name FROM person") == [PASSES.name])
        wait_until(lambda: site.browse_database("SELECT COUNT(*) FROM setting WHERE name = 'purged_at'") == [1])
        assert site.browse_database("SELECT name FROM person") == [PASSES.name]
        assert site.browse_database("SELECT COUNT(*) FROM setting WHERE name = 'purged_at'") == [1]
        assert new.check().status_code == 201


def age(site: Site, worker: Worker, by: timedelta) -> None:
    """Make everything of a person older, past the log (which says so: it is not asked here)."""
    with closing(sqlite3.connect(site.file)) as db, db:
        for table, columns in (
            ("person", ("created_at",)),
            ("invite", ("created_at", "expires_at")),
            ("device", ("enrolled_at",)),
            ("evidence", ("received_at",)),
        ):
            for column in columns:
                new = f"strftime('%Y-%m-%dT%H:%M:%fZ', {column}, '-{by.days} days')"
                owner = "id" if table == "person" else "person"
                db.execute(f"UPDATE {table} SET {column} = {new} WHERE {owner} = ?", (worker.subject,))


def test_at_the_command_line_a_dry_run_changes_nothing(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with opened(site.database) as db, transaction(db):
        db.execute("UPDATE person SET created_at = '2020-01-01T00:00:00.000Z'")
        db.execute("UPDATE invite SET expires_at = '2020-01-01T00:00:00.000Z'")
        db.execute("UPDATE device SET enrolled_at = '2020-01-01T00:00:00.000Z'")
        db.execute(
            "UPDATE evidence SET received_at = '2020-01-01T00:00:00.000Z' WHERE kid = (SELECT MIN(kid) FROM device)"
        )
    before = counts(site)

    def purge(*arguments: str) -> tuple[int, str]:
        found = homecheck(home, "collector", "--database", site.database.url, "purge", *arguments)
        return found.status, found.out

    status, out = purge("--expired", "--dry-run", "--output", "json")
    (said,) = json.loads(out)["programs"]
    assert (status, counts(site) == before) == (0, True)
    assert said["evidence"] > 0
    assert "would be deleted" in purge("--expired", "--dry-run")[1]
    assert "were deleted" in purge("--expired")[1]
    assert counts(site)["evidence"] == before["evidence"] - said["evidence"]
    assert "nothing is older" in purge("--expired")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("support",), ("--person", "Ada"), ("support", "--expired"), ("--expired", "--person", "Ada"),
        ("support", "--person", "Ada", "--dry-run", "--yes"),
    ],
)  # fmt: skip
def test_purge_wants_to_know_exactly_whom(site: Site, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    before = counts(site)
    home = Home.at(tmp_path / "home")
    assert homecheck(home, "collector", "--database", site.database.url, "purge", *arguments).status == 2
    assert counts(site) == before


def test_what_is_too_old_is_found_by_an_index(site: Site) -> None:
    catalogue = "sqlite_master" if isinstance(site.database, SqliteDatabase) else "pg_indexes"
    column = "name" if isinstance(site.database, SqliteDatabase) else "indexname"
    assert site.browse_database(f"SELECT {column} FROM {catalogue} WHERE {column} = 'evidence_by_age'") == [
        "evidence_by_age"
    ]

"""A whole month of checks goes at once: nothing of it is left, people stand by what is left, and the log verifies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from homecheck.appraisal import Verdict
from homecheck.clock import utc_now
from homecheck.collector import monthly
from homecheck.collector.store import dropped_month, events, months, roster
from homecheck.collector.store import monthly as store
from homecheck.collector.store.connection import Connection, one_moment
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.failures import NotStored
from homecheck.collector.store.postgres import PostgresDatabase
from homecheck.collector.store.roster import ORDERS, Filter
from homecheck.collector.store.scope import Scope
from homecheck.config import Home
from homecheck.errors import SetupError
from homecheck.standards.rfc_3339 import to_text
from tests.command_line import homecheck
from tests.live_collector import Site, in_thread
from tests.people import FAILS, PASSES
from tests.postgres import PostgresServer

MONTH = timedelta(days=31)  # lies in the next month, or the one after it


@dataclass
class House:
    """A collector whose people were checked in three months: Anna in each of them, Bo in the first only."""

    site: Site
    moments: tuple[datetime, datetime, datetime]

    @property
    def months(self) -> list[int]:
        """The numbers of the months."""
        return [one.year * 100 + one.month for one in self.moments]

    @property
    def now(self) -> datetime:
        """When all of them are over."""
        return self.moments[2] + MONTH

    def one(self, sql: str) -> Any:
        """Return the one value that a query has."""
        (found,) = self.site.browse_database(sql)
        return found

    def purge(self, month: int) -> monthly.Month:
        """Delete a month."""
        found = monthly.look(self.site.database, month)
        monthly.purge(self.site.database, found, "a test", self.now)
        return found

    def standing(self) -> dict[str, Any]:
        """Return how people stand, by name."""
        with opened(self.site.database) as db:
            rows = roster.people(db, Scope.everything(), Filter(), self.now, ORDERS["name"], limit=10)
        return {row.person.name: (row.verdict, row.received_at, row.failing_since, row.concerns) for row in rows}


@pytest.fixture
def house(tmp_path: Path, new_database: Callable[[Path], Database]) -> House:
    """On each of the engines in turn; nobody serves any more."""
    return house_on(new_database(tmp_path), tmp_path)


@pytest.fixture
def tables(tmp_path: Path, server: PostgresServer) -> House:
    """On PostgreSQL, where a month is a table."""
    return house_on(server.new_database(tmp_path), tmp_path)


def house_on(database: Database, folder: Path) -> House:
    """Have people checked in three months."""
    clock: list[datetime] = []  # it stands still for the checks alone: invitations are made by the time of day
    with in_thread(folder, clock=lambda: clock[-1] if clock else utc_now(), database=database) as site:
        anna, bo = site.worker(FAILS, "Anna"), site.worker(PASSES, "Bo")
        began = utc_now().replace(microsecond=0)
        moments = (began, began + MONTH, began + 2 * MONTH)
        for moment in moments:
            clock.append(moment)
            for worker in (anna, bo) if moment == began else (anna,):
                assert worker.upload(worker.evidence(worker.challenge(), now=moment)).status_code == 201
    return House(site, moments)


def test_a_month_goes_with_all_that_hangs_on_it_and_the_log_verifies(house: House) -> None:
    before = house.standing()
    found = house.purge(house.months[0])
    assert found.checks == {"support": 2}
    assert house.one("SELECT COUNT(*) FROM evidence") == 2
    for table in months.CHILDREN:
        assert house.one(f"SELECT COUNT(*) FROM {table} WHERE position NOT IN (SELECT position FROM evidence)") == 0
    assert house.site.defects() == []  # the numbers of the fleet page are among what it looks at
    after = house.standing()
    assert after["Bo"] == (None, None, None, ())  # nothing is left of him, as of somebody who was never checked
    verdict, received, _, concerns = before["Anna"]
    assert after["Anna"][:2] == (verdict, received)
    assert after["Anna"][3] == concerns
    assert house.one("SELECT COUNT(*) FROM device_latest") == 1


def test_events_tell_how_many_of_which_program_and_which_entries(house: House) -> None:
    positions = house.site.browse_database("SELECT position FROM evidence WHERE seq = 1 ORDER BY position")
    house.purge(house.months[0])
    with opened(house.site.database) as db:
        told = {event.kind: event for event in events.recent(db, limit=2)}
    month = store.written(house.months[0])
    assert told["month-purged"].about == month
    assert told["month-purged"].detail == f"all checks of {month}, 2 when it began"
    assert (told["month-purged"].program, told["month-purged"].actor) == ("support", "a test")
    assert told["erased"].about.replace("-", " ").split() == [str(one) for one in positions]


def test_whose_last_check_goes_stands_by_the_newest_that_is_left(house: House) -> None:
    house.purge(house.months[2])
    verdict, received, since, concerns = house.standing()["Anna"]
    assert (verdict, received, since) == (Verdict.FAIL, house.moments[1], house.moments[0])
    assert concerns
    newest = house.one("SELECT MAX(position) FROM evidence WHERE received_at > '" + to_text(house.moments[0]) + "'")
    assert newest in house.site.browse_database("SELECT position FROM device_latest")
    assert house.site.defects() == []


def test_the_months_before_go_first_where_too_many_would_stand_by_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monthly, "MOST_LOOKED_AT", 0)
    with pytest.raises(SetupError, match="1 people have their last check") as caught:
        monthly.look(house.site.database, house.months[2])
    assert "earlier months first" in caught.value.advice
    assert monthly.look(house.site.database, house.months[0]).total == 2


def test_where_it_goes_in_pieces_nothing_is_left_either(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PIECE", 1)
    monkeypatch.setattr(months, "there", lambda _: [])  # as for ids of odd clocks, which have no table of their own
    house.purge(house.months[0])
    assert house.one("SELECT COUNT(*) FROM evidence") == 2
    assert house.site.defects() == []


def test_a_month_without_checks_leaves_no_event(house: House) -> None:
    events_before = house.one("SELECT COUNT(*) FROM event")
    assert house.purge(200001).checks == {}
    assert house.one("SELECT COUNT(*) FROM event") == events_before


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "1969-12", "2026-1", "2026-011", "٢٠٢٦-01", "2026-01 "]
)
def test_what_is_no_month_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(SetupError, match="is no month"):
        monthly.read_month(text, datetime(2027, 1, 1, tzinfo=UTC))


def test_a_month_that_is_not_over_is_refused() -> None:
    now = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert monthly.read_month("2026-11", now) == 202611
    with pytest.raises(SetupError, match="2026-12 is not over"):
        monthly.read_month("2026-12", now)


def test_the_command_asks_first_and_a_dry_run_only_counts(house: House, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    old = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"  # 2022-02, by the example of RFC 9562
    with opened(house.site.database) as db, transaction(db):
        db.execute("UPDATE evidence SET id = ? WHERE seq = (SELECT MAX(seq) FROM evidence)", (old,))

    def purge(*arguments: str, answer: str = "") -> tuple[int, str]:
        address = ("collector", "--database", house.site.database.url, "purge")
        found = homecheck(home, *address, *arguments, typed=answer)
        return found.status, found.out

    status, out = purge("--month", "2022-02", "--dry-run", "--output", "json")
    assert (status, json.loads(out)) == (0, {"deleted": False, "month": "2022-02", "programs": {"support": 1}})
    assert purge("--month", "2022-02", answer="n\n")[0] == 1
    assert house.one("SELECT COUNT(*) FROM evidence") == 4
    status, out = purge("--month", "2022-02", "--yes")
    assert (status, out.splitlines()[0]) == (0, "1 checks of 2022-02 were deleted")
    assert house.one("SELECT COUNT(*) FROM evidence") == 3
    assert purge("--month", "9999-12", "--yes")[0] == 1


def test_a_purge_that_was_cut_off_after_the_drop_is_named_and_goes_on_when_it_is_given_again(
    tables: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody is left of a month but those whom lists still show by it, and the salts of its entries."""
    with monkeypatch.context() as patch:
        patch.setattr(monthly, "_finish", lambda db, month: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tables.purge(tables.months[0])
    assert tables.one("SELECT COUNT(*) FROM evidence") == 2
    assert "it was erased, and its salt is still there" in " ".join(tables.site.defects())
    assert tables.one("SELECT COUNT(*) FROM event WHERE kind = 'month-purged'") == 1
    tables.purge(tables.months[0])
    assert tables.standing()["Bo"] == (None, None, None, ())
    assert tables.site.defects() == []


def test_uploads_get_as_much_time_as_each_piece_took_of_people_and_of_keys(
    tables: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    monkeypatch.setattr(monthly, "time", SimpleNamespace(monotonic=time.monotonic, sleep=given.append))
    tables.purge(tables.months[0])  # by which Bo stands, and his key
    assert len(given) == 3  # his, his key's, and that of the look for what is no table
    assert all(0 < seconds < 60 for seconds in given)


def test_salts_go_on_another_connection_while_the_server_still_removes_the_files(tables: House) -> None:
    with opened(tables.site.database) as db:
        db.execute("CREATE TABLE seen (what text, pid integer)")
        for table, what in (("event", "INSERT"), ("log_entry", "UPDATE OF salt")):
            db.execute(
                f"CREATE FUNCTION see_{table}() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$BEGIN INSERT INTO seen VALUES ('{table}', pg_backend_pid()); RETURN NULL; END$$"
            )
            db.execute(f"CREATE TRIGGER see AFTER {what} ON {table} EXECUTE FUNCTION see_{table}()")
    tables.purge(tables.months[0])
    dropping = set(tables.site.browse_database("SELECT pid FROM seen WHERE what = 'event'"))
    with opened(tables.site.database) as db:
        first = db.execute("SELECT pid FROM seen WHERE what = 'log_entry' LIMIT 1").fetchone()[0]
    assert len(dropping) == 1
    assert first not in dropping
    assert tables.site.defects() == []


@dataclass(frozen=True)
class OneConnection(PostgresDatabase):
    """A database whose server gives a second connection to nobody; like one whose limit is reached."""

    opened: list[Connection] = field(default_factory=list)

    def open(self) -> Connection:
        """Return the one connection."""
        if self.opened:
            raise SetupError("too many connections", "Close some.")
        self.opened.append(super().open())
        return self.opened[0]


def test_without_a_second_connection_a_month_goes_as_well(tables: House) -> None:
    database = OneConnection(tables.site.database.url, tables.site.database.folder)
    found = monthly.look(tables.site.database, tables.months[0])
    monthly.purge(database, found, "a test", tables.now)
    assert len(database.opened) == 1
    assert tables.one("SELECT COUNT(*) FROM evidence") == 2
    assert tables.site.defects() == []


def test_a_server_that_ends_the_drop_before_its_commit_leaves_the_whole_month_and_every_salt(
    tables: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits behind it to destroy the salts finds no event, and touches nothing."""
    kept = tables.one("SELECT COUNT(*) FROM log_entry WHERE salt IS NOT NULL")
    begun = threading.Event()
    finishes: list[int] = []
    finish, behind = monthly._finish, monthly._finish_behind

    def waits(database: Database, month: int) -> None:
        begun.set()
        behind(database, month)

    def counted(db: Connection, month: int) -> None:
        finishes.append(month)
        finish(db, month)

    @contextmanager
    def killed(db: Connection) -> Iterator[None]:
        with transaction(db):
            yield
            if begun.wait(60):
                (pid,) = db.execute("SELECT pg_backend_pid()").fetchone()
                with opened(tables.site.database) as other:
                    other.execute("SELECT pg_terminate_backend(?)", (pid,))

    monkeypatch.setattr(monthly, "_finish_behind", waits)
    monkeypatch.setattr(monthly, "_finish", counted)
    monkeypatch.setattr(monthly, "transaction", lambda db: transaction(db) if begun.is_set() else killed(db))
    with pytest.raises(NotStored):
        tables.purge(tables.months[0])
    assert finishes == [tables.months[0]]  # behind it alone, and with nothing to do
    assert tables.one("SELECT COUNT(*) FROM evidence") == 4
    assert tables.one("SELECT COUNT(*) FROM log_entry WHERE salt IS NOT NULL") >= kept
    assert tables.site.defects() == []
    tables.purge(tables.months[0])
    assert tables.one("SELECT COUNT(*) FROM evidence") == 2
    assert tables.site.defects() == []


def test_a_month_that_has_changed_since_it_was_looked_at_is_not_dropped(tables: House) -> None:
    month = tables.months[0]
    with opened(tables.site.database) as db:
        seen = dropped_month.look(db, month)
        assert [last - first for first, last in seen.runs] == [1]  # both of them, one behind the other
        with transaction(db):
            db.execute(f"DELETE FROM evidence_{month} WHERE position = ?", (seen.runs[0][0],))
            assert not dropped_month.drop(db, seen, "a test", tables.now)
        assert months.there(db.execute)[0] == month


def test_nobody_waits_for_a_month_that_somebody_reads_and_it_is_dropped_afterwards(
    tables: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup may read for minutes: the log is let go of in between, so that uploads go on."""
    monkeypatch.setattr(monthly, "TRIES", 2)
    with opened(tables.site.database) as reading, one_moment(reading):
        assert reading.execute("SELECT COUNT(*) FROM evidence").fetchone()[0] == 4
        with pytest.raises(SetupError, match="are read without a pause") as caught:
            tables.purge(tables.months[0])
        assert "backup" in caught.value.advice
        assert tables.one("SELECT COUNT(*) FROM event WHERE kind = 'erased'") == 0
    tables.purge(tables.months[0])
    assert tables.one("SELECT COUNT(*) FROM evidence") == 2
    assert tables.site.defects() == []


def test_salts_go_some_at_a_time_and_a_long_run_is_parted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped_month, "SALTS_AT_ONCE", 2)
    size = house.one("SELECT size FROM log_state")
    assert size > 6
    with opened(house.site.database) as db:
        dropped_month.destroy_salts(db, [(0, 0), (2, 4)])
    gone = house.site.browse_database("SELECT position FROM log_entry WHERE salt IS NULL ORDER BY position")
    assert gone == [0, 2, 3, 4]


def test_only_what_stands_by_an_entry_of_the_runs_is_found(house: House) -> None:
    with opened(house.site.database) as db:
        last = dict(map(tuple, db.execute("SELECT name, latest FROM person").fetchall()))
        ids = dict(map(tuple, db.execute("SELECT name, id FROM person").fetchall()))
        anna, bo = last["Anna"], last["Bo"]
        assert bo < anna
        assert dropped_month.people_left(db, []) == []
        assert dropped_month.people_left(db, [(bo, bo)]) == [ids["Bo"]]
        assert dropped_month.people_left(db, [(bo - 1, bo - 1), (anna - 1, anna)]) == [ids["Anna"]]
        assert len(dropped_month.keys_left(db, [(bo - 1, anna + 1)])) == 2

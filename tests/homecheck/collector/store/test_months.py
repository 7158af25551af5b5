"""Evidence in tables by month: in PostgreSQL, with ids of clocks that are right, ahead, and beyond the calendar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.collector.store import evidence, months
from homecheck.collector.store.connection import Rows
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.failures import Rejected
from homecheck.collector.store.months import month_of
from tests.live_collector import Site, in_thread
from tests.people import FAILS
from tests.postgres import PostgresServer


@pytest.fixture(scope="module")
def site(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("months")
    with in_thread(folder, database=server.new_database(folder)) as running:
        yield running


def evidence_id(moment: datetime, tail: str = "7000-8000-000000000001") -> str:
    """Return a UUIDv7 as RFC 9562 5.7 lays it out."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-{tail}"


@pytest.mark.parametrize(
    ("id_", "month"),
    [
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 202202),  # the example of RFC 9562 A.6: 2022-02-22 19:22:22 UTC
        (evidence_id(datetime(2026, 11, 30, 23, 59, 59, 999000, UTC)), 202611),
        (evidence_id(datetime(2026, 12, 1, tzinfo=UTC)), 202612),
        ("00000000-0000-7000-8000-000000000000", 197001),
        ("ffffffff-ffff-7000-8000-000000000000", months.ODD),
    ],
)
def test_the_month_of_an_id_is_that_of_its_first_48_bits(id_: str, month: int) -> None:
    assert months.month_of(id_) == month


def test_ids_of_a_month_lie_between_its_bounds_and_december_is_followed_by_january() -> None:
    last, first = (evidence_id(datetime(2026, 12, 31, 23, 59, 59, 999000, UTC), "7fff-bfff-ffffffffffff"),
                   evidence_id(datetime(2027, 1, 1, tzinfo=UTC), "7000-8000-000000000000"))  # fmt: skip
    assert months.following(202612) == 202701
    assert months.first_id(202612) < last < months.first_id(202701) <= first


def test_the_month_of_today_and_two_more_have_tables_once_it_serves(site: Site) -> None:
    assert site.worker(FAILS, name="First").check().status_code == 201
    now = datetime.now(UTC)
    this = now.year * 100 + now.month
    with opened(site.database) as db:
        assert months.there(db.execute) == [this, months.following(this), months.following(months.following(this))]
        with transaction(db):
            db.make_months(now)  # a second time changes nothing
        assert len(months.there(db.execute)) == 3
    for table in ("evidence", *months.CHILDREN):
        assert site.browse_database(f"SELECT COUNT(*) > 0 FROM {table}_odd") == [False]
    assert site.browse_database(f"SELECT COUNT(*) > 0 FROM finding_{this}") == [True]


def test_evidence_of_a_clock_that_is_years_ahead_is_taken_and_moves_when_its_month_comes(site: Site) -> None:
    worker = site.worker(FAILS, name="Ahead")
    early = evidence_id(datetime(2031, 5, 6, tzinfo=UTC))
    sent = worker.evidence(worker.challenge(), id=early)
    assert worker.upload(sent).status_code == 201
    assert site.browse_database("SELECT id FROM evidence_odd") == [early]
    assert worker.ask("result").status_code == 200  # it is made when somebody asks
    with opened(site.database) as db, transaction(db):
        months.make(db.execute, 203105)
    assert site.browse_database("SELECT id FROM evidence_odd") == []
    assert site.browse_database("SELECT id FROM evidence_203105") == [early]
    assert site.browse_database("SELECT COUNT(*) > 0 FROM finding_203105") == [True]
    assert site.browse_database("SELECT COUNT(*) FROM result_203105") == [1]
    assert worker.upload(sent).status_code == 200  # known, wherever it lies
    assert site.defects() == []


def test_an_id_is_there_once_and_what_hangs_on_evidence_goes_with_it(site: Site) -> None:
    worker = site.worker(name="Gone")
    sent = worker.evidence(worker.challenge())
    assert worker.upload(sent).status_code == 201
    with opened(site.database) as db:
        copied = "INSERT INTO evidence SELECT * FROM evidence WHERE id = ?"
        with pytest.raises(Rejected, match="duplicate key"), transaction(db):
            db.execute(copied, (sent.id,))
        (position,) = db.execute("SELECT position FROM evidence WHERE id = ?", (sent.id,)).fetchone()
        with transaction(db):
            db.execute("DELETE FROM evidence WHERE id = ?", (sent.id,))
        for table in months.CHILDREN:
            sql = f"SELECT COUNT(*) FROM {table} WHERE position = ?"
            assert db.execute(sql, (position,)).fetchone()[0] == 0


def test_a_look_at_one_id_asks_one_month_only(site: Site) -> None:
    plan = site.browse_database(f"EXPLAIN SELECT digest FROM evidence WHERE id = '{evidence_id(datetime.now(UTC))}'")
    tables = [line for line in plan if "evidence_" in str(line) and "Scan" in str(line)]
    assert len(tables) == 1


def test_what_uploads_ask_of_known_evidence_touches_the_month_of_their_ids_only(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = datetime.now(UTC), []
    with opened(site.database) as db:
        plain = db.execute

        def listen(sql: str, values: Sequence[object] = ()) -> Rows:
            asked.append((sql, values))
            return plain(sql, values)

        monkeypatch.setattr(db, "execute", listen)
        new = evidence_id(now)
        assert evidence.ask_known(db, [new, new])() == ({}, {})
        ((sql, values),) = asked
        plan = " ".join(row[0] for row in plain(f"EXPLAIN {sql}", values))
    assert set(re.findall(r"evidence_(\d{6}|odd)", plan)) == {f"{month_of(new)}"}


def test_sqlite_takes_the_same_statements(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        assert site.worker(FAILS).check().status_code == 201
        now = datetime.now(UTC)
        assert set(site.browse_database("SELECT DISTINCT month FROM finding")) == {now.year * 100 + now.month}

"""How people stand follows from their checks, also where the first of them are gone; what does not follow is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.collector import administration, retention
from homecheck.collector.reappraisal import reappraise
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.retention import limit_told
from homecheck.policy import parse_policy
from tests.live_collector import PROGRAM, Site, in_thread
from tests.office import Clock
from tests.people import FAILS, PASSES, POLICY_TEXT, Worker

DAY = timedelta(days=1)


@pytest.fixture
def site(tmp_path: Path, new_database: Callable[[Path], Database]) -> Site:
    """Filip failed on the first day and on day 170, Petra passed twice; nobody serves any more."""
    clock = Clock()
    with in_thread(tmp_path, clock=clock, database=new_database(tmp_path)) as running:
        workers = [running.worker(FAILS), running.worker(PASSES)]
        for day in (0, 170):
            clock.ahead = day * DAY
            for worker in workers:
                sent(worker, clock())
    return running


def sent(worker: Worker, now: datetime) -> None:
    answer = worker.upload(worker.evidence(worker.challenge(), now=now))
    assert answer.status_code == 201, answer.text


def since(site: Site) -> list[object]:
    return site.browse_database(f"SELECT failing_since FROM person WHERE name = '{FAILS.name}'")


def edit(site: Site, sql: str) -> None:
    with opened(site.database) as db:
        assert db.execute(sql).rowcount > 0


def test_somebody_fails_since_a_check_that_retention_has_deleted(site: Site) -> None:
    before = since(site)
    assert site.defects() == []
    retention.purge(site.database, datetime.now(UTC) + 190 * DAY)
    assert since(site) == before
    assert site.browse_database("SELECT COUNT(*) FROM evidence") == [2]
    assert site.defects() == []
    edit(site, f"UPDATE person SET failing_since = failing_since + {100 * 86400} WHERE name = '{FAILS.name}'")
    (defect,) = site.defects()
    assert "failing_since" in defect
    edit(site, f"UPDATE person SET failing_since = 1 WHERE name = '{FAILS.name}'")
    assert site.defects() == []  # nothing that is still there can contradict it: docs/log.md says so
    edit(site, f"UPDATE person SET failing_since = 1 WHERE name = '{PASSES.name}'")
    (defect,) = site.defects()
    assert "what was signed says nothing" in defect


def test_another_policy_another_time_of_the_next_check_and_judging_again_are_no_defects(site: Site) -> None:
    later = datetime.now(UTC) + 171 * DAY
    shorter = parse_policy(POLICY_TEXT.replace('version = "3"', 'version = "4"\nrecheck = "7d"'), "shorter")
    administration.publish_policy(site.database, PROGRAM, shorter, "a test", later)
    assert site.defects() == []
    milder = parse_policy(
        POLICY_TEXT.replace("at_least = 10\nwarn_below = 25", "at_least = 1")
        .replace('"rf-dongle"]\nwarn_on', '"rf-dongle", "bluetooth"]\nwarn_on')
        .replace("must_be = true", ""),
        "milder",
    )
    administration.publish_policy(site.database, PROGRAM, milder, "a test", later)
    assert {one.after.word for one in reappraise(site.database, PROGRAM, "a test", later)} == {"inconclusive", "pass"}
    assert since(site) != [None]  # past checks that could not be decided
    assert site.defects() == []


def test_somebody_whose_checks_are_all_gone_stands_as_never_checked(site: Site) -> None:
    administration.invite(site.database, PROGRAM, FAILS.name, DAY, "a test", datetime.now(UTC) + 300 * DAY)
    retention.purge(site.database, datetime.now(UTC) + 360 * DAY)
    assert site.browse_database("SELECT name FROM person") == [FAILS.name]
    assert site.defects() == []
    edit(site, "UPDATE person SET rank = 3")
    (defect,) = site.defects()
    assert defect == "a check is shown, and none is there"


@pytest.mark.parametrize(
    ("detail", "limit"),
    [
        ("received before 1970-01-02T00:00:00.000Z: 3 checks", 86_400),
        ("all about one person: 3 entries", None),
        ("received before yesterday: 3 checks", None),
        ("", None),
    ],
)
def test_an_erasure_tells_before_when_checks_were_deleted(detail: str, limit: int | None) -> None:
    assert limit_told(detail) == limit

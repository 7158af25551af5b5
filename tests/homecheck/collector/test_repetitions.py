"""The first events that are alike are stored one by one; the others are counted, and told from time to time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import erasing
from homecheck.collector.repetitions import tell
from homecheck.collector.store import events, repeated
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import MOST_ALIKE, Event
from homecheck.collector.store.sqlite import SqliteDatabase
from tests.live_collector import PROGRAM, Site, in_thread, wait_until
from tests.office import Clock

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def db(tmp_path: Path, new_database: Callable[[Path], Database]) -> Iterator[Connection]:
    """An empty log, on each of the engines in turn."""
    database = new_database(tmp_path)
    if isinstance(database, SqliteDatabase):
        with closing(database.create()) as connection:
            yield connection
    else:
        database.create().close()
        with opened(database) as connection:
            yield connection


def failed(db: Connection, *times: datetime, about: str = "bo") -> None:
    with transaction(db):
        for at in times:
            events.add(db, Event(at, "sign-in-failed", True, about, "203.0.113.9", about, ""))


def tick(db: Connection, now: datetime) -> None:
    for one in repeated.due(db, now):
        with transaction(db):
            tell(db, one, now)


def told(db: Connection, about: str = "bo") -> list[str]:
    """Return what events say, the oldest first."""
    return [one.detail for one in reversed(events.recent(db, limit=1000)) if one.about == about]


def test_five_hundred_attempts_are_twenty_events_and_one_that_counts_the_rest(db: Connection) -> None:
    failed(db, *(NOW + number * SECOND / 10 for number in range(500)))
    tick(db, NOW + 50 * SECOND)
    assert told(db) == [""] * 20
    tick(db, NOW + 63 * SECOND)
    assert told(db)[20:] == ["and 480 more, 2026-11-26T08:00:02.000Z to 2026-11-26T08:00:49.900Z"]
    last = events.recent(db, limit=1)[0]
    assert (last.security, last.actor, last.source_address, last.kind) == (True, "bo", "203.0.113.9", "sign-in-failed")


def test_what_goes_on_for_a_year_is_told_less_and_less_often_and_every_attempt_is_in_the_sum(db: Connection) -> None:
    attempts = 0
    for day in range(40):
        failed(db, *[NOW + day * timedelta(days=1)] * 30)
        attempts += 30
        for minute in (1, 2, 3, 5, 9, 700, 1400):
            tick(db, NOW + timedelta(days=day, minutes=minute, seconds=5))
    tick(db, NOW + timedelta(days=60))
    counted = [int(detail.split()[1]) for detail in told(db) if detail]
    assert MOST_ALIKE + sum(counted) == attempts
    assert len(counted) < 45  # about one a day


def test_the_wait_doubles_up_to_a_day_and_begins_anew_after_silence(db: Connection) -> None:
    failed(db, *[NOW] * 21)
    at, waits = NOW, []
    for _ in range(14):
        assert len(repeated.due(db, at + timedelta(days=2))) == 1
        due = datetime.fromisoformat(str(db.execute("SELECT due FROM repeated").fetchone()[0]))
        waits.append(int((due - at).total_seconds()))
        assert repeated.due(db, due - SECOND) == []
        tick(db, due)
        at = due
        failed(db, at)
    assert waits == [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400, 86400, 86400]
    tick(db, at + timedelta(days=1))
    tick(db, at + timedelta(days=2))  # nothing came since
    assert db.execute("SELECT COUNT(*) FROM repeated").fetchone()[0] == 0
    failed(db, at + timedelta(days=3))
    tick(db, at + timedelta(days=3) + MINUTE)
    assert told(db)[-1].startswith("and 1 more, ")


def test_two_who_tell_at_the_same_time_tell_it_once_and_what_came_between_is_not_lost(db: Connection) -> None:
    failed(db, *[NOW] * 23)
    (seen,) = repeated.due(db, NOW + MINUTE)
    failed(db, NOW + MINUTE)  # between looking and telling
    for _ in range(2):
        with transaction(db):
            tell(db, seen, NOW + MINUTE)
    tick(db, NOW + MINUTE)
    assert [one.split(",")[0] for one in told(db)[20:]] == ["and 4 more"]


def test_each_thing_is_counted_by_itself(db: Connection) -> None:
    for about, number in (("bo", 25), ("cy", 30)):
        failed(db, *[NOW] * number, about=about)
    tick(db, NOW + MINUTE)
    assert told(db, "bo")[20].startswith("and 5 more, ")
    assert told(db, "cy")[20].startswith("and 10 more, ")


def guess(site: Site) -> int:
    form = {"name": "bo", "password": "wrong and long enough", "code": ""}
    headers = {"Origin": site.url, "Accept": "text/html"}
    return requests.post(f"{site.url}/sign-in", data=form, headers=headers, timeout=20).status_code


def test_a_collector_that_serves_tells_of_guesses_that_were_not_looked_at_and_its_log_verifies(tmp_path: Path) -> None:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        site.browse("bo", "viewer")
        for number in range(35):
            assert guess(site) == (403 if number < 5 else 429), number
        kinds = "SELECT COUNT(*) FROM event WHERE kind = '{}'"
        assert site.browse_database(kinds.format("sign-in-failed")) == [5]
        assert site.browse_database(kinds.format("sign-in-slowed")) == [20]
        clock.ahead = 2 * MINUTE
        wait_until(lambda: site.browse_database(kinds.format("sign-in-slowed")) == [21])
        detail = "SELECT detail FROM event WHERE kind = 'sign-in-slowed' ORDER BY id DESC LIMIT 1"
        assert str(site.browse_database(detail)[0]).startswith("and 10 more, ")
        assert site.defects() == []


def test_what_is_counted_about_a_person_goes_with_them(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker = site.worker()
        evidence = worker.evidence(worker.challenge())
        assert worker.upload(evidence).status_code == 201
        with opened(site.database) as db:
            (person,) = (row[0] for row in db.execute("SELECT id FROM person"))
            for _ in range(22):
                with transaction(db):
                    one = Event(NOW, "id-conflict", True, "kid", "203.0.113.9", "sha256:x", "", PROGRAM, person)
                    events.add(db, one)
        assert site.browse_database("SELECT number FROM repeated") == [2]
        erasing.erase_person(site.database, PROGRAM, worker.character.name, "ada", datetime.now(UTC))
        assert site.browse_database("SELECT COUNT(*) FROM repeated") == [0]
        assert site.defects() == []

"""How many guesses count, by account, by address and by both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.collector import guessing
from homecheck.collector.problems import Problem
from homecheck.collector.store import events
from homecheck.collector.store.database import Connection, Database
from homecheck.collector.store.events import Event
from homecheck.collector.store.sqlite import SqliteDatabase

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    with closing(SqliteDatabase(tmp_path / "file.db").create()) as connection:
        yield connection


def tries(db: Connection, number: int, name: str, address: str, now: datetime = NOW) -> int:
    """Return how many of some guesses were let through."""
    passed = 0
    for at in range(number):
        try:
            guessing.count(db, name.format(at), address.format(at), now)
            passed += 1
        except Problem as problem:
            if problem.reason != "guessing":
                raise
    return passed


def test_one_address_tries_an_account_five_times_in_a_quarter_of_an_hour(db: Connection) -> None:
    assert tries(db, 9, "bo", "203.0.113.9") == 5
    assert tries(db, 9, "bo", "203.0.113.9", NOW + timedelta(minutes=14)) == 0
    assert tries(db, 9, "bo", "203.0.113.9", NOW + timedelta(minutes=16)) == 5


def test_one_address_tries_fifty_times_whatever_the_accounts(db: Connection) -> None:
    assert tries(db, 70, "user{}", "203.0.113.9") == 50


def test_many_addresses_try_an_account_thirty_times_an_hour_and_its_owner_still_may(db: Connection) -> None:
    events.add(db, Event(NOW, "signed-in", False, "bo", "198.51.100.7", "bo", ""))
    assert tries(db, 60, "bo", "203.0.113.{}") == 30
    assert tries(db, 1, "bo", "198.51.100.7") == 1
    assert tries(db, 1, "cy", "203.0.113.99") == 1  # another account


def test_one_ipv6_network_is_one_guesser(db: Connection) -> None:
    assert tries(db, 20, "bo", "2001:db8:0:1::{:x}") == 5
    assert tries(db, 1, "bo", "2001:db8:0:2::1") == 1


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_guesser_is_an_address_or_a_network(address: str, expected: str) -> None:
    assert guessing.network(address) == expected


def test_the_owner_who_comes_begins_anew(db: Connection) -> None:
    assert tries(db, 4, "bo", "203.0.113.9") == 4
    guessing.forget(db, "bo", "203.0.113.9")
    assert tries(db, 9, "bo", "203.0.113.9") == 5


def test_both_engines_count_alike(tmp_path: Path, new_database: Callable[[Path], Database]) -> None:
    with closing(new_database(tmp_path).create()) as connection:
        assert tries(connection, 7, "bo", "203.0.113.9") == 5
        guessing.forget(connection, "bo", "203.0.113.9")
        assert tries(connection, 60, "bo", "198.51.100.{}") == 30

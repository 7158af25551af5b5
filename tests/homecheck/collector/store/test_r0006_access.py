"""Roles, passwords and tokens: the tables go down and up with data in them, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from homecheck.clock import utc_now
from homecheck.collector import administration, setup, tokens
from homecheck.collector.store import migrations, users
from homecheck.collector.store.database import Database, opened
from homecheck.policy import parse_policy
from tests.people import POLICY_TEXT


def test_whoever_has_a_role_everywhere_survives_the_way_down_and_up(
    tmp_path: Path, new_database: Callable[[Path], Database]
) -> None:
    database, now = new_database(tmp_path), utc_now()
    setup.create(database, "Example Inc.", "https://collector.example.com", now)
    policy = parse_policy(POLICY_TEXT, "t")
    administration.add_program(database, "support", "Support", "P", 90, policy, "a test", now)
    administration.add_user(database, "bo", "viewer", "a test", now)
    administration.set_role(database, "bo", "support", "admin", "a test", now)
    administration.add_user(database, "cy", "viewer", "a test", now, "support")
    tokens.add_at_command_line(database, "bo", "t", ["read"], "support", timedelta(days=1), "a test")
    migrations.move(database, "0005")
    with opened(database) as db:  # which brings it up again
        assert {user.name: user.roles for user in users.every(db)} == {"admin": {"": "admin"}, "bo": {"": "viewer"}}
        (events,) = db.execute("SELECT COUNT(*) FROM event").fetchone()
        assert events == 6

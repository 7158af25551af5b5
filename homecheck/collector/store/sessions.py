"""Sessions of the dashboard: whose, since when, from where, and when they were used last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.collector.store.people import secret_hash
from homecheck.standards.rfc_3339 import from_text, to_text

Method = Literal["link", "password", "oidc"]
IDLE: Final = timedelta(hours=2)  # a session that nobody uses ends
ID: Final = re.compile("[0-9a-f]{16}")
SHOWN: Final = 16  # hexadecimal digits of the hash that name a session: enough to tell them apart, none of its secret


@dataclass(frozen=True)
class Session:
    """One session. Its secret is in the browser alone; `id` is the beginning of its hash."""

    id: str
    user: str
    method: Method
    source_address: str
    started_at: datetime
    seen_at: datetime
    expires_at: datetime


def add(db: Connection, secret: str, one: Session) -> None:
    """Store a new session, and forget those that are over."""
    db.execute("DELETE FROM session WHERE expires_at <= ?", (to_text(one.started_at),))
    db.execute(
        'INSERT INTO session (token_sha256, "user", method, source_address, started_at, seen_at, expires_at)'
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            secret_hash(secret), one.user, one.method, one.source_address, to_text(one.started_at),
            to_text(one.seen_at), to_text(one.expires_at),
        ),
    )  # fmt: skip


def named(secret: str) -> str:
    """Return the id of the session with this secret."""
    return secret_hash(secret)[:SHOWN]


def find(db: Connection, secret: str, now: datetime) -> Session | None:
    """Return the session, or None when it is unknown or over."""
    sql = "SELECT * FROM session WHERE token_sha256 = ? AND expires_at > ? AND seen_at > ?"
    row = one_or_none(db, sql, secret_hash(secret), to_text(now), to_text(now - IDLE))
    return None if row is None else _session(row)


def of_user(db: Connection, name: str, now: datetime) -> list[Session]:
    """Return the sessions of a user that are not over, the newest first."""
    sql = 'SELECT * FROM session WHERE "user" = ? AND expires_at > ? AND seen_at > ? ORDER BY started_at DESC'
    return [_session(row) for row in db.execute(sql, (name, to_text(now), to_text(now - IDLE)))]


def open_by_user(db: Connection, now: datetime) -> dict[str, int]:
    """Return how many sessions of each user are not over."""
    sql = 'SELECT "user", COUNT(*) AS number FROM session WHERE expires_at > ? AND seen_at > ? GROUP BY "user"'
    return {row["user"]: int(row["number"]) for row in db.execute(sql, (to_text(now), to_text(now - IDLE)))}


def touch(db: Connection, secret: str, now: datetime) -> None:
    """Note that a session is in use."""
    db.execute("UPDATE session SET seen_at = ? WHERE token_sha256 = ?", (to_text(now), secret_hash(secret)))


def end(db: Connection, secret: str) -> Session | None:
    """End the session with this secret and return it."""
    row = one_or_none(db, "SELECT * FROM session WHERE token_sha256 = ?", secret_hash(secret))
    db.execute("DELETE FROM session WHERE token_sha256 = ?", (secret_hash(secret),))
    return None if row is None else _session(row)


def end_named(db: Connection, user: str, session_id: str) -> bool:
    """End a user's session by its id; tell whether there was one."""
    sql = 'DELETE FROM session WHERE "user" = ? AND token_sha256 LIKE ?'
    return db.execute(sql, (user, _beginning(session_id))).rowcount > 0


def end_others(db: Connection, user: str, kept: str) -> int:
    """End all of a user's sessions but the one with this id (empty: all), and return how many that were."""
    sql = 'DELETE FROM session WHERE "user" = ? AND token_sha256 NOT LIKE ?'
    return db.execute(sql, (user, _beginning(kept))).rowcount


def _beginning(session_id: str) -> str:
    """Return the pattern of a session's hash; what is no id is that of none."""
    return f"{session_id}%" if ID.fullmatch(session_id) else "none"


def _session(row: Row) -> Session:
    return Session(
        row["token_sha256"][:SHOWN],
        row["user"],
        cast(Method, row["method"]),
        row["source_address"],
        from_text(row["started_at"]),
        from_text(row["seen_at"]),
        from_text(row["expires_at"]),
    )

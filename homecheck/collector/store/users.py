"""Who may look at the dashboard: users with one role each, single-use sign-in links, and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from homecheck.collector.store.database import Connection, one_or_none
from homecheck.collector.store.people import secret_hash
from homecheck.errors import SetupError
from homecheck.standards.rfc_3339 import to_text

Role = Literal["viewer", "reviewer", "admin", "auditor"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "reviewer", "admin", "auditor")


@dataclass(frozen=True)
class User:
    """Somebody who may sign in."""

    name: str
    role: Role


def add(db: Connection, user: User, now: datetime) -> None:
    """Store a new user. SetupError when the name is taken."""
    if find(db, user.name):
        raise SetupError(
            f"the user {user.name!r} exists already", f"Let them sign in: homecheck collector user link {user.name}"
        )
    db.execute("INSERT INTO user (name, role, created_at) VALUES (?, ?, ?)", (user.name, user.role, to_text(now)))


def find(db: Connection, name: str) -> User | None:
    """Return the user, or None."""
    row = one_or_none(db, "SELECT name, role FROM user WHERE name = ?", name)
    return None if row is None else User(row["name"], cast(Role, row["role"]))


def every(db: Connection) -> list[User]:
    """Return all users by name."""
    rows = db.execute("SELECT name, role FROM user ORDER BY name")
    return [User(row["name"], cast(Role, row["role"])) for row in rows]


def remove(db: Connection, name: str) -> bool:
    """Forget a user with their links and sessions; tell whether there was one."""
    return db.execute("DELETE FROM user WHERE name = ?", (name,)).rowcount > 0


def add_link(db: Connection, token: str, user: str, expires_at: datetime) -> None:
    """Store a sign-in link."""
    db.execute("INSERT INTO sign_in_link VALUES (?, ?, ?)", (secret_hash(token), user, to_text(expires_at)))


def link_owner(db: Connection, token: str, now: datetime) -> User | None:
    """Return whom an unused sign-in link would sign in, without using it."""
    row = one_or_none(
        db,
        "SELECT user.name, user.role FROM sign_in_link JOIN user ON user.name = sign_in_link.user"
        " WHERE token_sha256 = ? AND expires_at > ?",
        secret_hash(token),
        to_text(now),
    )
    return None if row is None else User(row["name"], cast(Role, row["role"]))


def use_link(db: Connection, token: str, session: str, now: datetime, expires_at: datetime) -> User | None:
    """Turn a sign-in link into a session; None when it is unknown, used or too old."""
    user = link_owner(db, token, now)
    db.execute("DELETE FROM sign_in_link WHERE token_sha256 = ? OR expires_at <= ?", (secret_hash(token), to_text(now)))
    if user is not None:
        db.execute("DELETE FROM session WHERE expires_at <= ?", (to_text(now),))
        db.execute("INSERT INTO session VALUES (?, ?, ?)", (secret_hash(session), user.name, to_text(expires_at)))
    return user


def session_owner(db: Connection, session: str, now: datetime) -> User | None:
    """Return whose session this is, or None."""
    row = one_or_none(
        db,
        "SELECT user.name, user.role FROM session JOIN user ON user.name = session.user"
        " WHERE token_sha256 = ? AND expires_at > ?",
        secret_hash(session),
        to_text(now),
    )
    return None if row is None else User(row["name"], cast(Role, row["role"]))


def end_session(db: Connection, session: str) -> None:
    """Sign out."""
    db.execute("DELETE FROM session WHERE token_sha256 = ?", (secret_hash(session),))

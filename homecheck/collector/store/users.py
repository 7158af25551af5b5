"""Who may look at the dashboard: users with a role in every program or in some, and single-use sign-in links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from homecheck.collector.store.database import Connection, one_or_none
from homecheck.collector.store.people import secret_hash
from homecheck.errors import SetupError
from homecheck.listed import listed
from homecheck.standards.rfc_3339 import to_text

Role = Literal["viewer", "reviewer", "admin", "auditor"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "reviewer", "admin", "auditor")
EVERYWHERE: Final = ""  # in the place of a program's id: in every program


@dataclass(frozen=True)
class User:
    """Somebody who may sign in. `roles` has one role for each program, and one for EVERYWHERE.

    `token` is the id of the API token that speaks for them, `scopes` what it may at most (None: all that they may), and
    `only` the one program that it reaches (empty: all of theirs).
    """

    name: str
    roles: Mapping[str, Role]
    token: str = ""
    scopes: frozenset[str] | None = None
    only: str = EVERYWHERE

    @property
    def of_programs(self) -> dict[str, Role]:
        """The roles that count in single programs."""
        return {place: role for place, role in self.roles.items() if place != EVERYWHERE}

    @property
    def words(self) -> str:
        """The roles as people read them."""
        found = [role if place == EVERYWHERE else f"{role} of {place}" for place, role in sorted(self.roles.items())]
        return ", ".join(found) or "no role"


def add(db: Connection, user: User, now: datetime) -> None:
    """Store a new user. SetupError when the name is taken."""
    if find(db, user.name):
        raise SetupError(
            f"the user {user.name!r} exists already", f"Let them sign in: homecheck collector user link {user.name}"
        )
    everywhere = user.roles.get(EVERYWHERE, "")
    db.execute('INSERT INTO "user" (name, role, created_at) VALUES (?, ?, ?)', (user.name, everywhere, to_text(now)))
    for program, role in user.roles.items():
        set_role(db, user.name, program, role)


def set_role(db: Connection, name: str, program: str, role: Role | None) -> None:
    """Give a user a role in a program or EVERYWHERE; None takes it away."""
    if program == EVERYWHERE:
        db.execute('UPDATE "user" SET role = ? WHERE name = ?', (role or "", name))
        return
    db.execute("DELETE FROM user_role WHERE account = ? AND program = ?", (name, program))
    if role is not None:
        db.execute("INSERT INTO user_role (account, program, role) VALUES (?, ?, ?)", (name, program, role))


def find(db: Connection, name: str) -> User | None:
    """Return the user, or None."""
    row = one_or_none(db, 'SELECT role FROM "user" WHERE name = ?', name)
    if row is None:
        return None
    roles = {EVERYWHERE: cast(Role, row["role"])} if row["role"] else {}
    for one in db.execute("SELECT program, role FROM user_role WHERE account = ?", (name,)):
        roles[one["program"]] = cast(Role, one["role"])
    return User(name, roles)


def get(db: Connection, name: str) -> User:
    """Return the user. SetupError names those that there are."""
    found = find(db, name)
    if found is None:
        names = listed([one.name for one in every(db)])
        raise SetupError(f"there is no user {name!r:.60}; there are: {names}", "See: homecheck collector user add")
    return found


def every(db: Connection) -> list[User]:
    """Return all users by name."""
    rows = db.execute('SELECT name, role FROM "user" ORDER BY name').fetchall()
    roles = {row["name"]: {EVERYWHERE: cast(Role, row["role"])} if row["role"] else {} for row in rows}
    for row in db.execute("SELECT account, program, role FROM user_role ORDER BY account, program").fetchall():
        roles.get(row["account"], {})[row["program"]] = cast(Role, row["role"])
    return [User(name, of_user) for name, of_user in roles.items()]


def remove(db: Connection, name: str) -> bool:
    """Forget a user with their links, sessions, password and tokens; tell whether there was one."""
    return db.execute('DELETE FROM "user" WHERE name = ?', (name,)).rowcount > 0


def add_link(db: Connection, token: str, user: str, expires_at: datetime) -> None:
    """Store a sign-in link."""
    db.execute("INSERT INTO sign_in_link VALUES (?, ?, ?)", (secret_hash(token), user, to_text(expires_at)))


def link_owner(db: Connection, token: str, now: datetime) -> User | None:
    """Return whom an unused sign-in link would sign in, without using it."""
    sql = 'SELECT "user" FROM sign_in_link WHERE token_sha256 = ? AND expires_at > ?'
    row = one_or_none(db, sql, secret_hash(token), to_text(now))
    return None if row is None else find(db, row["user"])


def use_link(db: Connection, token: str, now: datetime) -> User | None:
    """Use a sign-in link up and return whose it was; None when it is unknown, used or too old."""
    user = link_owner(db, token, now)
    db.execute("DELETE FROM sign_in_link WHERE token_sha256 = ? OR expires_at <= ?", (secret_hash(token), to_text(now)))
    return user

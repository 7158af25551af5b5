"""Users of the dashboard added, given other roles and removed, each with its event, inside a transaction.

Who does it through the API gives no right that they have not themselves, and leaves their own account alone: so
somebody with every right is always left, and a token that reaches less than its owner cannot make itself a way out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from homecheck.collector import etags, setup
from homecheck.collector.problems import Problem
from homecheck.collector.rights import RIGHTS, may
from homecheck.collector.store import events, programs, sessions, users
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.users import EVERYWHERE, Role, User
from homecheck.errors import SetupError

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


def add(db: Connection, user: User, *, by: By, now: datetime) -> None:
    """Add a user with their roles. SetupError when the name is taken, or a program is unknown."""
    for program in user.of_programs:
        programs.get(db, program)
    users.add(db, user, now)
    places = list(user.roles)
    alone = places[0] if len(places) == 1 else EVERYWHERE
    events.note(db, now, "user-added", by, user.name, f"role {user.words}", program=alone or None, after=user.words)


def add_with_link(db: Connection, user: User, *, by: By, now: datetime) -> str:
    """Add a user and return the secret of a link with which they sign in, once. Problem when the name is taken."""
    check_name(user.name)
    if users.find(db, user.name) is not None:
        raise Problem("exists", f"there is a user {user.name!r:.110} already")
    add(db, user, by=by, now=now)
    events.note(db, now, "sign-in-link", by, user.name)
    return setup.sign_in_token(db, user.name, setup.FIRST_LINK_LIFE, now)


def set_role(db: Connection, name: str, program: str, role: Role | None, *, by: By, now: datetime) -> User:
    """Give a user another role in a program or EVERYWHERE (None: none), and return what they are then."""
    if program != EVERYWHERE:
        programs.get(db, program)
    before = users.get(db, name)
    users.set_role(db, name, program, role)
    after = users.get(db, name)
    if after != before:
        said = {"before": before.words, "after": after.words}
        events.note(db, now, "role-changed", by, name, program=program or None, **said)
    return after


def set_roles(db: Connection, name: str, roles: Mapping[str, Role], *, by: By, now: datetime) -> User:
    """Give a user exactly these roles; each place that changes has its event. SetupError for an unknown program.

    Without any they are locked: nothing is left to see or to do, and their sessions end.
    """
    before = users.get(db, name)
    for place in sorted({*before.roles, *roles}):
        if before.roles.get(place) != roles.get(place):
            set_role(db, name, place, roles.get(place), by=by, now=now)
    if not roles:
        end_sessions(db, name, by=by, now=now)
    return users.get(db, name)


def lock(db: Connection, name: str, *, by: By, now: datetime) -> None:
    """Take all roles of a user away. They are unlocked with another role."""
    set_roles(db, name, {}, by=by, now=now)


def end_sessions(db: Connection, name: str, session_id: str = "", *, kept: str = "", by: By, now: datetime) -> int:
    """End one session of a user (empty: all but `kept`), and return how many that were."""
    ended = sessions.end_named(db, name, session_id) if session_id else sessions.end_others(db, name, kept)
    if ended:
        events.note(db, now, "session-ended", by, name, f"{ended:d} ended")
    return int(ended)


def remove(db: Connection, name: str, *, by: By, now: datetime) -> None:
    """Remove a user; their sessions and tokens end. SetupError when there is none."""
    before = users.get(db, name).words
    users.remove(db, name)
    events.note(db, now, "user-removed", by, name, before=before)


def members(user: User) -> dict[str, Any]:
    """Return what a change of somebody's roles is made from; two states never look alike."""
    return {"name": user.name, "everywhere": user.roles.get(EVERYWHERE), "programs": user.of_programs}


def tag(user: User) -> str:
    """Return the entity tag of a user's roles."""
    return etags.etag(members(user))


def check_name(name: str) -> None:
    """SetupError for what is no name of a user."""
    if not NAME.fullmatch(name):
        raise SetupError(f"{name!r:.60} is no name of a user", "Letters, digits and . _ @ -, at most 100.")


def check_reach(caller: User, roles: Mapping[str, Role]) -> None:
    """Raise Problem unless the caller has every right that these roles give, where they give it."""
    for place, role in roles.items():
        for right in sorted(RIGHTS[role], key=lambda one: one.value):
            if not may(caller, right, place):
                raise Problem("beyond-reach", f"the role {role} gives the right {right.value!r}, which you have not")


def check_other(caller: User, name: str) -> None:
    """Raise Problem when the caller would change their own account."""
    if caller.name == name:
        raise Problem("own-account", f"{name} is who asks")

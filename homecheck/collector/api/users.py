"""Users of the dashboard and their roles."""

from __future__ import annotations

from typing import Final, cast

from homecheck.collector import etags, setup, user_changes
from homecheck.collector.api.operation import (
    TEXT,
    Call,
    Json,
    Operation,
    Parameter,
    Reply,
    at,
    lists,
    moment,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right
from homecheck.collector.store import users
from homecheck.collector.store.database import Connection
from homecheck.collector.store.users import EVERYWHERE, ROLES, Role, User
from homecheck.collector.user_changes import members, tag

MOST_PROGRAMS: Final = 100  # single ones in which a user has a role
_NAME: Final = text(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$", 100)
_ROLE: Final = {"type": "string", "enum": list(ROLES)}
_USER: Final = objects(
    name=TEXT, everywhere=nullable(_ROLE), programs={"type": "object", "additionalProperties": _ROLE}
)
_ROLES: Final = {
    "everywhere": {**nullable(_ROLE), "description": "The role in every program; null: none."},
    "programs": {
        "type": "object", "additionalProperties": _ROLE, "maxProperties": MOST_PROGRAMS,
        "description": "Roles in single programs.",
    },
}  # fmt: skip
_ONE: Final = Parameter("name", "path", "The name of a user.", _NAME)


def list_users(call: Call) -> Json:
    """List the users with their roles."""
    return {"users": [members(one) for one in users.every(call.db)]}


def add_user(call: Call) -> Reply:
    """Add a user and return a link with which they sign in, once."""
    body, by, now = call.body, call.by, call.now
    name, roles = body.text("name", max_length=100), _roles(call)
    body.done()
    user_changes.check_reach(call.user, roles)
    user = User(name, roles)

    token = call.write(lambda db: user_changes.add_with_link(db, user, by=by, now=now))
    address = f"{call.collector.url}{setup.SIGN_IN_PATH}{token}"
    ends = at(now + setup.FIRST_LINK_LIFE)
    return Reply({**members(user), "sign_in": address, "sign_in_until": ends}, etag=tag(user))


def show_user(call: Call) -> Reply:
    """Show one user with their roles."""
    found = _seen(call)
    return Reply(members(found), etag=tag(found))


def change_roles(call: Call) -> Reply:
    """Give a user exactly these roles; without any they may do nothing more: sessions end, tokens are refused."""
    found, by, now = _seen(call), call.by, call.now
    roles = _roles(call)
    call.body.done()
    user_changes.check_other(call.user, found.name)
    user_changes.check_reach(call.user, roles)

    def work(db: Connection) -> User:
        etags.check(call.if_match, tag(users.get(db, found.name)))
        return user_changes.set_roles(db, found.name, roles, by=by, now=now)

    changed = call.write(work)
    return Reply(members(changed), etag=tag(changed))


def remove_user(call: Call) -> Json:
    """Remove a user; their sessions and tokens end at once."""
    found, by, now = _seen(call), call.by, call.now
    user_changes.check_other(call.user, found.name)
    call.write(lambda db: user_changes.remove(db, found.name, by=by, now=now))
    return {}


def _seen(call: Call) -> User:
    found = users.find(call.db, call.path["name"])
    if found is None:
        raise Problem("not-found", "there is no such user here")
    return found


def _roles(call: Call) -> dict[str, Role]:
    """Return the roles of a body. Problem for a role that there is none of."""
    body = call.body
    everywhere = body.text_or_none("everywhere", max_length=20) if body.has("everywhere") else None
    found = {EVERYWHERE: everywhere} if everywhere is not None else {}
    if body.has("programs"):
        of_programs = body.record("programs")
        if of_programs.has(EVERYWHERE):
            raise Problem("bad-request", "programs: a program has a name")
        found |= {name: of_programs.text(name, max_length=20) for name in of_programs.names()}
    if len(found) > MOST_PROGRAMS + 1:
        raise Problem("bad-request", f"programs: {len(found)} are more than {MOST_PROGRAMS}")
    for place, role in found.items():
        if role not in ROLES:
            raise Problem("bad-request", f"{place or 'everywhere'}: {role!r:.30} is no role")
    return cast("dict[str, Role]", found)


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/users", "listUsers", "Users of the dashboard with their roles", Right.ADMINISTER, list_users,
        objects(users=lists(_USER)), everywhere=True,
    ),
    Operation(
        "POST", "/v1/admin/users", "addUser", "Add a user; answers with a link to sign in, once, within 24 hours",
        Right.ADMINISTER, add_user,
        objects(**_USER["properties"], sign_in={"type": "string", "format": "uri"}, sign_in_until=moment()),
        body=takes({"name": _NAME}, _ROLES), status=201, everywhere=True, tagged=True,
        refusals=("beyond-reach", "exists"), example={"name": "bo@example.com", "programs": {"support": "reviewer"}},
    ),
    Operation(
        "GET", "/v1/admin/users/{name}", "showUser", "One user with their roles", Right.ADMINISTER, show_user, _USER,
        (_ONE,), everywhere=True, tagged=True, refusals=("not-found",),
    ),
    Operation(
        "PUT", "/v1/admin/users/{name}", "changeRoles",
        "Give a user exactly these roles. Without any the account is locked: sessions end, tokens are refused",
        Right.ADMINISTER, change_roles, _USER, (_ONE,), body=takes({}, _ROLES), everywhere=True, tagged=True,
        conditional=True, refusals=("not-found", "beyond-reach", "own-account"),
        example={"everywhere": None, "programs": {"support": "admin"}},
    ),
    Operation(
        "DELETE", "/v1/admin/users/{name}", "removeUser", "Remove a user; their sessions and tokens end at once",
        Right.ADMINISTER, remove_user, None, (_ONE,), status=204, everywhere=True,
        refusals=("not-found", "own-account"),
    ),
)  # fmt: skip

"""Who may do what, and where: a role gives rights, in every program or in some.

    viewer    read
    auditor   read, watch
    reviewer  read, watch, invite
    admin     read, watch, invite, administer

`may` is the one question that everything asks: pages, the administration API, and what they show of each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from homecheck.collector.store.scope import Scope
from homecheck.collector.store.users import EVERYWHERE, Role, User


class Right(Enum):
    """What somebody may do; the value is the scope of an API token that gives it."""

    READ = "read"  # people, what they sent, programs and policies
    WATCH = "watch"  # the record of events
    INVITE = "invite"  # and the numbers and codes of calls
    ADMINISTER = "administer"  # revoke keys; in every program: users, tokens of others


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    "viewer": frozenset({Right.READ}),
    "auditor": frozenset({Right.READ, Right.WATCH}),
    "reviewer": frozenset({Right.READ, Right.WATCH, Right.INVITE}),
    "admin": frozenset(Right),
}


def may(user: User, right: Right, program: str) -> bool:
    """Tell whether the user has a right in a program; with EVERYWHERE, in all of them and in what belongs to none."""
    if user.scopes is not None and right.value not in user.scopes:
        return False
    if user.only not in (EVERYWHERE, program):
        return False
    roles = (user.roles.get(place) for place in {program, EVERYWHERE})
    return any(role is not None and right in RIGHTS[role] for role in roles)


def may_somewhere(user: User, right: Right) -> bool:
    """Tell whether the user has a right in at least one program."""
    return any(may(user, right, place) for place in _places(user))


def scope_of(user: User, right: Right = Right.READ) -> Scope:
    """Return the programs in which the user has a right, for queries."""
    if may(user, right, EVERYWHERE):
        return Scope.everything()
    return Scope.of(place for place in _places(user) if may(user, right, place))


def _places(user: User) -> tuple[str, ...]:
    return tuple(user.roles) if user.only == EVERYWHERE else (user.only,)

"""Who may look and change: users, their roles and API tokens, every row against the events that tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from homecheck.collector.audit_defect import Defect, differences
from homecheck.collector.audit_devices import EVENT
from homecheck.collector.setup import FIRST_USER
from homecheck.collector.store import tokens as store
from homecheck.collector.store import users as user_store
from homecheck.collector.store.connection import Connection, Row
from homecheck.collector.store.tokens import Token
from homecheck.collector.store.users import EVERYWHERE, User
from homecheck.collector.tokens import DIGEST, token_detail
from homecheck.standards.rfc_3339 import to_text

ADDED: Final = "user-added"
FIRST: Final = "set-up"  # brings the first user
_KINDS: Final = (FIRST, ADDED, "role-changed", "user-removed")
_EVENTS: Final = "SELECT * FROM event WHERE kind IN ({}) AND position IS NOT NULL ORDER BY position"


def users(db: Connection) -> Iterator[Defect]:
    """Yield the users who were not added, who have other roles than were given to them, and who are gone."""
    told = _users_told(db)
    for row in db.execute('SELECT name, created_at FROM "user" ORDER BY name').fetchall():
        what = f"user {row['name']}"
        if (events := told.pop(row["name"], None)) is None:
            yield Defect("inserted", what, "no event tells that anybody added this user")
            continue
        yield from differences(what, row, {"created_at": events[0]["at"]}, EVENT)
        has, said = user_store.get(db, row["name"]).words, _roles(events[-1])
        if has != said:
            yield Defect("changed", what, f"roles: the rows say {has!r:.120}, {EVENT} says {said!r:.120}")
    for name, events in told.items():
        yield Defect("removed", f"user {name}", "the row is gone, and no event tells of it", events[0]["position"])
    yield from _roles_of_nobody(db)


def _users_told(db: Connection) -> dict[str, list[Row]]:
    """Return by name the event that added a user, and those that gave other roles since."""
    told: dict[str, list[Row]] = {}
    for event in db.execute(_EVENTS.format("?, ?, ?, ?"), _KINDS).fetchall():
        name = FIRST_USER if event["kind"] == FIRST else event["about"]
        if event["kind"] == "user-removed":
            told.pop(name, None)
        elif event["kind"] in (FIRST, ADDED):
            told[name] = [event]
        elif name in told:
            told[name].append(event)
    return told


def _roles(event: Row) -> str:
    """Return what an event says of somebody's roles; before there were roles in programs it said it as a detail."""
    if event["kind"] == FIRST:
        return User(FIRST_USER, {EVERYWHERE: "admin"}).words
    return str(event["value_after"]) or str(event["detail"]).removeprefix("role ")


def _roles_of_nobody(db: Connection) -> Iterator[Defect]:
    sql = 'SELECT account, program FROM user_role WHERE account NOT IN (SELECT name FROM "user") ORDER BY 1, 2'
    for account, program in db.execute(sql).fetchall():
        yield Defect("inserted", f"role of {account} in {program}", "there is no such user")


def tokens(db: Connection) -> Iterator[Defect]:
    """Yield the tokens that nobody added as they stand there, that are revoked here or there alone, or are gone."""
    added = {row["about"]: row for row in db.execute(_EVENTS.format("?"), ("token-added",))}
    revoked = {row["about"]: row["at"] for row in db.execute(_EVENTS.format("?"), ("token-revoked",))}
    for one in store.of_owner(db):
        what = f"API token {one.id}"
        if (event := added.pop(one.id, None)) is None:
            yield Defect("inserted", what, "no event tells that anybody added it")
            continue
        yield from _token(what, one, event)
        ended = None if one.revoked_at is None else to_text(one.revoked_at)
        if ended != revoked.get(one.id):
            message = f"revoked_at: the row says {ended or 'never'}, the log says {revoked.get(one.id, 'never')}"
            yield Defect("changed", what, message)
    removed = _removed(db)
    for token_id, event in added.items():
        # A token goes with its owner.
        if event["position"] > removed.get(_owner(event), -1):
            yield Defect("removed", f"API token {token_id}", "the row is gone, and its owner is not", event["position"])


def _token(what: str, one: Token, event: Row) -> Iterator[Defect]:
    """Yield what a token says that its event does not; older events say nothing of its secret."""
    said = token_detail(one)
    if DIGEST not in event["detail"]:
        said = said.partition(DIGEST)[0]
    facts = (said, one.program or None, to_text(one.created_at))
    if facts != (event["detail"], event["program"], event["at"]):
        yield Defect("changed", what, f"the row says {said!r:.200}, {EVENT} says {event['detail']!r:.200}")


def _removed(db: Connection) -> dict[str, int]:
    sql = "SELECT about, MAX(position) AS position FROM event WHERE kind = 'user-removed' GROUP BY about"
    return {row["about"]: int(row["position"] or 0) for row in db.execute(sql)}


def _owner(event: Row) -> str:
    """Return whose token an event tells of: ``label: scopes, for OWNER, until …``; a label may hold the same words."""
    return str(event["detail"]).rpartition(", until ")[0].rpartition(", for ")[2]

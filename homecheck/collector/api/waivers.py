"""Waivers: listed, approved and ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from homecheck.collector import waivers
from homecheck.collector.api.members import PERSON, person
from homecheck.collector.api.operation import (
    ID,
    LIMITED,
    NAME,
    OF_PROGRAM,
    PERSON_ID,
    REASON,
    TEXT,
    Call,
    Json,
    Operation,
    Parameter,
    at,
    lists,
    moment,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.api.people import seen, still
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right
from homecheck.collector.store import programs
from homecheck.collector.store import waivers as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import Person
from homecheck.collector.store.proposals import Proposal
from homecheck.collector.store.waivers import Waiver
from homecheck.collector.waivers import Asked

WAIVER_ID: Final = text(r"^[0-9a-f]{16}$", 16)
WAIVER: Final = objects(
    id=TEXT, person=PERSON, quantity=TEXT, reason=TEXT,
    state={"type": "string", "enum": ["counts", "not yet", "expired", "revoked"]}, approved_by=TEXT,
    approved_at=moment(), starts_at=moment(), expires_at=moment(), revoked_at=nullable(moment()), revoked_by=TEXT,
    revoked_reason=TEXT,
)  # fmt: skip
ASKED: Final = takes(
    {
        "quantity": NAME, "reason": REASON,
        "until": {**text(most=20), "minLength": 1, "description": "The last day, or how long: 30d."},
    },
    {"from": {**text(most=20), "description": "The first day; now unless said otherwise."}},
)  # fmt: skip
EXAMPLE: Final = {"quantity": "landline.dial_tone", "reason": "Waiting for the landline.", "until": "30d"}
_ONE: Final = Parameter("waiver", "path", "The id of a waiver.", WAIVER_ID)


def list_waivers(call: Call) -> Json:
    """List waivers, the one that ends first before the others."""
    query, now = call.query, None if call.query.get("all") == "true" else call.now
    asked = {name: query.get(name, "") for name in ("program", "person", "after")}
    last = store.find(call.db, asked["after"]) if asked["after"] else None
    if asked["after"] and (last is None or not call.sees(last.person.program)):
        message = f"after: there is no waiver {asked['after']} any more"
        raise Problem("bad-request", message, advice="Begin without it.")
    found = store.ending_first(call.db, call.scope(), now, **asked, limit=call.limit + 1)
    shown = found[: call.limit]
    return {
        "waivers": [members(one, call) for one in shown],
        "next": shown[-1].id if len(found) > call.limit else None,
    }


def show_waiver(call: Call) -> Json:
    """Show one waiver."""
    return members(_seen(call), call)


def approve(call: Call) -> Json:
    """Approve a waiver at once; the owner of the token is its approver."""
    who, now, by = seen(call, Right.INVITE), call.now, call.by
    wanted = asked(call)

    def work(db: Connection) -> Waiver:
        if programs.get(db, who.program).four_eyes:
            raise Problem("four-eyes", f"in {who.program} one proposes a waiver and another approves it")
        return waivers.grant(db, wanted(still(db, who)), by=by, now=now)

    return members(call.write(work), call)


def asked(call: Call) -> Callable[[Person], Asked]:
    """Return the waiver that a body asks for, once it is known for whom. SetupError comes with the person."""
    body, now = call.body, call.now
    quantity, reason = body.text("quantity", max_length=200), body.text("reason", max_length=200)
    until = body.text("until", max_length=20)
    starts = body.text("from", max_length=20) if body.has("from") else ""
    body.done()

    def of(who: Person) -> Asked:
        begin = waivers.read_start(starts, now)
        return Asked(who.program, who.name, quantity, reason, begin, waivers.read_end(until, begin))

    return of


def revoke(call: Call) -> Json:
    """End a waiver now; doing it twice is no error."""
    one, now, by = _seen(call), call.now, call.by
    call.check(Right.INVITE, one.person.program)
    reason = call.body.text("reason", max_length=waivers.MAX_REASON)
    call.body.done()
    call.write(lambda db: waivers.revoke(db, one.id, reason, by=by, now=now))
    return members(_seen(call), call)


def _seen(call: Call) -> Waiver:
    one = store.find(call.db, call.path["waiver"])
    if one is None or not call.sees(one.person.program):
        raise Problem("not-found", "there is no such waiver here")
    return one


def common(one: Waiver | Proposal, call: Call) -> Json:
    """Return what a waiver and its proposal have in common as JSON members."""
    return {
        "id": one.id,
        "person": person(one.person),
        "quantity": one.quantity,
        "reason": one.reason,
        "state": one.state(call.now),
        "starts_at": at(one.starts_at),
        "expires_at": at(one.expires_at),
    }


def members(one: Waiver, call: Call) -> Json:
    """Return a waiver as JSON members."""
    return common(one, call) | {
        "approved_by": one.approved_by,
        "approved_at": at(one.approved_at),
        "revoked_at": at(one.revoked_at),
        "revoked_by": one.revoked_by,
        "revoked_reason": one.revoked_reason,
    }


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/waivers", "listWaivers", "Waivers that count or will count", Right.READ, list_waivers,
        objects(waivers=lists(WAIVER), next=nullable(TEXT)),
        (
            OF_PROGRAM,
            Parameter("person", "query", "Of one person.", PERSON_ID),
            Parameter("all", "query", "true: also those that are over.", {"type": "string", "enum": ["true", "false"]}),
            Parameter("after", "query", "The `next` of the answer before.", WAIVER_ID),
            LIMITED,
        ),
    ),
    Operation(
        "GET", "/v1/admin/waivers/{waiver}", "showWaiver", "One waiver", Right.READ, show_waiver, WAIVER, (_ONE,),
        refusals=("not-found",),
    ),
    Operation(
        "POST", "/v1/admin/people/{id}/waivers", "approveWaiver",
        "Approve a waiver of one requirement for one person at once; a year at most", Right.INVITE, approve,
        WAIVER, (ID,),
        body=ASKED, status=201, refusals=("not-found", "four-eyes"), example=EXAMPLE,
    ),
    Operation(
        "POST", "/v1/admin/waivers/{waiver}/revoke", "revokeWaiver", "End a waiver now", Right.INVITE, revoke,
        WAIVER, (_ONE,), body=takes({"reason": REASON}), refusals=("not-found",), example={"reason": "It came."},
    ),
)  # fmt: skip

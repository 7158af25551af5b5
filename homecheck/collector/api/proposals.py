"""Proposed waivers: made, listed, approved and declined."""

from __future__ import annotations

from typing import Final

from homecheck.collector import proposals, waivers
from homecheck.collector.access import not_allowed
from homecheck.collector.api.members import PERSON
from homecheck.collector.api.operation import (
    ID,
    LIMITED,
    OF_PROGRAM,
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
)
from homecheck.collector.api.people import seen, still
from homecheck.collector.api.waivers import ASKED, EXAMPLE, WAIVER, WAIVER_ID, asked, common, members
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right, may
from homecheck.collector.store import proposals as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.proposals import Proposal
from homecheck.collector.store.waivers import Waiver

_PROPOSAL: Final = objects(
    id=TEXT, person=PERSON, quantity=TEXT, reason=TEXT,
    state={"type": "string", "enum": ["waiting", "approved", "declined", "lapsed"]}, proposed_by=TEXT,
    proposed_at=moment(), starts_at=moment(), expires_at=moment(), decided_by=TEXT, decided_at=nullable(moment()),
    decision_reason=TEXT,
)  # fmt: skip
_ONE: Final = Parameter("proposal", "path", "The id of a proposal.", WAIVER_ID)


def list_proposals(call: Call) -> Json:
    """List proposals in the order in which they were made."""
    query, now = call.query, None if call.query.get("all") == "true" else call.now
    program, after = query.get("program", ""), query.get("after", "")
    last = store.find(call.db, after) if after else None
    if after and (last is None or not call.sees(last.person.program)):
        raise Problem("bad-request", f"after: there is no proposal {after} any more", advice="Begin without it.")
    found = store.oldest_first(call.db, call.scope(), now, program=program, after=after, limit=call.limit + 1)
    shown = found[: call.limit]
    following = shown[-1].id if len(found) > call.limit else None
    return {"proposals": [_members(one, call) for one in shown], "next": following}


def show_proposal(call: Call) -> Json:
    """Show one proposal."""
    return _members(_seen(call), call)


def propose(call: Call) -> Json:
    """Propose a waiver; the owner of the token is who proposes it."""
    who, now, by = seen(call, Right.INVITE), call.now, call.by
    wanted = asked(call)

    def work(db: Connection) -> Proposal:
        return proposals.propose(db, wanted(still(db, who)), by=by, now=now)

    return _members(call.write(work), call)


def approve(call: Call) -> Json:
    """Approve a proposal, unless four eyes are needed and these are the same two."""
    one, now, by = _seen(call), call.now, call.by
    call.check(Right.ADMINISTER, one.person.program)

    def work(db: Connection) -> Waiver:
        if not proposals.may_approve(db, one, by.name):
            raise Problem("four-eyes", f"{by.name} has proposed it")
        return proposals.approve(db, one.id, by=by, now=now)

    return members(call.write(work), call)


def decline(call: Call) -> Json:
    """Decline a proposal, or take back one's own."""
    one, now, by = _seen(call), call.now, call.by
    if one.proposed_by != by.name and not may(call.user, Right.ADMINISTER, one.person.program):
        raise not_allowed(call.user, Right.ADMINISTER)
    call.check(Right.INVITE, one.person.program)
    reason = call.body.text("reason", max_length=waivers.MAX_REASON)
    call.body.done()
    call.write(lambda db: proposals.decline(db, one.id, reason, by=by, now=now))
    return _members(_seen(call), call)


def _seen(call: Call) -> Proposal:
    one = store.find(call.db, call.path["proposal"])
    if one is None or not call.sees(one.person.program):
        raise Problem("not-found", "there is no such proposal here")
    return one


def _members(one: Proposal, call: Call) -> Json:
    return common(one, call) | {
        "proposed_by": one.proposed_by,
        "proposed_at": at(one.proposed_at),
        "decided_by": one.decided_by,
        "decided_at": at(one.decided_at),
        "decision_reason": one.decision_reason,
    }


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/waiver-proposals", "listProposals", "Proposed waivers that wait for a decision",
        Right.READ, list_proposals, objects(proposals=lists(_PROPOSAL), next=nullable(TEXT)),
        (
            OF_PROGRAM,
            Parameter("all", "query", "true: also those that are decided or have lapsed.",
                      {"type": "string", "enum": ["true", "false"]}),
            Parameter("after", "query", "The `next` of the answer before.", WAIVER_ID),
            LIMITED,
        ),
    ),
    Operation(
        "GET", "/v1/admin/waiver-proposals/{proposal}", "showProposal", "One proposed waiver", Right.READ,
        show_proposal, _PROPOSAL, (_ONE,), refusals=("not-found",),
    ),
    Operation(
        "POST", "/v1/admin/people/{id}/waiver-proposals", "proposeWaiver",
        "Propose a waiver of one requirement for one person; an administrator decides", Right.INVITE, propose,
        _PROPOSAL, (ID,), body=ASKED, status=201, refusals=("not-found",), example=EXAMPLE,
    ),
    Operation(
        "POST", "/v1/admin/waiver-proposals/{proposal}/approve", "approveProposal",
        "Approve a proposal; where the program asks for four eyes, not one's own", Right.ADMINISTER, approve, WAIVER,
        (_ONE,), status=201, refusals=("not-found", "four-eyes"),
    ),
    Operation(
        "POST", "/v1/admin/waiver-proposals/{proposal}/decline", "declineProposal",
        "Decline a proposal (an administrator), or take back one's own", Right.INVITE, decline, _PROPOSAL, (_ONE,),
        body=takes({"reason": REASON}), refusals=("not-found",), example={"reason": "A cable was sent."},
    ),
)  # fmt: skip

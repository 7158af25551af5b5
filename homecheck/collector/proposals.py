"""Waivers that wait: somebody proposes, an administrator approves or declines.

Where a program asks for four eyes, nobody approves what they have proposed, and no waiver is approved at once.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from homecheck.collector import waivers
from homecheck.collector.store import events, programs
from homecheck.collector.store import proposals as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.proposals import Proposal
from homecheck.collector.store.waivers import Waiver
from homecheck.collector.waivers import Asked
from homecheck.errors import SetupError

PROPOSED: Final = "waiver-proposed"  # kinds of events
DECLINED: Final = "waiver-declined"


def propose(db: Connection, asked: Asked, *, by: By, now: datetime) -> Proposal:
    """Store what `by` proposes, inside a transaction. SetupError says what is wrong with it."""
    who, reason = waivers.checked(db, asked, now)
    for other in store.of_person(db, who.id):
        if other.quantity == asked.quantity and other.state(now) == "waiting":
            raise SetupError(
                f"{other.quantity} is proposed for {who.name} already, by {other.proposed_by}",
                "Wait until somebody has decided, or decline that one.",
            )
    one = Proposal(secrets.token_hex(8), who, asked.quantity, reason, by.name, now, asked.starts_at, asked.expires_at)
    store.add(db, one)
    events.note(db, now, PROPOSED, by, one.id, statement(one), program=who.program, person=who.id)
    return one


def approve(db: Connection, proposal_id: str, *, by: By, now: datetime) -> Waiver:
    """Make a waiver of a proposal, inside a transaction. It counts from now on at the earliest. SetupError: not so."""
    one = waiting(db, proposal_id, now)
    if not may_approve(db, one, by.name):
        raise SetupError(f"{by.name} has proposed it", "In this program somebody else must approve it.")
    begin = max(one.starts_at, now)
    asked = Asked(one.person.program, one.person.name, one.quantity, one.reason, begin, one.expires_at)
    who, reason = waivers.checked(db, asked, now)
    _decide(db, one, "approved", "", by, now)
    return waivers.enter(db, Waiver(one.id, who, one.quantity, reason, by.name, now, begin, one.expires_at), by, now)


def decline(db: Connection, proposal_id: str, reason: str, *, by: By, now: datetime) -> Proposal:
    """Decline a proposal, inside a transaction, or take back one's own. SetupError when it does not wait any more."""
    one = waiting(db, proposal_id, now)
    said = waivers.clean_reason(reason)
    _decide(db, one, "declined", said, by, now)
    detail, who = f"{one.quantity}: {said}", one.person
    events.note(db, now, DECLINED, by, one.id, detail, program=who.program, person=who.id)
    return one


def may_approve(db: Connection, one: Proposal, name: str) -> bool:
    """Tell whether `name`, who administers the program, may approve a proposal: not their own under four eyes."""
    return one.proposed_by != name or not programs.get(db, one.person.program).four_eyes


def waiting(db: Connection, proposal_id: str, now: datetime) -> Proposal:
    """Return a proposal that waits. SetupError for any other."""
    one = store.find(db, proposal_id)
    if one is None:
        raise SetupError(f"there is no proposal {proposal_id!r:.60}", "See: homecheck collector waiver proposals")
    if (state := one.state(now)) != "waiting":
        by = f" by {one.decided_by}" if one.decided_by else ""
        raise SetupError(f"this proposal is {state}{by}", "Propose it anew.")
    return one


def statement(one: Proposal) -> str:
    """Return what the event of a proposal says: everything that was proposed."""
    return waivers.approved_words(one.quantity, one.starts_at, one.expires_at, one.reason)


def _decide(db: Connection, one: Proposal, decision: store.Decision, reason: str, by: By, now: datetime) -> None:
    if not store.decide(db, one.id, decision, by.name, reason, now):  # somebody was faster, on PostgreSQL
        raise SetupError("somebody else has decided this moment", "Look at it again.")

"""Taking an invitation back before anybody has used it, and everything that lets one person send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector.devices import counts
from homecheck.collector.enrolment import DIGEST_SHOWN, WITHDRAWN
from homecheck.collector.store import events, mail, people
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Invite, Person

BY_HAND: Final = "taken back"


@dataclass(frozen=True)
class Retired:
    """What ended: how many device keys, and how many invitations that nobody had used."""

    keys: int
    invites: int


def withdraw(db: Connection, invite: Invite, why: str, *, by: By, now: datetime) -> bool:
    """Delete an invitation that nobody has used, inside a transaction; tell whether it was still there."""
    gone = mail.withdraw_invite(db, invite.code_sha256)
    if gone:
        shown, who = invite.code_sha256[:DIGEST_SHOWN], invite.person
        events.note(db, now, WITHDRAWN, by, shown, why, program=who.program, person=who.id)
    return gone


def retire(db: Connection, who: Person, reason: str, *, by: By, now: datetime) -> Retired:
    """Take nothing more from a person, inside a transaction; what was received stays. Twice is no error.

    `reason` was checked, and is no empty one.
    """
    keys = 0
    for device in people.devices_of(db, who.id):
        if counts(device, now) and people.revoke(db, device.key.kid, now, reason):
            detail = f"of {who.name}: {reason}"
            events.note(db, now, "device-revoked", by, device.key.kid, detail, program=who.program, person=who.id)
            keys += 1
    mail.drop_waiting(db, who.id)  # an invitation by mail is made when its letter leaves
    opened = [one for one in people.invites_of(db, who.id) if one.redeemed_at is None]
    return Retired(keys, sum(withdraw(db, one, BY_HAND, by=by, now=now) for one in opened))

"""Device keys: one with what it signed, and revoking it."""

from __future__ import annotations

from typing import Final

from homecheck.collector import administration
from homecheck.collector.api.members import CHECK, DEVICE, PERSON, check, device, person
from homecheck.collector.api.operation import (
    KID,
    TEXT,
    Call,
    Json,
    Operation,
    Parameter,
    lists,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.devices import chain
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right
from homecheck.collector.store import evidence, people
from homecheck.collector.store.people import Device

CHECKS: Final = 50
_KEY: Final = Parameter("kid", "path", "The name of a device key.", KID)


def show_device(call: Call) -> Json:
    """Show one key: whose place it took and who took its own, and what it signed."""
    found = _seen(call)
    who, heir = found.person, people.heir_of(call.db, found.key.kid)
    return {
        **device(found),
        "person": person(who),
        "earlier": [one.key.kid for one in chain(call.db, found)],
        "heir": heir.key.kid if heir else None,
        "checks": [check(one) for one in evidence.of_device(call.db, found.key.kid, limit=CHECKS)],
    }


def revoke(call: Call) -> Json:
    """Refuse what a device key signs from now on; doing it twice is no error."""
    reason = call.body.text("reason", max_length=administration.MAX_REASON) if call.body.has("reason") else ""
    call.body.done()
    found = _seen(call)
    kid, now, by = found.key.kid, call.now, call.by
    call.check(Right.ADMINISTER, found.person.program)
    call.write(lambda db: administration.revoke(db, kid, by=by, now=now, reason=reason))
    return device(_seen(call))


def _seen(call: Call) -> Device:
    found = people.find_device(call.db, call.path["kid"])
    if found is None or not call.sees(found.person.program):
        raise Problem("not-found", "there is no such device key here")
    return found


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/devices/{kid}", "showDevice", "One device key, its chain, and what it signed", Right.READ,
        show_device,
        objects(
            **DEVICE["properties"], person=PERSON, earlier=lists(TEXT), heir=nullable(TEXT), checks=lists(CHECK),
        ),
        (_KEY,), refusals=("not-found",),
    ),
    Operation(
        "POST", "/v1/admin/devices/{kid}/revoke", "revokeDevice", "Refuse what a device key signs from now on",
        Right.ADMINISTER, revoke, DEVICE, (_KEY,),
        body=takes({}, {"reason": text(most=administration.MAX_REASON)}),
        refusals=("not-found",), example={"reason": "laptop stolen"},
    ),
)  # fmt: skip

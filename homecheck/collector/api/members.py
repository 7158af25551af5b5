"""What several operations show alike: a check, a device key, an invitation; each with its schema."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from homecheck.appraisal import Verdict
from homecheck.collector.api.operation import TEXT, VERDICT, Json, at, lists, moment, nullable, objects
from homecheck.collector.enrolment import DIGEST_SHOWN
from homecheck.collector.store.evidence import Summary
from homecheck.collector.store.people import Device, Invite, Person
from homecheck.collector.waivers import Effective
from homecheck.locale import LANGUAGES

UNMET: Final = objects(quantity=TEXT, verdict=VERDICT)
CHECK: Final = objects(
    digest=TEXT,
    received_at=moment(),
    verdict=VERDICT,
    freshness=TEXT,
    policy=objects(name=TEXT, version=TEXT),
    device=TEXT,
    unmet=lists(UNMET),
)
DEVICE: Final = objects(
    kid=TEXT,
    key_store=TEXT,
    software=TEXT,
    enrolled_at=moment(),
    replaces=nullable(TEXT),
    replaced_at=nullable(moment()),
    revoked_at=nullable(moment()),
    revoked_reason=TEXT,
)
# What the verdict comes to with the waivers that count now, and those that change something about it.
COUNTS: Final = {
    "counts_as": nullable(VERDICT),
    "waived": lists(objects(id=TEXT, quantity=TEXT, reason=TEXT, expires_at=moment())),
}
LETTERS_IN: Final = {
    "type": "string", "enum": list(LANGUAGES), "description": "Of letters; that of the program unless said otherwise.",
}  # fmt: skip
PERSON: Final = objects(id=TEXT, name=TEXT, program=TEXT)
INVITE: Final = objects(
    id=TEXT,
    person=PERSON,
    state={"type": "string", "enum": ["open", "used", "expired"]},
    expires_at=moment(),
    redeemed_at=nullable(moment()),
)


def person(who: Person) -> Json:
    """Return whom something is about."""
    return {"id": who.id, "name": who.name, "program": who.program}


def unmet(found: Iterable[tuple[str, Verdict]]) -> list[Json]:
    """Return what failed or could not be decided."""
    return [{"quantity": quantity, "verdict": verdict.word} for quantity, verdict in found]


def check(one: Summary) -> Json:
    """Return one evidence of a list."""
    return {
        "digest": one.digest,
        "received_at": at(one.received_at),
        "verdict": one.verdict.word,
        "freshness": one.freshness,
        "policy": {"name": one.policy_name, "version": one.policy_version},
        "device": one.kid,
        "unmet": unmet(one.unmet),
    }


def counts(standing: Effective | None, verdict: Verdict | None) -> Json:
    """Return what a verdict counts as; without a waiver it is itself."""
    counts_as = standing.counts_as if standing else verdict
    return {
        "counts_as": counts_as.word if counts_as is not None else None,  # pass is 0
        "waived": [
            {"id": one.id, "quantity": one.quantity, "reason": one.reason, "expires_at": at(one.expires_at)}
            for one in (standing.waived if standing else ())
        ],
    }


def device(one: Device) -> Json:
    """Return a device key."""
    return {
        "kid": one.key.kid,
        "key_store": one.key_store,
        "software": one.software,
        "enrolled_at": at(one.enrolled_at),
        "replaces": one.replaces,
        "replaced_at": at(one.replaced_at),
        "revoked_at": at(one.revoked_at),
        "revoked_reason": one.revoked_reason,
    }


def invite(one: Invite, now: datetime) -> Json:
    """Return an invitation; its id is the beginning of its code's digest, which opens nothing."""
    state = "used" if one.redeemed_at else "open" if now < one.expires_at else "expired"
    return {
        "id": one.code_sha256[:DIGEST_SHOWN],
        "person": person(one.person),
        "state": state,
        "expires_at": at(one.expires_at),
        "redeemed_at": at(one.redeemed_at),
    }

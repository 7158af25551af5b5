"""Invitations and the device keys enrolled with them.

An invitation is 128 random bits in an address, for one person in one program, good for one key. The enrolment document
is the only one verified with a key from its own inside: the signature proves that the sender holds the key, the
invitation gives the right to enrol it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.store import events, people, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import Device, Invite, Person
from homecheck.collector.store.programs import Program
from homecheck.errors import Refused, SetupError
from homecheck.signing import ENROLMENT, POLICY, PublicKey, base64url, jwks, verify_own_key
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
CODE_BYTES: Final = 16
PATH: Final = "/invite/"
MAX_NAME: Final = 200  # characters of a person's name


def invite(db: Connection, program: str, name: str, valid: timedelta, *, now: datetime, by: str) -> str:
    """Store an invitation of `name` to `program` and return its code. The same name is the same person."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise SetupError(f"{name!r:.60} is no name", f"Write 1 to {MAX_NAME} printable characters.")
    programs.get(db, program)
    who = people.person_called(db, program, name)
    if who is None:
        who = Person(base64url(secrets.token_bytes(16)), program, name)
        people.add_person(db, who, now)
    code = base64url(secrets.token_bytes(CODE_BYTES))
    people.add_invite(db, Invite(people.secret_hash(code), who, now + valid, None, None), now, by)
    detail = f"valid until {to_text(now + valid)}"
    events.add(db, events.Event(now, "invited", False, by, "", name, detail, program, who.id))
    return code


def open_invite(db: Connection, code: str, now: datetime) -> Invite:
    """Return the invitation that can still be redeemed. Problem: invite-unknown, invite-used or invite-expired."""
    found = people.find_invite(db, code)
    if found is None:
        raise Problem("invite-unknown", "no invitation has this code")
    if found.redeemed_at is not None:
        raise Problem("invite-used", f"this invitation was used on {found.redeemed_at:%Y-%m-%d}")
    if now >= found.expires_at:
        raise Problem("invite-expired", f"this invitation ended on {found.expires_at:%Y-%m-%d at %H:%M} UTC")
    return found


def describe(collector: Collector, db: Connection, found: Invite) -> dict[str, Any]:
    """Return what an invitation is for, before anything is sent."""
    program = programs.get(db, found.person.program)
    policy = program.policy
    asked = policy.quantities()
    return {
        "v": VERSION,
        "collector": {"name": collector.name, "url": collector.url},
        "program": {"id": program.id, "title": program.title},
        "person": {"name": found.person.name},
        "purpose": program.purpose,
        "retention_days": program.retention_days,
        "quantities": sorted(name for name in asked if not name.startswith("declaration.")),
        "declarations": [question.id for question in policy.declarations],
        "expires_at": to_text(found.expires_at),
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
    }


@dataclass(frozen=True)
class Request:
    """An enrolment document whose signature fits the key inside."""

    envelope: bytes
    key: PublicKey
    code: str
    software: str
    key_store: str


def read_request(envelope: bytes, url: str) -> Request:
    """Return the request. Refused for what is no such document, Problem for one that is meant for somebody else."""
    payload, key = verify_own_key(envelope, ENROLMENT)
    record = Record(parse_object(payload), "enrolment")
    if record.integer("v") != VERSION:
        raise Refused("schema", "enrolment: this version of the format is not known here")
    audience, code, store = record.text("aud"), record.text("invite", max_length=100), record.text("store")
    record.integer("iat")
    record.members("jwk")  # read before the signature was checked
    software = record.record("software")
    named = [software.text(name, max_length=100) for name in ("name", "version", "python", "system")]
    record.done()
    software.done()
    if audience != url:
        raise Problem("wrong-audience", f"this document is meant for {audience!r:.100}, this collector is {url}")
    return Request(envelope, key, code, "{} {} (Python {}, {})".format(*named), store)


@dataclass(frozen=True)
class Enrolled:
    """The outcome of a redemption; `created` is false when the answer had been lost and was asked for again."""

    device: Device
    created: bool


def redeem(db: Connection, request: Request, *, now: datetime, source_address: str) -> Enrolled | Problem:
    """Enrol the key, inside a transaction. A refusal that leaves a trace is returned, so that the trace is kept."""
    known = people.find_device(db, request.key.kid)
    found = people.find_invite(db, request.code)
    if found is not None and known is not None and found.kid == known.key.kid:
        return Enrolled(known, created=False)
    if found is not None and found.kid is not None:
        detail = f"a second key tried to use the invitation of {found.person.name}"
        events.add(
            db,
            events.Event(
                now, "invite-reused", True, request.key.kid, source_address, found.code_sha256[:16], detail,
                found.person.program, found.person.id,
            ),
        )  # fmt: skip
        return Problem("invite-used", "this invitation was used by another key", status=409)
    usable = open_invite(db, request.code, now)
    if known is not None:
        raise Problem("key-in-use", "this key was enrolled with another invitation")
    device = Device(request.key, usable.person, request.software, request.key_store, now, source_address, None)
    people.redeem(db, usable, device, request.envelope)
    return Enrolled(device, created=True)


def answer(collector: Collector, db: Connection, device: Device) -> dict[str, Any]:
    """Return what an enrolled device is told, and pins."""
    program = programs.get(db, device.person.program)
    return {
        "v": VERSION,
        "device": device.key.kid,
        "subject": device.person.id,
        "program": {"id": program.id, "title": program.title},
        "collector": {"name": collector.name, "url": collector.url},
        "policy": signed_policy(collector, program).decode(),
        "jwks": jwks(collector.public_keys()),
        "responders": responders(db),
    }


def signed_policy(collector: Collector, program: Program) -> bytes:
    """Return the program's current policy as a signed document: the same bytes until another is published."""
    payload = {
        "program": program.id,
        "issued_at": to_text(program.current.published_at),
        "policy": program.policy.members(),
    }
    return collector.sign(serialize(payload), POLICY)


def responders(db: Connection) -> list[dict[str, Any]]:
    """Return the responders' addresses and keys."""
    return [{"url": one.url, "jwk": one.key.jwk()} for one in programs.responders(db)]

"""Invitations and the device keys enrolled with them.

An invitation is 128 random bits in an address, for one person in one program, good for one key. The enrolment document
is the only one verified with a key from its own inside: the signature proves that the sender holds the key, the
invitation gives the right to enrol it.

A person has one computer in a program. Whoever uses a new invitation takes the keys that they had before out of use:
that is how a lost key ends. What was received under these stays theirs.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from homecheck.collector.contacts import put_number
from homecheck.collector.context import Collector
from homecheck.collector.devices import RETIRED, retire
from homecheck.collector.problems import Problem
from homecheck.collector.store import events, people, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Device, Invite, Person
from homecheck.collector.store.programs import Program
from homecheck.errors import Refused, SetupError
from homecheck.signing import ENROLMENT, POLICY, PublicKey, base64url, jwks, verify_own_key
from homecheck.standards import itu_e164
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
CODE_BYTES: Final = 16
PATH: Final = "/invite/"
MAX_NAME: Final = 200  # characters of a person's name
DIGEST_SHOWN: Final = 16  # hexadecimal digits of a code's digest that events name it by
ENROLLED: Final = "key-enrolled"
WITHDRAWN: Final = "invite-withdrawn"  # about what is shown of its code's digest


def invite(db: Connection, program: str, name: str, valid: timedelta, *, now: datetime, by: By, phone: str = "") -> str:
    """Store an invitation of `name` to `program` and return its code; else like `put_person`."""
    who = put_person(db, program, name, now=now, by=by, phone=phone)
    code = base64url(secrets.token_bytes(CODE_BYTES))
    code_sha256 = people.secret_hash(code)
    people.add_invite(db, Invite(code_sha256, who, now + valid, None, None), now, by.name)
    detail = invited_detail(to_text(now + valid), code_sha256)
    events.note(db, now, "invited", by, who.name, detail, program=program, person=who.id)
    return code


def put_person(db: Connection, program: str, name: str, *, now: datetime, by: By, phone: str = "") -> Person:
    """Return the person `name` of `program`, who is added if need be. The same name is the same person.

    `phone` becomes the number on file for call-backs; left empty, the one that is on file stays.
    """
    name = clean_name(name)
    number = clean_number(phone)
    programs.get(db, program)
    who = people.person_called(db, program, name)
    if who is None:
        who = Person.new(program, name)
        people.add_person(db, who, now)
    if number:
        put_number(db, who, number, by=by, now=now)
    return who


def invited_detail(expires_at: str, code_sha256: str) -> str:
    """Return what the event of an invitation says; it names the code without telling it."""
    return f"valid until {expires_at}; its code has the digest {code_sha256[:DIGEST_SHOWN]}"


def clean_name(text: str) -> str:
    """Return a person's name as it is stored: blanks as one, ü as one character. SetupError for what is no name."""
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise SetupError(f"{name!r:.60} is no name", f"Write 1 to {MAX_NAME} printable characters.")
    return name


def clean_number(phone: str) -> str:
    """Return a telephone number as it is stored (E.164), or an empty text for an empty one. SetupError for others."""
    try:
        return itu_e164.number(phone) if phone.strip() else ""
    except ValueError as error:
        raise SetupError(f"telephone: {error}", "Begin with + and the country code.") from None


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
        "connections": sorted({target.address for target in policy.tried()}),
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
    request, audience = read_document(envelope)
    if audience != url:
        raise Problem("wrong-audience", f"this document is meant for {audience!r:.100}, this collector is {url}")
    return request


def read_document(envelope: bytes) -> tuple[Request, str]:
    """Return the request and the collector that it is meant for. Refused for what is no such document."""
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
    return Request(envelope, key, code, "{} {} (Python {}, {})".format(*named), store), audience


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
                now, "invite-reused", True, request.key.kid, source_address, found.code_sha256[:DIGEST_SHOWN], detail,
                found.person.program, found.person.id,
            ),
        )  # fmt: skip
        return Problem("invite-used", "this invitation was used by another key", status=409)
    usable = open_invite(db, request.code, now)
    if known is not None:
        raise Problem("key-in-use", "this key was enrolled with another invitation")
    device = Device(request.key, usable.person, request.software, request.key_store, now, source_address, None)
    for earlier in retire(db, usable.person.id, now):
        detail = f"of {usable.person.name}: {RETIRED}, by the key {request.key.kid}"
        events.add(
            db,
            events.Event(
                now, "key-retired", False, request.key.kid, source_address, earlier.key.kid, detail,
                usable.person.program, usable.person.id,
            ),
        )  # fmt: skip
    people.redeem(db, usable, device, request.envelope)
    detail = f"of {usable.person.name}; kept in: {request.key_store}"
    events.add(
        db,
        events.Event(
            now, ENROLLED, False, request.key.kid, source_address, request.key.kid, detail, usable.person.program,
            usable.person.id,
        ),
    )  # fmt: skip
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

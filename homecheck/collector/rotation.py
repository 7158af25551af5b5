"""A new device key in place of an old one, without an invitation: the old key gives the right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from homecheck import rotation
from homecheck.collector.devices import accepted_until, check_counts, find_device
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.store import events, people
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import Event
from homecheck.collector.store.people import Device
from homecheck.rotation import Rotation
from homecheck.signing import unverified_header
from homecheck.standards.rfc_3339 import to_text

MOST_IN_A_SPAN: Final = 10  # new keys of one person: one key must not fill the disk of all
SPAN: Final = timedelta(days=1)
WAIT_SECONDS: Final = 3600


@dataclass(frozen=True)
class Request:
    """A rotation document whose signatures fit: `old` is the key that signed it."""

    envelope: bytes
    old: Device
    wanted: Rotation


@dataclass(frozen=True)
class Succession:
    """The outcome; `created` is false when the answer had been lost and was asked for again."""

    heir: Device
    created: bool


def read_request(db: Connection, envelope: bytes, url: str) -> Request:
    """Return the request. Refused for what is no such document, Problem for an unknown key or another collector."""
    old = find_device(db, unverified_header(envelope)["kid"])
    wanted = rotation.read(envelope, old.key.kid, {old.key.kid: old.key}.get)
    if wanted.aud != url:
        raise Problem("wrong-audience", f"this document is meant for {wanted.aud!r:.100}, this collector is {url}")
    return Request(envelope, old, wanted)


def succeed(db: Connection, request: Request, *, now: datetime, source_address: str) -> Succession | Problem:
    """Enrol the new key, inside a transaction. A refusal that leaves a trace is returned, so that the trace is kept."""
    old = find_device(db, request.old.key.kid)  # again: another request may have been first
    heir, known = people.heir_of(db, old.key.kid), people.find_device(db, request.wanted.key.kid)
    if heir is not None and known is not None and heir.key.kid == known.key.kid:
        # The answer was lost. It is worth something as long as the new key is: an old letter wakes no key up again.
        check_counts(heir, now)
        if heir.replaced_at is not None:
            raise Problem("key-replaced", "the new key has itself been replaced since")
        return Succession(heir, created=False)
    if old.revoked_at is None and heir is not None:
        return _second_heir(db, request, heir, now, source_address)
    check_counts(old, now)
    if known is not None:
        raise Problem("key-in-use", "the new key is enrolled already")
    if people.heirs_since(db, old.person.id, now - SPAN) >= MOST_IN_A_SPAN:
        raise retry_later("slow-down", f"the key was replaced {MOST_IN_A_SPAN} times within a day", WAIT_SECONDS)
    new = Device(
        request.wanted.key, old.person, request.wanted.software, request.wanted.store, now, source_address, None,
        replaces=old.key.kid,
    )  # fmt: skip
    people.succeed(db, old, new, request.envelope)
    detail = f"of {old.person.name}, to {new.key.kid}; kept in: {old.key_store}, now {new.key_store}"
    events.add(db, _event("key-rotated", False, request, now, source_address, detail))
    return Succession(new, created=True)


def _second_heir(db: Connection, request: Request, heir: Device, now: datetime, source_address: str) -> Problem:
    """Refuse a second new key for one old key: two computers hold the old one."""
    detail = (
        f"the key of {heir.person.name} was replaced on {heir.enrolled_at:%Y-%m-%d}; somebody else holds it as well"
    )
    events.add(db, _event("key-forked", True, request, now, source_address, detail))
    return Problem("key-replaced", "another new key has taken the place of this one", status=409)


def _event(kind: str, security: bool, request: Request, now: datetime, source_address: str, detail: str) -> Event:
    old = request.old
    return Event(
        now, kind, security, old.key.kid, source_address, old.key.kid, detail, old.person.program, old.person.id
    )


def answer(db: Connection, heir: Device) -> dict[str, Any]:
    """Return what the agent is told: the same whenever it asks."""
    old = people.find_device(db, heir.replaces or "")
    assert old is not None
    assert old.replaced_at is not None
    until = to_text(accepted_until(old.replaced_at))
    return {"v": rotation.VERSION, "device": heir.key.kid, "replaces": old.key.kid, "accepted_until": until}

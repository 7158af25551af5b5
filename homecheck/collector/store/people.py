"""People as a program knows them, their invitations, and the device keys enrolled with these."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.signing import PublicKey
from homecheck.standards.rfc_3339 import from_text, to_text


@dataclass(frozen=True)
class Person:
    """Somebody in one program; `id` is opaque, the `sub` of their evidence."""

    id: str
    program: str
    name: str


@dataclass(frozen=True)
class Invite:
    """An invitation; its code is known to the invited alone."""

    code_sha256: str
    person: Person
    expires_at: datetime
    redeemed_at: datetime | None
    kid: str | None


@dataclass(frozen=True)
class Device:
    """An enrolled device key: exactly one person in exactly one program."""

    key: PublicKey
    person: Person
    software: str
    key_store: str
    enrolled_at: datetime
    source_address: str
    revoked_at: datetime | None


def secret_hash(secret: str) -> str:
    """Return how a secret that others hold is stored: it has 128 random bits, so its hash cannot be guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def person_called(db: Connection, program: str, name: str) -> Person | None:
    """Return the person of exactly this name in `program`."""
    row = one_or_none(db, "SELECT id, program, name FROM person WHERE program = ? AND name = ?", program, name)
    return None if row is None else Person(row["id"], row["program"], row["name"])


def person(db: Connection, person_id: str) -> Person | None:
    """Return the person, or None."""
    row = one_or_none(db, "SELECT id, program, name FROM person WHERE id = ?", person_id)
    return None if row is None else Person(row["id"], row["program"], row["name"])


def add_person(db: Connection, who: Person, now: datetime) -> None:
    """Store a new person."""
    db.execute(
        "INSERT INTO person (id, program, name, folded, created_at) VALUES (?, ?, ?, ?, ?)",
        (who.id, who.program, who.name, who.name.casefold(), to_text(now)),
    )


def add_invite(db: Connection, invite: Invite, now: datetime, by: str) -> None:
    """Store a new invitation."""
    db.execute(
        "INSERT INTO invite (code_sha256, program, person, created_at, created_by, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (invite.code_sha256, invite.person.program, invite.person.id, to_text(now), by, to_text(invite.expires_at)),
    )


def find_invite(db: Connection, code: str) -> Invite | None:
    """Return the invitation with this code, or None."""
    row = one_or_none(
        db,
        "SELECT invite.*, person.name FROM invite JOIN person ON person.id = invite.person WHERE code_sha256 = ?",
        secret_hash(code),
    )
    return None if row is None else _invite(row)


def invites_of(db: Connection, person_id: str) -> list[Invite]:
    """Return a person's invitations, newest first."""
    rows = db.execute(
        "SELECT invite.*, person.name FROM invite JOIN person ON person.id = invite.person WHERE person = ?"
        " ORDER BY invite.created_at DESC",
        (person_id,),
    )
    return [_invite(row) for row in rows]


def redeem(db: Connection, invite: Invite, device: Device, enrolment: bytes) -> None:
    """Mark the invitation as used by this device and enrol the key."""
    at = to_text(device.enrolled_at)
    db.execute(
        "UPDATE invite SET redeemed_at = ?, kid = ? WHERE code_sha256 = ?", (at, device.key.kid, invite.code_sha256)
    )
    db.execute(
        "INSERT INTO device (kid, jwk, program, person, software, key_store, enrolment, enrolled_at, source_address)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device.key.kid, json.dumps(device.key.jwk()), device.person.program, device.person.id, device.software,
            device.key_store, enrolment, at, device.source_address,
        ),
    )  # fmt: skip


def find_device(db: Connection, kid: str) -> Device | None:
    """Return the enrolled device, or None."""
    row = one_or_none(
        db, "SELECT device.*, person.name FROM device JOIN person ON person.id = device.person WHERE kid = ?", kid
    )
    return None if row is None else _device(row)


def devices_of(db: Connection, person_id: str) -> list[Device]:
    """Return a person's devices, newest first."""
    rows = db.execute(
        "SELECT device.*, person.name FROM device JOIN person ON person.id = device.person WHERE person = ?"
        " ORDER BY enrolled_at DESC",
        (person_id,),
    )
    return [_device(row) for row in rows]


def revoke(db: Connection, kid: str, now: datetime) -> bool:
    """Refuse the device's evidence from now on; what came before stays good. Tell whether this changed anything."""
    changed = db.execute("UPDATE device SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL", (to_text(now), kid))
    return changed.rowcount > 0


def _invite(row: Row) -> Invite:
    return Invite(
        row["code_sha256"],
        Person(row["person"], row["program"], row["name"]),
        from_text(row["expires_at"]),
        _moment(row["redeemed_at"]),
        row["kid"],
    )


def _device(row: Row) -> Device:
    return Device(
        _key(row["jwk"]),
        Person(row["person"], row["program"], row["name"]),
        row["software"],
        row["key_store"],
        from_text(row["enrolled_at"]),
        row["source_address"],
        _moment(row["revoked_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


@lru_cache(maxsize=1024)
def _key(jwk: str) -> PublicKey:
    return PublicKey.from_jwk(json.loads(jwk))

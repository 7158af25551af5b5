"""People as a program knows them, their invitations, and the device keys enrolled with these."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

from homecheck.appraisal import Verdict
from homecheck.collector.store.connection import Rows, insert_rows, marks
from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.collector.store.scope import Scope
from homecheck.signing import PublicKey, base64url
from homecheck.standards.rfc_3339 import from_text, to_text

InviteState = Literal["open", "used", "expired"]
ID_BYTES: Final = 16
AT_A_TIME: Final = 1_000  # rows, of lists that may be longer than memory should hold


@dataclass(frozen=True)
class Person:
    """Somebody in one program; `id` is opaque, the `sub` of their evidence."""

    id: str
    program: str
    name: str

    @classmethod
    def new(cls, program: str, name: str) -> Person:
        """Return somebody whom nobody knows yet.

        No id begins with a minus: in tables it would get an apostrophe in front (csv_safe) and match nothing any more.
        """
        while (drawn := base64url(secrets.token_bytes(ID_BYTES))).startswith("-"):
            pass
        return cls(drawn, program, name)


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
    revoked_reason: str = ""
    replaces: str | None = None  # kid of the key that named this one its heir
    replaced_at: datetime | None = None  # when this one named its own


@dataclass(frozen=True)
class LatestCheck:
    """What a device key has signed and we have received last."""

    digest: str
    verdict: Verdict
    received_at: datetime


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


def names(db: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the names of some hundred people, by id; nothing for who is not there any more."""
    if not ids:
        return {}
    rows = db.execute(f"SELECT id, name FROM person WHERE id IN ({marks(ids)})", ids)  # noqa: S608 - marks only
    return {row["id"]: row["name"] for row in rows}


def add_person(db: Connection, who: Person, now: datetime) -> None:
    """Store a new person."""
    db.execute(
        "INSERT INTO person (id, program, name, folded, created_at) VALUES (?, ?, ?, ?, ?)",
        (who.id, who.program, who.name, who.name.casefold(), to_text(now)),
    )


def latest_evidence(db: Connection, person_id: str) -> str | None:
    """Return the digest of the evidence of a person that was received last, or None."""
    sql = "SELECT digest FROM evidence JOIN person ON person.latest = evidence.position WHERE person.id = ?"
    row = one_or_none(db, sql, person_id)
    return None if row is None else row["digest"]


def checked(db: Connection, ids: Sequence[str]) -> list[str]:
    """Return those of some hundred people whose last check is here."""
    if not ids:
        return []
    sql = f"SELECT id FROM person WHERE latest IS NOT NULL AND id IN ({marks(ids)})"  # noqa: S608 - marks only
    return [row["id"] for row in db.execute(sql, ids)]


def with_other_checks(db: Connection, ids: Sequence[str]) -> frozenset[str]:
    """Return those of many people of whom evidence is here, whether or not the lists show it."""
    found: set[str] = set()
    for at in range(0, len(ids), AT_A_TIME):
        some = ids[at : at + AT_A_TIME]
        sql = f"SELECT DISTINCT person FROM evidence WHERE person IN ({marks(some)})"  # noqa: S608 - marks only
        found |= {row["person"] for row in db.execute(sql, some)}
    return frozenset(found)


def with_evidence(db: Connection, program: str) -> list[tuple[Person, str]]:
    """Return the people of a program of whom evidence was received, by name, each with the digest of the latest."""
    rows = db.execute(
        "SELECT person.id, person.program, person.name, digest FROM person"
        " JOIN evidence ON evidence.position = person.latest WHERE person.program = ? ORDER BY folded, person.id",
        (program,),
    )
    return [(Person(row["id"], row["program"], row["name"]), row["digest"]) for row in rows]


def each_with_evidence(db: Connection, program: str) -> Iterator[tuple[Person, str]]:
    """Yield the same people by id, some at a time: a program may have more of them than memory should hold."""
    last = ""
    while True:
        rows = db.execute(
            "SELECT person.id, person.program, person.name, evidence.digest FROM person"
            " JOIN evidence ON evidence.position = person.latest"
            " WHERE person.program = ? AND person.id > ? ORDER BY person.id LIMIT ?",
            (program, last, AT_A_TIME),
        ).fetchall()
        for row in rows:
            yield Person(row["id"], row["program"], row["name"]), row["digest"]
        if len(rows) < AT_A_TIME:
            return
        last = rows[-1]["id"]


def phone(db: Connection, person_id: str) -> str | None:
    """Return the person's telephone number on file (E.164), or None."""
    row = one_or_none(db, "SELECT phone FROM person WHERE id = ?", person_id)
    return None if row is None else row["phone"]


def set_phone(db: Connection, person_id: str, number: str) -> bool:
    """Put a number on file; tell whether this changed anything."""
    sql = "UPDATE person SET phone = ? WHERE id = ? AND (phone IS NULL OR phone <> ?)"
    return db.execute(sql, (number, person_id, number)).rowcount > 0


def add_invite(db: Connection, invite: Invite, now: datetime, by: str) -> None:
    """Store a new invitation."""
    db.execute(
        "INSERT INTO invite (code_sha256, program, person, created_at, created_by, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (invite.code_sha256, invite.person.program, invite.person.id, to_text(now), by, to_text(invite.expires_at)),
    )


def called(db: Connection, program: str, names: Sequence[str]) -> dict[str, tuple[Person, str | None]]:
    """Return by name those of at most some hundred `names` that are in a program, each with the number on file."""
    sql = f"SELECT id, program, name, phone FROM person WHERE program = ? AND name IN ({marks(names)})"  # noqa: S608 - question marks
    rows = db.execute(sql, (program, *names))
    return {row["name"]: (Person(row["id"], row["program"], row["name"]), row["phone"]) for row in rows}


def add_people(db: Connection, new: Sequence[tuple[Person, str]], now: datetime) -> None:
    """Store new people, each with the number on file or an empty text."""
    at = to_text(now)
    db.executemany(
        "INSERT INTO person (id, program, name, folded, created_at, phone) VALUES (?, ?, ?, ?, ?, ?)",
        [(who.id, who.program, who.name, who.name.casefold(), at, number or None) for who, number in new],
    )


def add_invites(db: Connection, invites: Sequence[Invite], now: datetime, by: str) -> None:
    """Store new invitations."""
    at = to_text(now)
    db.executemany(
        "INSERT INTO invite (code_sha256, program, person, created_at, created_by, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(one.code_sha256, one.person.program, one.person.id, at, by, to_text(one.expires_at)) for one in invites],
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


def invites(
    db: Connection, scope: Scope, program: str, state: InviteState | None, now: datetime, *, after: str, limit: int
) -> list[Invite]:
    """Return the next `limit` invitations behind the digest `after`, in the order of their codes' digests."""
    within, names = scope.condition("invite.program")
    condition, values = _IN_STATE[state] if state else ("1 = 1", 0)
    rows = db.execute(
        "SELECT invite.*, person.name FROM invite JOIN person ON person.id = invite.person"  # noqa: S608 - our words
        f" WHERE {within} AND (? = '' OR invite.program = ?) AND {condition} AND code_sha256 > ?"
        " ORDER BY code_sha256 LIMIT ?",
        (*names, program, program, *[to_text(now)] * values, after, limit),
    )
    return [_invite(row) for row in rows]


def invite_called(db: Connection, shown: str) -> Invite | None:
    """Return the invitation whose code has a digest that begins so (hexadecimal digits), or None."""
    row = one_or_none(
        db,
        "SELECT invite.*, person.name FROM invite JOIN person ON person.id = invite.person"
        " WHERE code_sha256 >= ? AND code_sha256 < ?",
        shown,
        f"{shown}g",  # behind every digit
    )
    return None if row is None else _invite(row)


_IN_STATE: Final[Mapping[InviteState, tuple[str, int]]] = {  # each with how many times it is compared with now
    "open": ("redeemed_at IS NULL AND expires_at > ?", 1),
    "used": ("redeemed_at IS NOT NULL", 0),
    "expired": ("redeemed_at IS NULL AND expires_at <= ?", 1),
}


def redeem(db: Connection, invite: Invite, device: Device, enrolment: bytes) -> None:
    """Mark the invitation as used by this device and enrol the key."""
    at = to_text(device.enrolled_at)
    db.execute(
        "UPDATE invite SET redeemed_at = ?, kid = ? WHERE code_sha256 = ?", (at, device.key.kid, invite.code_sha256)
    )
    _add_device(db, device, enrolment)


def succeed(db: Connection, old: Device, heir: Device, rotation: bytes) -> None:
    """Enrol the key that `old` has named its heir, by the signed document `rotation`."""
    db.execute("UPDATE device SET replaced_at = ? WHERE kid = ?", (to_text(heir.enrolled_at), old.key.kid))
    _add_device(db, heir, rotation)


def _add_device(db: Connection, device: Device, document: bytes) -> None:
    db.execute(
        "INSERT INTO device"
        " (kid, jwk, program, person, software, key_store, enrolment, enrolled_at, source_address, replaces)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device.key.kid, json.dumps(device.key.jwk()), device.person.program, device.person.id, device.software,
            device.key_store, document, to_text(device.enrolled_at), device.source_address, device.replaces,
        ),
    )  # fmt: skip


def note_latest(db: Connection, positions: Mapping[str, int]) -> None:
    """Store where in the log the latest evidence of keys stands, inside a transaction."""
    conflict = "ON CONFLICT (kid) DO UPDATE SET position = excluded.position"
    insert_rows(db, "device_latest (kid, position)", list(positions.items()), conflict)


def find_device(db: Connection, kid: str) -> Device | None:
    """Return the enrolled device, or None."""
    return find_devices(db, [kid]).get(kid)


def find_devices(db: Connection, kids: Sequence[str]) -> dict[str, Device]:
    """Return those of `kids` that are enrolled, each with its device."""
    if not kids:
        return {}
    rows = db.execute(
        "SELECT device.*, person.name FROM device JOIN person ON person.id = device.person"  # noqa: S608 - marks only
        f" WHERE kid IN ({marks(kids)})",
        kids,
    )
    return {row["kid"]: _device(row) for row in rows}


def heir_of(db: Connection, kid: str) -> Device | None:
    """Return the key that took the place of the key `kid`, or None."""
    row = one_or_none(
        db, "SELECT device.*, person.name FROM device JOIN person ON person.id = device.person WHERE replaces = ?", kid
    )
    return None if row is None else _device(row)


def heirs_since(db: Connection, person_id: str, since: datetime) -> int:
    """Return how often a person's keys were replaced after `since`."""
    sql = "SELECT COUNT(*) AS number FROM device WHERE person = ? AND replaces IS NOT NULL AND enrolled_at > ?"
    row = one_or_none(db, sql, person_id, to_text(since))
    return 0 if row is None else int(row["number"])


def devices_of(db: Connection, person_id: str) -> list[Device]:
    """Return a person's devices, newest first."""
    rows = db.execute(
        "SELECT device.*, person.name FROM device JOIN person ON person.id = device.person WHERE person = ?"
        " ORDER BY enrolled_at DESC, replaced_at IS NOT NULL, kid",
        (person_id,),
    )
    return [_device(row) for row in rows]


def every_device(db: Connection, program: str = "") -> list[Device]:
    """Return all devices, or those of one program, by program and name, a person's newest first."""
    rows = db.execute(
        "SELECT device.*, person.name FROM device JOIN person ON person.id = device.person"
        " WHERE ? IN ('', device.program) ORDER BY device.program, person.folded,"
        " enrolled_at DESC, replaced_at IS NOT NULL, kid",
        (program,),
    )
    return [_device(row) for row in rows]


_LATEST_CHECK: Final = (
    "SELECT device.kid, digest, verdict, received_at FROM device JOIN device_latest ON device_latest.kid = device.kid"
    " JOIN evidence ON evidence.position = device_latest.position"
)


def latest_checks_of(db: Connection, person_id: str) -> dict[str, LatestCheck]:
    """Return what each of a person's keys has signed last, by key."""
    return _by_key(db.execute(f"{_LATEST_CHECK} WHERE device.person = ?", (person_id,)))


def every_latest_check(db: Connection, program: str = "") -> dict[str, LatestCheck]:
    """Return what each key has signed last, by key; of all, or of one program."""
    return _by_key(db.execute(f"{_LATEST_CHECK} WHERE ? IN ('', device.program)", (program,)))


def _by_key(rows: Rows) -> dict[str, LatestCheck]:
    return {
        row["kid"]: LatestCheck(row["digest"], Verdict.of(row["verdict"]), from_text(row["received_at"]))
        for row in rows
    }


def revoke(db: Connection, kid: str, now: datetime, reason: str = "") -> bool:
    """Refuse the device's evidence from now on; what came before stays good. Tell whether this changed anything."""
    sql = "UPDATE device SET revoked_at = ?, revoked_reason = ? WHERE kid = ? AND revoked_at IS NULL"
    return db.execute(sql, (to_text(now), reason, kid)).rowcount > 0


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
        row["revoked_reason"],
        row["replaces"],
        _moment(row["replaced_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


@lru_cache(maxsize=1024)
def _key(jwk: str) -> PublicKey:
    return PublicKey.from_jwk(json.loads(jwk))

"""Changing the key of an enrolment: `rotate`, in steps of which each may be the last before a power cut.

    1. the new key, in its place                         killed here: a key that nobody knows lies about, and is no use
    2. the note enrolments/rotating/<program>.json       from here on the same rotation is sent again, byte for byte
    3. POST /v1/keys/rotation                            answer lost: the collector gives the same one again
    4. the enrolment names the new key                   from here on it signs
    5. the note goes
    6. the old key goes, as soon as no evidence that it signed waits any more

Whenever it stops, the key that the enrolment names is one that the collector takes: the old one until step 4 (for 24 h
after step 3), then the new one. The caller keeps checks from running meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from homecheck import durable, rotation
from homecheck.config import Home
from homecheck.enrolment import JOSE, Enrolment, forget_retired, software, store_enrolment, with_retired
from homecheck.errors import EnrolmentError, KeyStoreError, Refused
from homecheck.exchange import Answer, Http, NoAnswer, exchange
from homecheck.key_stores import Store, create_key, destroy_key, read_key, store_of
from homecheck.signing import MAX_ENVELOPE
from homecheck.strict_json import Record, parse_object, serialize
from homecheck.witness import inherit

# Answers after which the same rotation can never be taken any more; anything else may be a passing trouble, or come
# from somebody in between, and the collector may have taken the new key already.
FINAL: Final = frozenset({"key-revoked", "key-replaced", "key-in-use", "unknown-device"})
AGAIN: Final = (
    "The old key counts until the change is complete. Give the same command again: it goes on where it stopped."
)


@dataclass(frozen=True)
class Begun:
    """A rotation that was begun and not completed."""

    old: str  # kid
    new: str  # kid
    envelope: bytes


def rotate(enrolment: Enrolment, home: Home, http: Http, now: datetime, store: Store | None = None) -> Enrolment:
    """Give the enrolment a new key, kept in `store` (None: where the old one is), and return it as it is then.

    One that was begun before is completed instead. EnrolmentError or KeyStoreError when it cannot be done now; the
    enrolment then still works with the key that it has.
    """
    begun = begun_rotation(enrolment, home)
    if begun is None:
        begun = _begin(enrolment, home, now, store)
    elif store not in (None, found := store_of(_key_path(home, begun.new))):
        message = f"{enrolment.program}: a change to a key kept in {found} was begun before"
        raise KeyStoreError(message, f"Complete it first: homecheck rotate {enrolment.program}")
    host = urlsplit(enrolment.collector).netloc
    try:
        answer = exchange(
            http, "POST", f"{enrolment.collector}/v1/keys/rotation", body=begun.envelope, content_type=JOSE
        )
    except NoAnswer as error:
        raise EnrolmentError(error.message, f"{error.advice} {AGAIN}") from None
    if answer.status not in (200, 201):
        raise _refused(enrolment, home, begun, answer, host)
    _check_answer(answer, begun, host)
    inherit(home, begun.old, begun.new)
    changed = replace(enrolment, kid=begun.new, retired=with_retired(home, enrolment))
    store_enrolment(home, changed)
    durable.remove(_note_path(home, enrolment))
    forget_retired(home, changed)
    return changed


def begun_rotation(enrolment: Enrolment, home: Home) -> Begun | None:
    """Return the rotation that was begun for the key of this enrolment, if there is one; a damaged note counts as none.

    A note about a key that is not the enrolment's any more is removed: the change was completed, or there was a new
    invitation since.
    """
    data = durable.read(_note_path(home, enrolment))
    if data is None:
        return None
    try:
        record = Record(parse_object(data), "rotation")
        envelope = record.text("envelope", max_length=MAX_ENVELOPE).encode()
        begun = Begun(record.text("old"), record.text("new"), envelope)
    except Refused:
        begun = None
    if begun is not None and begun.old == enrolment.kid and _key_path(home, begun.new).exists():
        return begun
    if begun is not None and begun.new != enrolment.kid:
        destroy_key(_key_path(home, begun.new))
    durable.remove(_note_path(home, enrolment))
    return None


def _begin(enrolment: Enrolment, home: Home, now: datetime, store: Store | None) -> Begun:
    """Make the new key and the signed rotation, and note both before anything is sent."""
    old_path = _key_path(home, enrolment.kid)
    old = read_key(old_path)
    new = create_key(home.keys, store or store_of(old_path))
    envelope = rotation.request(old, new, enrolment.collector, software(), now)
    note = {"old": enrolment.kid, "new": new.public.kid, "envelope": envelope.decode()}
    durable.write(_note_path(home, enrolment), serialize(note))
    return Begun(enrolment.kid, new.public.kid, envelope)


def _refused(enrolment: Enrolment, home: Home, begun: Begun, answer: Answer, host: str) -> EnrolmentError:
    """Return the error for an answer that is no success; a rotation that can never succeed is forgotten."""
    problem = answer.problem()
    if problem.reason not in FINAL:
        said = f"{problem.detail} ({problem.reason or f'HTTP status {answer.status}'})"
        return EnrolmentError(f"{host} does not change the key now: {said}", AGAIN)
    destroy_key(_key_path(home, begun.new))
    durable.remove(_note_path(home, enrolment))
    return EnrolmentError(f"{host} does not change the key: {problem.detail} ({problem.reason})", problem.advice)


def _check_answer(answer: Answer, begun: Begun, host: str) -> None:
    try:
        record = answer.members()
        if (record.text("device"), record.text("replaces")) != (begun.new, begun.old):
            raise Refused("schema", "the answer is about other keys")
    except Refused as error:
        raise EnrolmentError(f"{host} does not answer like a homecheck collector: {error.message}", AGAIN) from None


def _note_path(home: Home, enrolment: Enrolment) -> Path:
    return home.enrolments / "rotating" / f"{enrolment.program}.json"


def _key_path(home: Home, kid: str) -> Path:
    return home.keys / f"{kid}.jwk"

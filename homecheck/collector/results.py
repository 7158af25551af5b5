"""Signed results and credentials: what a third party can check without this collector.

A result is signed once for each appraisal and kept; who asks again gets the same bytes. The first one says what the
receipt says, which is signed already: it is made when somebody wants it, from the receipt (docs/decisions/0056). A
credential is made when its holder asks, with fresh salts each time, and not kept: nobody here can tell what was shown
of it, or to whom.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from homecheck import credential
from homecheck.appraisal import AttestationResult
from homecheck.collector import challenge
from homecheck.collector.context import Collector
from homecheck.collector.devices import check_counts, find_device
from homecheck.collector.problems import Problem
from homecheck.collector.store import evidence as evidence_store
from homecheck.collector.store import people, programs
from homecheck.collector.store import results as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.evidence import Stored
from homecheck.collector.store.people import Device, Person
from homecheck.collector.store.results import StoredResult
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.receipt import Freshness, verify_receipt
from homecheck.result import Asks, Request, Result, regions_of, verify_result
from homecheck.signing import EVIDENCE, RESULT, RESULT_REQUEST, PublicKey, verify


@dataclass(frozen=True)
class Appraised:
    """One appraisal of one piece of evidence, and everything else that a result says."""

    evidence: Evidence
    person: Person
    received_at: datetime
    freshness: Freshness
    findings: AttestationResult
    number: int
    at: datetime


@dataclass(frozen=True)
class Asked:
    """A request whose signature, address and challenge are good, and the evidence that it is about."""

    device: Device
    stored: Stored


def sign(collector: Collector, db: Connection, found: Appraised) -> StoredResult:
    """Return the signed result of an appraisal; whoever stores it has the same bytes for everybody from then on."""
    program = programs.get(db, found.person.program)
    policy = programs.policy_by_digest(db, program.id, found.findings.policy_digest) or program.policy
    result = Result(
        issuer=collector.url,
        program=program.id,
        program_title=program.title,
        subject=found.person.id,
        name=found.person.name,
        device=found.evidence.device.kid,
        evidence_id=found.evidence.id,
        started_at=found.evidence.started_at,
        finished_at=found.evidence.finished_at,
        received_at=found.received_at,
        appraised_at=found.at,
        expires_at=found.received_at + policy.recheck_every(),
        number=found.number,
        freshness=found.freshness,
        findings=found.findings,
        regions=regions_of(found.evidence),
    )
    return StoredResult(found.number, found.at, collector.sign(result.to_bytes(), RESULT))


def evidence_in(db: Connection, found: Stored) -> Evidence:
    """Return the stored evidence, its signature checked once more. Refused when it is not what was received."""
    device = find_device(db, found.summary.kid)
    return Evidence.from_bytes(verify(found.envelope, EVIDENCE, {device.key.kid: device.key}.get))


def current(db: Connection, collector: Collector, found: Stored) -> StoredResult:
    """Return the newest result, inside a transaction; the first one is made and kept when it is wanted first."""
    if (known := store.latest(db, found.summary.position)) is not None:
        return known
    made = _first(db, collector, found)
    store.add(db, found.summary.position, made)
    return made


def every(db: Connection, collector: Collector, found: Stored) -> list[StoredResult]:
    """Return all results, newest first; where none was asked for yet, the first one as it will be. Raises Refused."""
    return store.every(db, found.summary.position) or [_first(db, collector, found)]


def _first(db: Connection, collector: Collector, found: Stored) -> StoredResult:
    """Return the result that says what the receipt says. Refused when receipt or envelope are not genuine."""
    receipt = verify_receipt(found.receipt, found.summary.digest, collector.public_keys().get)
    at, evidence = receipt.received_at, evidence_in(db, found)
    return sign(collector, db, Appraised(evidence, found.person, at, receipt.freshness, receipt.result, 0, at))


def read_request(collector: Collector, db: Connection, envelope: bytes, asks: Asks) -> Asked:
    """Return who asks about which evidence. Refused or Problem for one that nobody may make."""
    device, evidence = read_asked(collector, db, envelope, asks)
    return Asked(device, _evidence_of(db, device, evidence))


def read_asked(collector: Collector, db: Connection, envelope: bytes, asks: Asks) -> tuple[Device, str | None]:
    """Return the device that asks, and the digest in its request. Refused or Problem for one that nobody may make."""
    found: list[Device] = []

    def key(kid: str) -> PublicKey:
        found.append(find_device(db, kid))
        return found[0].key

    request = Request.from_bytes(verify(envelope, RESULT_REQUEST, key))
    device, now = found[0], collector.clock()
    check_counts(device, now)
    if request.aud != collector.url:
        raise Problem("wrong-audience", f"this is meant for {request.aud!r:.100}, this collector is {collector.url}")
    if request.asks != asks:
        raise Problem("refused", f"the document asks for a {request.asks}, the address gives a {asks}")
    try:
        challenge.check(collector.keys.challenge_secret, device.key.kid, request.nonce, now)
    except Refused as error:
        raise Problem("stale-nonce", error.message, advice="Ask again with a fresh challenge.") from None
    collector.pace.check(device.key.kid)
    return device, request.evidence


def checked(collector: Collector, asked: Asked, found: StoredResult) -> Result:
    """Return what a stored result says; Problem when somebody has changed it: that never leaves as our word."""
    try:
        result = verify_result(found.document, collector.public_keys().get)
    except Refused as error:
        raise Problem("damaged", f"the stored result is not what was signed: {error.message}") from None
    if (result.evidence, result.subject) != (asked.stored.summary.digest, asked.stored.person.id):
        raise Problem("damaged", "the stored result is about other evidence")
    return result


def credential_of(collector: Collector, asked: Asked, result: Result) -> bytes:
    """Return a credential that says `result` of whoever holds the asking device's key."""
    now = collector.clock()
    if now >= result.expires_at:
        raise Problem("result-expired", f"this result counted until {result.expires_at:%Y-%m-%d %H:%M} UTC")
    return credential.issue(result, asked.device.key, now, collector.sign, secrets.token_bytes)


def _evidence_of(db: Connection, device: Device, digest: str | None) -> Stored:
    """Return evidence of the device's person; what is somebody else's is not even known to exist."""
    wanted = people.latest_evidence(db, device.person.id) if digest is None else digest
    found = evidence_store.find(db, wanted) if wanted is not None else None
    if found is None or found.person.id != device.person.id:
        raise Problem("no-result", "no evidence of this person was received under this digest")
    return found

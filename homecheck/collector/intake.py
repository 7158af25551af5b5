"""One upload: from received bytes to a stored receipt, one numbered step after the other.

Each step that fails ends it with its own reason. Steps 1 to 10 are `signing.verify`; step 13 stands before 14, because
an agent that lost the answer sends the same bytes later, when its challenge has expired, and must get its receipt.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from homecheck.appraisal import AttestationResult, Verdict, appraise
from homecheck.callback import is_confirmation
from homecheck.collector import callbacks, challenge
from homecheck.collector.challenge import RANDOM_BYTES, Challenge
from homecheck.collector.context import Collector
from homecheck.collector.devices import check_counts, enrolled
from homecheck.collector.overview import overview
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.quick_evidence import read_evidence
from homecheck.collector.store import callbacks as calls_store
from homecheck.collector.store import evidence as store
from homecheck.collector.store import people, programs
from homecheck.collector.store.arrivals import Waiting
from homecheck.collector.store.database import Connection
from homecheck.collector.store.evidence import Arrival, Judgement, Kept, ObservationCheck
from homecheck.collector.store.failures import NotStored
from homecheck.collector.store.log import Appended
from homecheck.collector.store.people import Device
from homecheck.collector.store.programs import Program, Responder
from homecheck.corroboration import Standing
from homecheck.errors import HomecheckError, Refused
from homecheck.evidence import Evidence
from homecheck.founded import founded
from homecheck.observation import SessionObservation
from homecheck.policy import Policy
from homecheck.receipt import Freshness, Statement, seal
from homecheck.signing import (
    EVIDENCE,
    KID_LENGTH,
    OBSERVATION,
    RECEIPT,
    PublicKey,
    digest,
    unverified_header,
    verify,
)
from homecheck.standards.rfc_3339 import to_text

MOST_IN_A_SPAN: Final = 200  # new evidence of one person; a check takes about a minute
SPAN: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Upload:
    """What arrived, for which address, from where and when."""

    envelope: bytes
    evidence_id: str
    source_address: str
    received_at: datetime


@dataclass(frozen=True)
class Conflict:
    """Evidence under an id that belongs to other bytes, those called `known`."""

    arrival: Arrival
    known: str


Taken = bytes | Waiting | Conflict | HomecheckError  # the receipt of bytes that are known, what to store, or why not


def take_all(collector: Collector, uploads: Sequence[Upload]) -> list[Taken]:
    """Return what becomes of each upload; what it takes from the database is asked for all together.

    Raises NotStored for all when the database gives no answer.
    """
    db = collector.readers()
    devices = people.find_devices(db, list({kid for one in uploads if (kid := _claimed_kid(one.envelope))}))
    verified = [_each(partial(_authentic, collector, devices), upload) for upload in uploads]
    asked = _Asked.of(db, [one for one in verified if isinstance(one, _Authentic)])
    return [
        _each(partial(_answer, collector, db, asked), one) if isinstance(one, _Authentic) else one for one in verified
    ]


Given = TypeVar("Given")
Found = TypeVar("Found")


def _each(work: Callable[[Given], Found], item: Given) -> Found | HomecheckError:
    """Do `work` for one of many, so that what is refused is refused alone."""
    try:
        return work(item)
    except NotStored:
        raise  # it concerns all
    except HomecheckError as error:
        return error


def _claimed_kid(envelope: bytes) -> str:
    """Return the key's name that a header claims, to be looked up and not to be believed; empty where it is none."""
    try:
        kid = unverified_header(envelope)["kid"]
    except Refused:
        return ""
    return kid if len(kid) == KID_LENGTH and _KID.fullmatch(kid) else ""


_KID: Final = re.compile("[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True)
class _Authentic:
    """An upload that is what it claims to be: its device's, and meant for this collector."""

    arrival: Arrival
    device: Device


def _authentic(collector: Collector, devices: Mapping[str, Device], upload: Upload) -> _Authentic:
    # 1. to 10. Authenticity.
    device, evidence = _verified(devices, upload.envelope)
    # 12. Meant for this collector, this address, this device and this person. (11., the schema, is behind it.)
    _check_addressed(collector.url, upload.evidence_id, device, evidence)
    name = digest(upload.envelope)
    arrival = Arrival(upload.envelope, name, evidence, device.person, upload.received_at, upload.source_address)
    return _Authentic(arrival, device)


@dataclass(frozen=True)
class _Asked:
    """What the database knows of uploads that are authentic."""

    receipts: Mapping[str, bytes]  # by digest
    digests: Mapping[str, str]  # by id
    earlier: Mapping[str, datetime]  # by person: when the last but MOST_IN_A_SPAN - 1 was received
    programs: Mapping[str, Program]

    @classmethod
    def of(cls, db: Connection, found: Sequence[_Authentic]) -> _Asked:
        """Ask for all of them together."""
        arrivals = [one.arrival for one in found]
        if not found:
            return cls({}, {}, {}, {})
        with db.together():
            known = store.ask_known(db, [one.evidence.id for one in arrivals])
            earlier = store.ask_received_before(db, list({one.person.id for one in arrivals}), MOST_IN_A_SPAN)
            judged_by = programs.ask_for(db, list({one.person.program for one in arrivals}))
        receipts, digests = known()
        return cls(receipts, digests, earlier(), judged_by())


def _answer(collector: Collector, db: Connection, asked: _Asked, found: _Authentic) -> bytes | Waiting | Conflict:
    arrival, device = found.arrival, found.device
    # 13. The same bytes again get the receipt they have, other bytes under their id are refused. (The writer asks both
    #     again, for two uploads that arrive at once.)
    if (receipt := asked.receipts.get(arrival.digest)) is not None:
        return receipt
    collector.pace.check(device.key.kid)  # before the conflict, which leaves a line behind
    if (known := asked.digests.get(arrival.evidence.id)) is not None:
        return Conflict(arrival, known)
    # 14. The key counts at the time of receipt; the challenge is ours, this device's and alive.
    check_counts(device, arrival.received_at)
    freshness = _freshness(collector, db, device, arrival.evidence, arrival.received_at)
    _check_pace(asked.earlier.get(arrival.person.id), arrival.received_at)
    judgement = _judge(collector, db, asked.programs[arrival.person.program].policy, arrival, freshness)
    return _waiting(collector, arrival, judgement)


def receipt_or_conflict(kept: Kept) -> bytes:
    """Return the receipt; Problem when the id belongs to other bytes."""
    if kept.receipt is None:
        raise Problem("id-conflict", "evidence with this id was received before, with other bytes")
    return kept.receipt


def new_challenge(collector: Collector, kid: str) -> Challenge:
    """Return a fresh challenge for the device."""
    random = secrets.token_bytes(RANDOM_BYTES)
    return challenge.issue(collector.keys.challenge_secret, kid, collector.clock(), random)


def _check_pace(earlier: datetime | None, now: datetime) -> None:
    """Raise Problem for more new evidence than any home office makes: one key must not fill the disk of all.

    `earlier` is when the last but MOST_IN_A_SPAN - 1 of this person's was received.
    """
    if earlier is None or not timedelta(0) <= now - earlier < SPAN:  # a clock that was set back refuses nobody
        return
    wait = int((earlier + SPAN - now).total_seconds()) + 1
    detail = f"{MOST_IN_A_SPAN} checks came from this person within {SPAN.total_seconds() / 60:.0f} minutes"
    raise retry_later("slow-down", detail, wait)


def check_observation(
    text: str, evidence: Evidence, responders: list[Responder]
) -> tuple[ObservationCheck, SessionObservation | None]:
    """Return whose signature an observation bears and whether it is about this check; then with what it says."""
    by_kid = {responder.key.kid: responder for responder in responders}
    signer: list[Responder] = []

    def key(kid: str) -> PublicKey | None:
        if (found := by_kid.get(kid)) is None:
            return None
        signer.append(found)
        return found.key

    try:
        observation = SessionObservation.from_bytes(verify(text.encode("utf-8"), OBSERVATION, key))
    except Refused as error:
        return ObservationCheck(None, error.message), None
    if observation.nonce is None:
        # Else two Nones would be equal, and any session's observation would do for any evidence made offline.
        return ObservationCheck(signer[0].url, "it carries no challenge, so it may be of any check"), None
    if observation.nonce != evidence.nonce:
        return ObservationCheck(signer[0].url, "it was made for another challenge than the evidence"), None
    return ObservationCheck(signer[0].url), observation


def _verified(devices: Mapping[str, Device], envelope: bytes) -> tuple[Device, Evidence]:
    found: list[Device] = []

    def key(kid: str) -> PublicKey:
        found.append(enrolled(devices.get(kid), kid))
        return found[0].key

    payload = verify(envelope, EVIDENCE, key)
    return found[0], read_evidence(payload)


def _check_addressed(url: str, evidence_id: str, device: Device, evidence: Evidence) -> None:
    if evidence.aud != url:
        raise Problem("wrong-audience", f"this evidence is meant for {evidence.aud!r:.100}, this collector is {url}")
    if evidence.id != evidence_id:
        raise Problem("wrong-id", f"the evidence says {evidence.id}, the address says {evidence_id!r:.60}")
    if evidence.device.kid != device.key.kid:
        raise Problem("wrong-device", "the evidence names another device key than the one that signed it")
    if evidence.sub not in (None, device.person.id):
        raise Problem("wrong-subject", "the evidence names another person than the one this key is enrolled for")


def _freshness(collector: Collector, db: Connection, device: Device, evidence: Evidence, now: datetime) -> Freshness:
    if evidence.nonce is None:
        return "none"
    kid = device.key.kid
    try:
        found = _alive(collector, db, kid, evidence.nonce, now)
    except Refused as error:
        fresh = new_challenge(collector, kid)
        extra = {"nonce": fresh.nonce, "expires_at": to_text(fresh.expires_at)}
        raise Problem("stale-nonce", error.message, extra=extra) from None
    return challenge.freshness(found, now, evidence.finished_at - evidence.started_at)


def _alive(collector: Collector, db: Connection, kid: str, nonce: str, now: datetime) -> Challenge:
    """Return the challenge if it is alive, or a call-back was asked for while it was. Refused: ``stale-nonce``."""
    secret = collector.keys.challenge_secret
    try:
        return challenge.check(secret, kid, nonce, now)
    except Refused:
        call = calls_store.of_nonce(db, kid, nonce)
        return challenge.check(secret, kid, nonce, callbacks.alive_at(call, now))


def _judge(collector: Collector, db: Connection, policy: Policy, arrival: Arrival, freshness: Freshness) -> Judgement:
    evidence, at = arrival.evidence, arrival.received_at
    found = _judged(collector, db, evidence, policy, arrival.digest)
    shown = overview(evidence, found.policy, found.verdicts, at, found.seen)
    return Judgement(freshness, found.result, shown, found.checks)


@dataclass(frozen=True)
class Judged:
    """An appraisal with what it rests on: the policy, and the observations that counted."""

    result: AttestationResult
    policy: Policy
    checks: tuple[ObservationCheck, ...]
    seen: tuple[SessionObservation, ...]

    @property
    def verdicts(self) -> list[tuple[str, Verdict]]:
        """The verdict of each finding, by quantity."""
        return [(one.quantity, one.verdict) for one in self.result.findings]


def judge(collector: Collector, db: Connection, evidence: Evidence, program: str, name: str) -> Judged:
    """Appraise under the program's current policy; what the agent thought of it is not even asked.

    `name` is the digest of the evidence. Observations count that a responder trusted now has signed.
    """
    return _judged(collector, db, evidence, programs.get(db, program).policy, name)


def _judged(collector: Collector, db: Connection, evidence: Evidence, policy: Policy, name: str) -> Judged:
    standings, checks, seen = weigh(collector, db, evidence)
    return Judged(appraise(evidence, policy, name, standings), policy, checks, seen)


Weighed = tuple[Mapping[str, Standing], tuple[ObservationCheck, ...], tuple[SessionObservation, ...]]


def weigh(collector: Collector, db: Connection, evidence: Evidence) -> Weighed:
    """Return how well each value is founded, what others' statements in the evidence are worth, and what they say."""
    trusted = programs.responders(db) if evidence.observations else []
    statements = [_check_statement(collector, db, text, evidence, trusted) for text in evidence.observations]
    pairs = zip(evidence.observations, statements, strict=True)
    good = tuple(text for text, (check, _) in pairs if not check.defect)
    seen = [observation for _, observation in statements if observation is not None]
    heard = evidence if good == evidence.observations else replace(evidence, observations=good)
    standings = founded(heard, collector.public_keys().get, seen)
    return standings, tuple(check for check, _ in statements), tuple(seen)


def _check_statement(
    collector: Collector, db: Connection, text: str, evidence: Evidence, responders: list[Responder]
) -> tuple[ObservationCheck, SessionObservation | None]:
    """Return whose signature a statement in the evidence bears: a responder's, or our own under a call-back."""
    if not is_confirmation(text):
        return check_observation(text, evidence, responders)
    defect = callbacks.check_confirmation(collector, db, text, evidence.nonce, evidence.device.kid)
    return ObservationCheck(None if defect else collector.url, defect), None


def _waiting(collector: Collector, arrival: Arrival, judgement: Judgement) -> Waiting:
    statement = Statement(
        envelope=arrival.digest,
        evidence_id=arrival.evidence.id,
        issuer=collector.url,
        program=arrival.person.program,
        received_at=arrival.received_at,
        freshness=judgement.freshness,
        result=judgement.result,
    ).statement()

    def sealed(appended: Appended) -> bytes:
        """Return the receipt; it leaves this process only after the commit that stores it with the envelope."""
        return collector.sign(seal(statement, collector.log.proof(appended), collector.log.key), RECEIPT)

    return Waiting(arrival, judgement, statement, sealed)

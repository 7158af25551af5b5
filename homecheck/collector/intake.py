"""One upload: from received bytes to a stored receipt, one numbered step after the other.

Each step that fails ends it with its own reason. Steps 1 to 10 are `signing.verify`; step 13 stands before 14, because
an agent that lost the answer sends the same bytes later, when its challenge has expired, and must get its receipt.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from homecheck.appraisal import appraise
from homecheck.collector import challenge
from homecheck.collector.challenge import RANDOM_BYTES, Challenge
from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.store import evidence as store
from homecheck.collector.store import people, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.evidence import Arrival, Judgement, Kept, ObservationCheck
from homecheck.collector.store.people import Device
from homecheck.collector.store.programs import Responder
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.observation import SessionObservation
from homecheck.receipt import Freshness, Receipt
from homecheck.signing import EVIDENCE, OBSERVATION, RECEIPT, PublicKey, digest, verify
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


def take(collector: Collector, upload: Upload) -> bytes | Future[Kept]:
    """Return the receipt of bytes that are known, or the promise of one for bytes that are new.

    Raises Refused or Problem for what is not taken, Busy and NotStored for what cannot be taken now.
    """
    db = collector.readers()
    # 1. to 10. Authenticity.
    device, evidence = _verified(db, upload.envelope)
    # 12. Meant for this collector, this address, this device and this person. (11., the schema, is behind it.)
    _check_addressed(collector.url, upload.evidence_id, device, evidence)
    # 13. The same bytes again get the receipt they have, other bytes under their id are refused. (The writer asks both
    #     again, for two uploads that arrive at once.)
    name = digest(upload.envelope)
    if (receipt := store.receipt_of(db, name)) is not None:
        return receipt
    arrival = Arrival(upload.envelope, name, evidence, device.person, upload.received_at, upload.source_address)
    if (known := store.digest_of_id(db, evidence.id)) is not None:
        return collector.writer.submit(partial(store.note_conflict, arrival=arrival, known=known))
    # 14. The key counts at the time of receipt; the challenge is ours, this device's and alive.
    check_not_revoked(device, upload.received_at)
    freshness = _freshness(collector, device, evidence, upload.received_at)
    _check_pace(db, device.person.id, upload.received_at)
    return collector.writer.submit(_keep(collector, arrival, _judge(db, arrival, freshness)))


def receipt_or_conflict(kept: Kept) -> bytes:
    """Return the receipt; Problem when the id belongs to other bytes."""
    if kept.receipt is None:
        raise Problem("id-conflict", "evidence with this id was received before, with other bytes")
    return kept.receipt


def new_challenge(collector: Collector, kid: str) -> Challenge:
    """Return a fresh challenge for the device."""
    random = secrets.token_bytes(RANDOM_BYTES)
    return challenge.issue(collector.keys.challenge_secret, kid, collector.clock(), random)


def find_device(db: Connection, kid: str) -> Device:
    """Return the enrolled device; Problem when there is none."""
    device = people.find_device(db, kid)
    if device is None:
        raise Problem("unknown-device", f"no device key {kid!r:.60} is enrolled here")
    return device


def check_not_revoked(device: Device, now: datetime) -> None:
    """Raise Problem when the key was revoked by `now`."""
    if device.revoked_at is not None and device.revoked_at <= now:
        raise Problem("revoked", f"this device key was revoked on {device.revoked_at:%Y-%m-%d}")


def _check_pace(db: Connection, person_id: str, now: datetime) -> None:
    """Raise Problem for more new evidence than any home office makes: one key must not fill the disk of all."""
    earlier = store.received_before(db, person_id, MOST_IN_A_SPAN)
    if earlier is None or not timedelta(0) <= now - earlier < SPAN:  # a clock that was set back refuses nobody
        return
    wait = int((earlier + SPAN - now).total_seconds()) + 1
    detail = f"{MOST_IN_A_SPAN} checks came from this person within {SPAN.total_seconds() / 60:.0f} minutes"
    raise retry_later("slow-down", detail, wait)


def check_observation(text: str, evidence: Evidence, responders: list[Responder]) -> ObservationCheck:
    """Return whose signature an observation bears, and whether it is about this check."""
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
        return ObservationCheck(None, error.message)
    if observation.nonce is None:
        # Else two Nones would be equal, and any session's observation would do for any evidence made offline.
        return ObservationCheck(signer[0].url, "it carries no challenge, so it may be of any check")
    if observation.nonce != evidence.nonce:
        return ObservationCheck(signer[0].url, "it was made for another challenge than the evidence")
    return ObservationCheck(signer[0].url)


def _verified(db: Connection, envelope: bytes) -> tuple[Device, Evidence]:
    found: list[Device] = []

    def key(kid: str) -> PublicKey:
        found.append(find_device(db, kid))
        return found[0].key

    payload = verify(envelope, EVIDENCE, key)
    return found[0], Evidence.from_bytes(payload)


def _check_addressed(url: str, evidence_id: str, device: Device, evidence: Evidence) -> None:
    if evidence.aud != url:
        raise Problem("wrong-audience", f"this evidence is meant for {evidence.aud!r:.100}, this collector is {url}")
    if evidence.id != evidence_id:
        raise Problem("wrong-id", f"the evidence says {evidence.id}, the address says {evidence_id!r:.60}")
    if evidence.device.kid != device.key.kid:
        raise Problem("wrong-device", "the evidence names another device key than the one that signed it")
    if evidence.sub not in (None, device.person.id):
        raise Problem("wrong-subject", "the evidence names another person than the one this key is enrolled for")


def _freshness(collector: Collector, device: Device, evidence: Evidence, now: datetime) -> Freshness:
    if evidence.nonce is None:
        return "none"
    kid = device.key.kid
    try:
        found = challenge.check(collector.keys.challenge_secret, kid, evidence.nonce, now)
    except Refused as error:
        fresh = new_challenge(collector, kid)
        extra = {"nonce": fresh.nonce, "expires_at": to_text(fresh.expires_at)}
        raise Problem("stale-nonce", error.message, extra=extra) from None
    return challenge.freshness(found, now, evidence.finished_at - evidence.started_at)


def _judge(db: Connection, arrival: Arrival, freshness: Freshness) -> Judgement:
    """Appraise under the program's current policy; what the agent thought of it is not even asked."""
    policy = programs.get(db, arrival.person.program).policy
    trusted = programs.responders(db) if arrival.evidence.observations else []
    observed = (check_observation(text, arrival.evidence, trusted) for text in arrival.evidence.observations)
    return Judgement(freshness, appraise(arrival.evidence, policy, arrival.digest), tuple(observed))


def _keep(collector: Collector, arrival: Arrival, judgement: Judgement) -> Callable[[Connection], Kept]:
    def sign(position: int) -> bytes:
        """Return the receipt; it leaves this process only after the commit that stores it with the envelope."""
        receipt = Receipt(
            envelope=arrival.digest,
            evidence_id=arrival.evidence.id,
            issuer=collector.url,
            program=arrival.person.program,
            received_at=arrival.received_at,
            position=position,
            freshness=judgement.freshness,
            result=judgement.result,
        )
        return collector.sign(receipt.to_bytes(), RECEIPT)

    return partial(store.append, arrival=arrival, judgement=judgement, sign=sign)

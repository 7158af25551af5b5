"""One evidence made ready to be looked at: every signature is checked once more, from the bytes that are stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from homecheck.appraisal import AttestationResult, Finding
from homecheck.callback import Confirmation, is_confirmation
from homecheck.collector import results
from homecheck.collector.context import Collector
from homecheck.collector.store import events, people, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import Event
from homecheck.collector.store.evidence import ObservationCheck, Stored
from homecheck.collector.store.people import Device
from homecheck.collector.store.programs import Program, Responder
from homecheck.collector.store.results import StoredResult
from homecheck.corroboration import Standing
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.founded import founded
from homecheck.observation import SessionObservation
from homecheck.policy import Policy, Question, Requirement
from homecheck.receipt import Receipt, verify_receipt
from homecheck.result import verify_result
from homecheck.signing import CALLBACK, EVIDENCE, OBSERVATION, decode_base64url, digest, jwks, verify
from homecheck.strict_json import parse_object


@dataclass(frozen=True)
class Line:
    """A finding beside what the policy asked for."""

    finding: Finding
    asked: Requirement | Question | None

    @property
    def requirement(self) -> Requirement | None:
        """The limit, where it was one."""
        return self.asked if isinstance(self.asked, Requirement) else None


@dataclass(frozen=True)
class Observed:
    """A signed statement: what was found out on arrival, and its content where the key is still trusted.

    `content` is a responder's, `call` our own confirmation of a call-back.
    """

    check: ObservationCheck
    content: SessionObservation | None
    call: Confirmation | None = None


@dataclass(frozen=True)
class Document:
    """One of the stored documents: its text, and what is signed in it, written to be read."""

    title: str
    text: str
    plain: str

    def __iter__(self) -> Iterator[str]:
        """Iterate over title, text and what is signed."""
        return iter((self.title, self.text, self.plain))


@dataclass(frozen=True)
class Exhibit:
    """What a page shows. `defect` is not empty when the stored bytes are no longer what was received or signed.

    `results` are the signed results, newest first; the findings shown are those of the first.
    """

    program: Program
    device: Device | None
    evidence: Evidence | None
    receipt: Receipt | None
    results: tuple[StoredResult, ...]
    defect: str
    lines: tuple[Line, ...]
    observed: tuple[Observed, ...]
    standings: Mapping[str, Standing]  # of what somebody else has seen as well, by quantity
    alarms: tuple[Event, ...]
    proof: str  # that the receipt is in the log of now; empty: the log does not hold it any more
    documents: tuple[Document, ...]


def prepare(collector: Collector, db: Connection, stored: Stored) -> Exhibit:
    """Return everything about one evidence, read from its signed bytes."""
    program = programs.get(db, stored.person.program)
    device = people.find_device(db, stored.summary.kid)
    name = stored.summary.digest
    evidence, receipt, findings, defect = None, None, None, ""
    made: list[StoredResult] = []
    try:
        evidence = _evidence(stored, device)
        receipt = verify_receipt(stored.receipt, name, collector.public_keys().get)
        findings = receipt.result
        made = results.every(db, collector, stored)
        for one in reversed(made):
            findings = _result(collector, one, name)
    except Refused as error:
        defect = error.message
    policy = programs.policy_by_digest(db, program.id, stored.policy_digest)
    observed = _observed(collector, stored, evidence, programs.responders(db))
    proof = log_proof(collector, db, stored)
    return Exhibit(
        program=program,
        device=device,
        evidence=evidence,
        receipt=receipt,
        results=tuple(made),
        defect=defect,
        lines=_lines(findings, policy),
        observed=observed,
        standings=_standings(collector, evidence, observed),
        alarms=tuple(events.security_about(db, name)),
        proof=proof,
        documents=tuple(_documents(stored, made, proof)),
    )


def log_proof(collector: Collector, db: Connection, stored: Stored) -> str:
    """Return the proof that the receipt is in the log of now; nothing when it is not there any more."""
    proof = collector.log.later_proof(db, stored.summary.position)
    return "" if proof is None else proof.text()


def keys(collector: Collector, db: Connection, stored: Stored) -> dict[str, Any]:
    """Return as a JWK set what the documents are checked with: the device's key, ours, and our responders'.

    Each says whose it is: with a device's key nobody can have written the verdict that we are to give.
    """
    device = people.find_device(db, stored.summary.kid)
    every = {
        "device": {device.key.kid: device.key} if device else {},
        "collector": collector.public_keys(),
        "responder": {one.key.kid: one.key for one in programs.responders(db)},
    }
    found = {kid: key for keys in every.values() for kid, key in keys.items()}
    return jwks(found, {kid: signer for signer, keys in every.items() for kid in keys})


def _documents(stored: Stored, made: Sequence[StoredResult], proof: str) -> Iterator[Document]:
    yield _document("Envelope, as it was received", stored.envelope)
    yield _document("Receipt, as it was answered", stored.receipt)
    for one in made[:1]:
        yield _document("Result", one.document)
    if proof:
        yield Document("Log proof, of now", proof, "")


def _document(title: str, envelope: bytes) -> Document:
    """Return a signed document as it is stored, and its payload; changed bytes are shown all the same."""
    text = envelope.decode("utf-8", "replace")
    try:
        payload = parse_object(decode_base64url(text.split(".")[1]))
    except (Refused, IndexError):
        return Document(title, text, "")
    return Document(title, text, json.dumps(payload, indent=2, ensure_ascii=False))


def _evidence(stored: Stored, device: Device | None) -> Evidence:
    if digest(stored.envelope) != stored.summary.digest:
        raise Refused("other-envelope", "the stored envelope is not the one that this digest names")
    keys = {device.key.kid: device.key} if device else {}
    return Evidence.from_bytes(verify(stored.envelope, EVIDENCE, keys.get))


def _result(collector: Collector, made: StoredResult, name: str) -> AttestationResult:
    result = verify_result(made.document, collector.public_keys().get)
    if (result.evidence, result.number) != (name, made.number):
        raise Refused("other-evidence", "a stored result is not about this evidence, or is another one than its place")
    return result.findings


def _lines(result: AttestationResult | None, policy: Policy | None) -> tuple[Line, ...]:
    """Return the findings, worst first, each beside what it answers; `appraise` keeps the policy's order."""
    findings = result.findings if result else ()
    asked: Sequence[Requirement | Question | None] = [None] * len(findings)
    if policy:
        asked = [*policy.requirements, *policy.declarations]
    lines = [Line(finding, one) for finding, one in zip(findings, asked, strict=False)]
    return tuple(sorted(lines, key=lambda line: (-line.finding.verdict, line.finding.severity == "advisory")))


def _observed(
    collector: Collector, stored: Stored, evidence: Evidence | None, trusted: list[Responder]
) -> tuple[Observed, ...]:
    texts = evidence.observations if evidence else ()
    return tuple(
        Observed(check, None, _call(collector, text))
        if is_confirmation(text)
        else Observed(check, _content(text, trusted))
        for check, text in zip(stored.observations, texts, strict=False)
    )


def _standings(collector: Collector, evidence: Evidence | None, observed: Sequence[Observed]) -> Mapping[str, Standing]:
    """Return how well the values are founded, by the statements that were good on arrival and still are."""
    if evidence is None:
        return {}
    pairs = list(zip(evidence.observations, observed, strict=False))
    good = tuple(text for text, one in pairs if not one.check.defect)
    seen = [one.content for _, one in pairs if one.content is not None and not one.check.defect]
    return founded(replace(evidence, observations=good), collector.public_keys().get, seen)


def _call(collector: Collector, text: str) -> Confirmation | None:
    try:
        return Confirmation.from_bytes(verify(text.encode("utf-8"), CALLBACK, collector.public_keys().get))
    except Refused:
        return None


def _content(text: str, trusted: list[Responder]) -> SessionObservation | None:
    keys = {one.key.kid: one.key for one in trusted}
    try:
        return SessionObservation.from_bytes(verify(text.encode("utf-8"), OBSERVATION, keys.get))
    except Refused:
        return None

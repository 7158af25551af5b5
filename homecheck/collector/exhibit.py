"""One evidence made ready to be looked at: every signature is checked once more, from the bytes that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homecheck.appraisal import Finding
from homecheck.collector.context import Collector
from homecheck.collector.store import events, people, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import Event
from homecheck.collector.store.evidence import ObservationCheck, Stored
from homecheck.collector.store.people import Device
from homecheck.collector.store.programs import Program, Responder
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.observation import SessionObservation
from homecheck.policy import Policy, Question, Requirement
from homecheck.receipt import Receipt, verify_receipt
from homecheck.signing import EVIDENCE, OBSERVATION, digest, verify


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
    """An observation: what was found out on arrival, and its content where the key is still trusted."""

    check: ObservationCheck
    content: SessionObservation | None


@dataclass(frozen=True)
class Exhibit:
    """What a page shows. `defect` is not empty when the stored bytes are no longer what was received."""

    program: Program
    device: Device | None
    evidence: Evidence | None
    receipt: Receipt | None
    defect: str
    lines: tuple[Line, ...]
    observed: tuple[Observed, ...]
    alarms: tuple[Event, ...]


def prepare(collector: Collector, db: Connection, stored: Stored) -> Exhibit:
    """Return everything about one evidence, read from its signed bytes."""
    program = programs.get(db, stored.person.program)
    device = people.find_device(db, stored.summary.kid)
    name = stored.summary.digest
    evidence, receipt, defect = None, None, ""
    try:
        evidence = _evidence(stored, device)
        receipt = verify_receipt(stored.receipt, name, collector.public_keys().get)
    except Refused as error:
        defect = error.message
    policy = programs.policy_by_digest(db, program.id, stored.policy_digest)
    return Exhibit(
        program=program,
        device=device,
        evidence=evidence,
        receipt=receipt,
        defect=defect,
        lines=_lines(receipt, policy),
        observed=_observed(stored, evidence, programs.responders(db)),
        alarms=tuple(events.security_about(db, name)),
    )


def _evidence(stored: Stored, device: Device | None) -> Evidence:
    if digest(stored.envelope) != stored.summary.digest:
        raise Refused("other-envelope", "the stored envelope is not the one that this digest names")
    keys = {device.key.kid: device.key} if device else {}
    return Evidence.from_bytes(verify(stored.envelope, EVIDENCE, keys.get))


def _lines(receipt: Receipt | None, policy: Policy | None) -> tuple[Line, ...]:
    """Return the findings, worst first, each beside what it answers; `appraise` keeps the policy's order."""
    findings = receipt.result.findings if receipt else ()
    asked: Sequence[Requirement | Question | None] = [None] * len(findings)
    if policy:
        asked = [*policy.requirements, *policy.declarations]
    lines = [Line(finding, one) for finding, one in zip(findings, asked, strict=False)]
    return tuple(sorted(lines, key=lambda line: (-line.finding.verdict, line.finding.severity == "advisory")))


def _observed(stored: Stored, evidence: Evidence | None, trusted: list[Responder]) -> tuple[Observed, ...]:
    texts = evidence.observations if evidence else ()
    return tuple(
        Observed(check, _content(text, trusted)) for check, text in zip(stored.observations, texts, strict=False)
    )


def _content(text: str, trusted: list[Responder]) -> SessionObservation | None:
    keys = {one.key.kid: one.key for one in trusted}
    try:
        return SessionObservation.from_bytes(verify(text.encode("utf-8"), OBSERVATION, keys.get))
    except Refused:
        return None

"""The collector's attestation result as a document of its own, and how a device asks for it.

    homecheck-result+jws           collector  what was found about whom, by which policy, when, how fresh
    homecheck-result-request+jws   device     {"v", "aud", "nonce", "asks": what, "evidence"}

A receipt is for the agent and proves delivery; a result is for whoever is to believe the verdict, and needs neither the
evidence nor the collector. One is made with each receipt, and another one when the evidence is judged again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, cast, get_args

from homecheck.appraisal import AttestationResult
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.receipt import FRESHNESS, Freshness
from homecheck.signing import RESULT, KeyLookup, Verified, verify
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
REGIONS: Final = ("place.region", "network.region")  # quantities that say where the home is
LONGEST_REGION: Final = 100  # characters; the agent wrote them, and everybody must be able to read the result
LONGEST_NAME: Final = 4_000
Asks = Literal["result", "credential", "stored"]


@dataclass(frozen=True)
class Result:
    """What the collector says about one piece of evidence.

    `subject` and `name` are the person as the collector knows them, `device` the key that signed the evidence.
    `started_at` and `finished_at` are by the device's clock, `received_at` and `appraised_at` by the collector's;
    `expires_at` is when the policy wants the next check. `number` counts the appraisals of this evidence, from 0.
    `regions` holds what the evidence says about where the home is, by quantity.
    """

    issuer: str
    program: str
    program_title: str
    subject: str
    name: str
    device: str
    evidence_id: str
    started_at: datetime
    finished_at: datetime
    received_at: datetime
    appraised_at: datetime
    expires_at: datetime
    number: int
    freshness: Freshness
    findings: AttestationResult
    regions: Mapping[str, str] = field(default_factory=dict)

    @property
    def evidence(self) -> str:
        """The digest of the evidence."""
        return self.findings.evidence

    def to_bytes(self) -> bytes:
        """Return the result as JSON: the payload to sign."""
        return serialize(
            {
                "v": VERSION,
                "issuer": self.issuer,
                "program": {"id": self.program, "title": self.program_title},
                "person": {"id": self.subject, "name": self.name},
                "device": self.device,
                "evidence_id": self.evidence_id,
                "measured": {"from": to_text(self.started_at), "to": to_text(self.finished_at)},
                "received_at": to_text(self.received_at),
                "appraised_at": to_text(self.appraised_at),
                "expires_at": to_text(self.expires_at),
                "number": self.number,
                "freshness": self.freshness,
                "regions": dict(self.regions),
                "result": self.findings.members(),
            }
        )

    @classmethod
    def from_bytes(cls, payload: Verified) -> Result:
        """Return the result in `payload`; Refused with the reason ``schema`` for anything else."""
        record = Record(parse_object(payload), "result")
        if record.integer("v") != VERSION:
            raise Refused("schema", "result: this version of the format is not known here; update homecheck")
        program, person, measured = (record.record(name) for name in ("program", "person", "measured"))
        try:
            result = cls(
                issuer=record.text("issuer"),
                program=program.text("id"),
                program_title=program.text("title", max_length=LONGEST_NAME),
                subject=person.text("id"),
                name=person.text("name", max_length=LONGEST_NAME),
                device=record.text("device"),
                evidence_id=record.text("evidence_id"),
                started_at=from_text(measured.text("from")),
                finished_at=from_text(measured.text("to")),
                received_at=from_text(record.text("received_at")),
                appraised_at=from_text(record.text("appraised_at")),
                expires_at=from_text(record.text("expires_at")),
                number=record.integer("number"),
                freshness=read_freshness(record),
                findings=AttestationResult.read(record.record("result")),
                regions=read_regions(record.record("regions")),
            )
        except ValueError as error:
            raise Refused("schema", f"result: {error}") from None
        for part in (record, program, person, measured):
            part.done()
        return result


@dataclass(frozen=True)
class Request:
    """What a device asks for: what the collector says about `evidence`, or about the latest it has (None).

    With ``stored`` it is everything about the person, and `evidence` the last check that was on the page before.
    """

    aud: str
    nonce: str
    asks: Asks
    evidence: str | None

    def to_bytes(self) -> bytes:
        """Return the payload to sign."""
        return serialize({"v": VERSION, **vars(self)})

    @classmethod
    def from_bytes(cls, payload: Verified) -> Request:
        """Return the request in `payload`; Refused with the reason ``schema`` for anything else."""
        record = Record(parse_object(payload), "request")
        if record.integer("v") != VERSION:
            raise Refused("schema", "request: this version of the format is not known here; update homecheck")
        asks = record.text("asks")
        if asks not in get_args(Asks):
            raise Refused("schema", f"request: asks: {asks!r:.40} is nothing that can be asked for")
        aud, nonce = record.text("aud"), record.text("nonce", max_length=200)
        found = cls(aud, nonce, cast(Asks, asks), record.text_or_none("evidence", max_length=100))
        record.done()
        return found


def verify_result(signed: bytes, keys: KeyLookup) -> Result:
    """Return the result that one of the collector's `keys` has signed. Raises Refused."""
    return Result.from_bytes(verify(signed, RESULT, keys))


def regions_of(evidence: Evidence) -> dict[str, str]:
    """Return what the evidence says about where the home is; what can be the name of no region is left out."""
    values = {found.quantity.name: found.value for found in evidence.measurements()}
    texts = {name: value for name in REGIONS if isinstance(value := values.get(name), str)}
    return {name: text for name, text in texts.items() if text.isprintable() and 0 < len(text) <= LONGEST_REGION}


def read_regions(record: Record) -> dict[str, str]:
    """Return the member ``regions``; Refused when it holds anything else."""
    regions = {name: record.text(name) for name in REGIONS if record.has(name)}
    record.done()
    return regions


def read_freshness(record: Record) -> Freshness:
    """Return the member ``freshness``; Refused when it is no grade of it."""
    freshness = record.text("freshness")
    if freshness not in FRESHNESS:
        raise Refused("schema", f"{record.where}: freshness {freshness!r:.40} is not known")
    return cast(Freshness, freshness)

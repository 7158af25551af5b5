"""Receipts: the collector's signed statement that it holds these bytes, at this place, since this time, judged so.

A receipt is stored with its envelope and handed out after their commit is durable; the same envelope gets the same
receipt, byte for byte. It is the only sign of success that the agent accepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from homecheck.appraisal import AttestationResult
from homecheck.errors import Refused
from homecheck.signing import RECEIPT, KeyLookup, Verified, verify
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
Freshness = Literal["measured", "signed", "none"]
FRESHNESS: Final = ("measured", "signed", "none")


@dataclass(frozen=True)
class Receipt:
    """What the collector says about one envelope.

    `envelope` is its digest, `position` its place in the collector's sequence (from 0, without gaps), `received_at`
    the collector's clock. `freshness` says what the challenge proves: `measured` (it was fetched before the first
    probe), `signed` (only the signature is known to be fresh) or `none` (made offline).
    """

    envelope: str
    evidence_id: str
    issuer: str
    program: str
    received_at: datetime
    position: int
    freshness: Freshness
    result: AttestationResult

    def to_bytes(self) -> bytes:
        """Return the receipt as JSON: the payload to sign."""
        return serialize(
            {
                "v": VERSION,
                "envelope": self.envelope,
                "evidence_id": self.evidence_id,
                "issuer": self.issuer,
                "program": self.program,
                "received_at": to_text(self.received_at),
                "log": {"index": self.position},
                "freshness": self.freshness,
                "result": self.result.members(),
            }
        )

    @classmethod
    def from_bytes(cls, payload: Verified) -> Receipt:
        """Return the receipt in `payload`; Refused with the reason ``schema`` for anything else."""
        record = Record(parse_object(payload), "receipt")
        if record.integer("v") != VERSION:
            raise Refused("schema", "receipt: this version of the format is not known here; update homecheck")
        log = record.record("log")
        freshness = record.text("freshness")
        if freshness not in FRESHNESS:
            raise Refused("schema", f"receipt: freshness {freshness!r:.40} is not known")
        try:
            receipt = cls(
                envelope=record.text("envelope"),
                evidence_id=record.text("evidence_id"),
                issuer=record.text("issuer"),
                program=record.text("program"),
                received_at=from_text(record.text("received_at")),
                position=log.integer("index"),
                freshness=cast(Freshness, freshness),
                result=AttestationResult.read(record.record("result")),
            )
        except ValueError as error:
            raise Refused("schema", f"receipt: {error}") from None
        record.done()
        log.done()
        return receipt


def verify_receipt(signed: bytes, envelope_digest: str, keys: KeyLookup) -> Receipt:
    """Return the receipt if it is signed by one of the collector's pinned `keys` and speaks of this envelope."""
    receipt = Receipt.from_bytes(verify(signed, RECEIPT, keys))
    if receipt.envelope != envelope_digest or receipt.result.evidence != envelope_digest:
        raise Refused("other-envelope", f"the receipt is for {receipt.envelope}, not for {envelope_digest}")
    return receipt

"""Receipts: the collector's signed statement that it holds these bytes, at this place, since this time, judged so.

A receipt is stored with its envelope and handed out after their commit is durable; the same envelope gets the same
receipt, byte for byte. It is the only sign of success that the agent accepts.

    {"v":2,"envelope":…,"evidence_id":…,"issuer":…,"program":…,"received_at":…,"freshness":…,"result":{…},
     "log":{"index":…,"key":…,"proof":…}}

What stands before ``,"log":``, closed with ``}``, is the statement: these very bytes are the entry in the collector's
log, and `proof` proves that (homecheck.tlog_proof), under the log's own key, which the collector names here. Receipts
of version 1 were given before there was a log, or by a collector without one: they hold an index and no proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

import orjson

from homecheck.appraisal import AttestationResult
from homecheck.checkpoint import Checkpoint
from homecheck.errors import Refused
from homecheck.signed_note import NoteKey
from homecheck.signing import RECEIPT, KeyLookup, Verified, verify
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object
from homecheck.tlog_proof import TlogProof

BEFORE_THE_LOG: Final = 1
VERSION: Final = 2
MAX_PROOF: Final = 16_384  # characters
LOG_MEMBER: Final = b',"log":'
Freshness = Literal["measured", "signed", "none"]
FRESHNESS: Final = ("measured", "signed", "none")


@dataclass(frozen=True)
class Statement:
    """What the collector says about one envelope, wherever it stands in the log.

    `envelope` is its digest, `received_at` the collector's clock. `freshness` says what the challenge proves:
    `measured` (it was fetched before the first probe), `signed` (only the signature is known to be fresh) or `none`
    (made offline).
    """

    envelope: str
    evidence_id: str
    issuer: str
    program: str
    received_at: datetime
    freshness: Freshness
    result: AttestationResult

    def statement(self) -> bytes:
        """Return the statement as JSON: the entry in the log."""
        # Texts, one number and no more: orjson writes what `serialize` writes, in a tenth of the time.
        return orjson.dumps(
            {
                "v": VERSION,
                "envelope": self.envelope,
                "evidence_id": self.evidence_id,
                "issuer": self.issuer,
                "program": self.program,
                "received_at": to_text(self.received_at),
                "freshness": self.freshness,
                "result": self.result.members(),
            }
        )


@dataclass(frozen=True)
class Logged:
    """That the statement is in the log: proven under `checkpoint`, which the log's `key` has signed."""

    key: NoteKey
    proof: TlogProof
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Receipt(Statement):
    """A statement with its `position` in the log, from 0; `logged` is None in a receipt of version 1."""

    position: int
    logged: Logged | None = None

    @classmethod
    def from_bytes(cls, payload: Verified) -> Receipt:
        """Return the receipt in `payload`, its place in the log proven.

        Refused with the reason ``schema`` for what is no receipt; ``log-proof``, ``note`` and ``checkpoint`` for a
        place that is not proven.
        """
        members = parse_object(payload)
        record = Record(members, "receipt")
        version, log = record.integer("v"), record.record("log")
        if version not in (BEFORE_THE_LOG, VERSION):
            raise Refused("schema", "receipt: this version of the format is not known here; update homecheck")
        freshness = record.text("freshness")
        if freshness not in FRESHNESS:
            raise Refused("schema", f"receipt: freshness {freshness!r:.40} is not known")
        try:
            said = Statement(
                envelope=record.text("envelope"),
                evidence_id=record.text("evidence_id"),
                issuer=record.text("issuer"),
                program=record.text("program"),
                received_at=from_text(record.text("received_at")),
                freshness=cast(Freshness, freshness),
                result=AttestationResult.read(record.record("result")),
            )
        except ValueError as error:
            raise Refused("schema", f"receipt: {error}") from None
        record.done()
        position = log.integer("index")
        logged = _logged(log, payload, last=next(reversed(members))) if version == VERSION else None
        log.done()
        return cls(**vars(said), position=position, logged=logged)


def seal(statement: bytes, proof: TlogProof, key: NoteKey) -> bytes:
    """Return the receipt that a statement becomes with its place in the log: the payload to sign."""
    log = orjson.dumps({"index": proof.index, "key": key.vkey, "proof": proof.text()})
    return statement[:-1] + LOG_MEMBER + log + b"}"


def verify_receipt(signed: bytes, envelope_digest: str, keys: KeyLookup) -> Receipt:
    """Return the receipt if it is signed by one of the collector's pinned `keys` and speaks of this envelope."""
    receipt = Receipt.from_bytes(verify(signed, RECEIPT, keys))
    if receipt.envelope != envelope_digest or receipt.result.evidence != envelope_digest:
        raise Refused("other-envelope", f"the receipt is for {receipt.envelope}, not for {envelope_digest}")
    return receipt


def entry_of(signed: bytes, keys: KeyLookup) -> bytes:
    """Return what stands in the log for a receipt: its statement, or all of a receipt that is older than the log."""
    payload = verify(signed, RECEIPT, keys)
    return entry_of_verified(signed, payload, Receipt.from_bytes(payload))


def entry_of_verified(signed: bytes, payload: Verified, receipt: Receipt) -> bytes:
    """Return the same for a receipt that was verified and read already."""
    return signed if receipt.logged is None else _statement(payload)


def _statement(payload: bytes) -> bytes:
    """Return what stands before the log's place, closed: the last member, so nothing that counts stands behind it."""
    return payload.rpartition(LOG_MEMBER)[0] + b"}"


def _logged(log: Record, payload: bytes, last: str) -> Logged:
    """Verify the place in the log. JSON has no such bytes inside a text, so the last of them begin this member."""
    vkey, text = log.text("key"), log.text("proof", max_length=MAX_PROOF)
    log.done()
    if last != "log" or LOG_MEMBER not in payload:
        raise Refused("schema", "receipt: the log's place is not its last member")
    key, proof = NoteKey.from_vkey(vkey), TlogProof.from_text(text)
    if proof.index != log.integer("index"):
        raise Refused("log-proof", "receipt: the proof is of another entry than the receipt names")
    return Logged(key, proof, proof.verify(_statement(payload), key))

"""Call-backs: a code played on a call to the number on file proves that somebody answers that telephone.

Agent and collector exchange three signed documents; the code itself goes over the telephone alone.

    homecheck-callback-request+jws   device      {"v", "aud", "nonce"}
    homecheck-callback-answer+jws    device      {"v", "aud", "nonce", "id", "digits"}
    homecheck-callback+jws           collector   {"v", "issuer", "id", "program", "subject", "device", "nonce",
                                                  "result": "yes" | "no", "attempts", "answered_at"}

`nonce` is the check's challenge: a confirmation counts for evidence of the same challenge and device key, and for no
other. It travels in the evidence beside the responder's observations, so that anybody who has the collector's public
key can check it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol, cast

from homecheck.errors import Refused
from homecheck.signing import CALLBACK, KeyLookup, Verified, unverified_header, verify
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
QUANTITY: Final = "landline.callback"  # what a confirmation speaks of
DIGITS: Final = 6
CODE: Final = re.compile(rf"[0-9]{{{DIGITS}}}")
Result = Literal["yes", "no"]


@dataclass(frozen=True)
class Call:
    """A call that was promised: to a number that ends in `ends_with`, within `seconds` from now."""

    id: str
    ends_with: str
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What the collector says to digits; `result` is None while `attempts_left` allow another try."""

    result: Result | None
    attempts_left: int
    confirmation: str | None = None


class Caller(Protocol):
    """The collector as a probe needs it; both methods raise ProbeError."""

    def ask(self) -> Call:
        """Ask for a call and return what was promised."""

    def answer(self, call: Call, digits: str) -> Answer:
        """Hand in the digits that were heard on the call."""


@dataclass(frozen=True)
class Request:
    """What a device asks: a call for the check with this challenge."""

    aud: str
    nonce: str

    def to_bytes(self) -> bytes:
        """Return the payload to sign."""
        return serialize({"v": VERSION, "aud": self.aud, "nonce": self.nonce})

    @classmethod
    def from_bytes(cls, payload: Verified) -> Request:
        """Return the request in `payload`; Refused with the reason ``schema`` for anything else."""
        record = _record(payload)
        found = cls(record.text("aud"), record.text("nonce", max_length=200))
        record.done()
        return found


@dataclass(frozen=True)
class Heard:
    """What a device hands in: the digits of the call-back `id`."""

    aud: str
    nonce: str
    id: str
    digits: str

    def to_bytes(self) -> bytes:
        """Return the payload to sign."""
        members = {"v": VERSION, "aud": self.aud, "nonce": self.nonce, "id": self.id, "digits": self.digits}
        return serialize(members)

    @classmethod
    def from_bytes(cls, payload: Verified) -> Heard:
        """Return what was heard; Refused with the reason ``schema`` for anything but `DIGITS` digits."""
        record = _record(payload)
        found = cls(
            record.text("aud"),
            record.text("nonce", max_length=200),
            record.text("id", max_length=100),
            record.text("digits", max_length=20),
        )
        record.done()
        if not CODE.fullmatch(found.digits):
            raise Refused("schema", f"call-back: digits: {DIGITS} digits are expected")
        return found


@dataclass(frozen=True)
class Confirmation:
    """The collector's word that the code was handed in (`yes`), or that all attempts were used up without it."""

    issuer: str
    id: str
    program: str
    subject: str
    device: str
    nonce: str
    result: Result
    attempts: int
    answered_at: datetime

    def to_bytes(self) -> bytes:
        """Return the payload to sign."""
        return serialize({"v": VERSION, **vars(self), "answered_at": to_text(self.answered_at)})

    @classmethod
    def from_bytes(cls, payload: Verified) -> Confirmation:
        """Return the confirmation in `payload`; Refused with the reason ``schema`` for anything else."""
        record = _record(payload)
        names = ("issuer", "id", "program", "subject", "device", "nonce")
        texts = {name: record.text(name) for name in names}
        result, attempts = record.text("result"), record.integer("attempts", least=1)
        if result not in ("yes", "no"):
            raise Refused("schema", f"call-back: result: {result!r:.40} is neither yes nor no")
        try:
            answered_at = from_text(record.text("answered_at"))
        except ValueError as error:
            raise Refused("schema", f"call-back: {error}") from None
        record.done()
        return cls(**texts, result=cast(Result, result), attempts=attempts, answered_at=answered_at)


def is_confirmation(envelope: str) -> bool:
    """Tell whether an observation in evidence calls itself a confirmation of a call-back; nothing is verified."""
    try:
        return unverified_header(envelope.encode("utf-8"))["typ"] == CALLBACK
    except Refused:
        return False


def verify_confirmation(envelope: str, nonce: str | None, device: str, keys: KeyLookup) -> Confirmation:
    """Return the confirmation that one of the collector's `keys` has signed for this challenge and this device.

    Refused with the verifier's reason, or ``other-check`` for one that was made for another check or device.
    """
    found = Confirmation.from_bytes(verify(envelope.encode("utf-8"), CALLBACK, keys))
    if nonce is None or found.nonce != nonce:
        raise Refused("other-check", "it was made for another challenge than the evidence")
    if found.device != device:
        raise Refused("other-check", "it was made for another device key than the one that signed the evidence")
    return found


def confirmed(observations: Iterable[str], nonce: str | None, device: str, keys: KeyLookup) -> Result | None:
    """Return what the collector confirms among `observations` of one check; None when nothing counts, or both do."""
    results: set[Result] = set()
    for envelope in filter(is_confirmation, observations):
        try:
            results.add(verify_confirmation(envelope, nonce, device, keys).result)
        except Refused:
            continue  # one that does not count takes nothing away from one that does
    return results.pop() if len(results) == 1 else None


def _record(payload: Verified) -> Record:
    record = Record(parse_object(payload), "call-back")
    if record.integer("v") != VERSION:
        raise Refused("schema", "call-back: this version of the format is not known here; update homecheck")
    return record

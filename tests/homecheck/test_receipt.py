"""Receipts: the only sign of success; signed by a pinned key, of the right kind, for these bytes, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from homecheck.appraisal import AttestationResult, Finding, Verdict
from homecheck.errors import Refused
from homecheck.receipt import FRESHNESS, Receipt, verify_receipt
from homecheck.signing import EVIDENCE, RECEIPT, digest, sign
from tests.forgeries import DEVICE, NOON, STRANGER, genuine, sealed

COLLECTOR = STRANGER
PINNED = {COLLECTOR.public.kid: COLLECTOR.public}
ENVELOPE = digest(genuine())
OTHER = digest(b"other")

RESULT = AttestationResult(
    ENVELOPE, "voice-standard", "1", "sha256:" + "1" * 64, (Finding("network.rtt", Verdict.FAIL, "required", "300 ms"),)
)
GOOD = Receipt(
    envelope=ENVELOPE,
    evidence_id="019ab1c2-d3e4-7f01-8234-56789abcdef0",
    issuer="https://collector.example",
    program="sales",
    received_at=NOON,
    position=0,
    freshness="measured",
    result=RESULT,
)


def signed(change: Callable[[dict[str, Any]], None]) -> bytes:
    members = json.loads(GOOD.to_bytes())
    change(members)
    return sign(json.dumps(members).encode(), RECEIPT, COLLECTOR)


def test_a_receipt_is_read_as_it_was_written() -> None:
    assert verify_receipt(sign(GOOD.to_bytes(), RECEIPT, COLLECTOR), ENVELOPE, PINNED.get) == GOOD


@pytest.mark.parametrize("freshness", FRESHNESS)
def test_every_grade_of_freshness_is_known(freshness: Any) -> None:
    receipt = replace(GOOD, freshness=freshness, position=2**53)
    assert verify_receipt(sign(receipt.to_bytes(), RECEIPT, COLLECTOR), ENVELOPE, PINNED.get) == receipt


def test_evidence_that_failed_the_policy_has_a_good_receipt() -> None:
    receipt = verify_receipt(sign(GOOD.to_bytes(), RECEIPT, COLLECTOR), ENVELOPE, PINNED.get)
    assert receipt.result.verdict is Verdict.FAIL


def _change_signature(envelope: bytes) -> bytes:
    return envelope[:-1] + (b"A" if envelope[-1:] != b"A" else b"Q")


FORGED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not-compact"),
    "html with status 200": (b"<html>Welcome</html>", "not-compact"),
    "evidence sent back": (genuine(), "typ"),
    "signed by the agent itself": (sign(GOOD.to_bytes(), RECEIPT, DEVICE), "unknown-key"),
    "of another kind": (sign(GOOD.to_bytes(), EVIDENCE, COLLECTOR), "typ"),
    "changed": (_change_signature(sign(GOOD.to_bytes(), RECEIPT, COLLECTOR)), "signature"),
    "for another envelope": (sign(replace(GOOD, envelope=OTHER).to_bytes(), RECEIPT, COLLECTOR), "other-envelope"),
    "result of another envelope": (
        sign(replace(GOOD, result=replace(RESULT, evidence=OTHER)).to_bytes(), RECEIPT, COLLECTOR),
        "other-envelope",
    ),
    "verdict painted green": (signed(lambda members: members["result"].update(verdict="pass")), "schema"),
    "no findings": (signed(lambda members: members["result"].update(findings=[], verdict="pass")), "schema"),
    "unknown verdict": (signed(lambda members: members["result"]["findings"][0].update(verdict="ok")), "schema"),
    "unknown freshness": (signed(lambda members: members.update(freshness="fresh")), "schema"),
    "unknown member": (signed(lambda members: members.update(note="x")), "schema"),
    "unknown member in the log": (signed(lambda members: members["log"].update(root="x")), "schema"),
    "unknown version": (signed(lambda members: members.update(v=2)), "schema"),
    "position below zero": (signed(lambda members: members["log"].update(index=-1)), "schema"),
    "position true": (signed(lambda members: members["log"].update(index=True)), "schema"),
    "time without zone": (signed(lambda members: members.update(received_at="2026-11-23T12:00:00")), "schema"),
    "no program": (signed(lambda members: members.pop("program")), "schema"),
}


@pytest.mark.parametrize(("envelope", "reason"), FORGED.values(), ids=FORGED)
def test_anything_else_is_no_receipt(envelope: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        verify_receipt(envelope, ENVELOPE, PINNED.get)
    assert refused.value.reason == reason


def test_a_receipt_with_a_header_of_its_own_is_refused() -> None:
    head = json.dumps({"alg": "EdDSA", "kid": COLLECTOR.public.kid, "typ": RECEIPT, "jwk": COLLECTOR.public.jwk()})
    with pytest.raises(Refused) as refused:
        verify_receipt(sealed(head.encode(), GOOD.to_bytes(), COLLECTOR), ENVELOPE, PINNED.get)
    assert refused.value.reason == "header"

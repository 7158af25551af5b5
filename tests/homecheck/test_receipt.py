"""Receipts: the only sign of success; signed by a pinned key, of the right kind, for these bytes, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from homecheck.appraisal import AttestationResult, Finding, Verdict
from homecheck.errors import Refused
from homecheck.receipt import FRESHNESS, Statement, verify_receipt
from homecheck.signing import EVIDENCE, RECEIPT, digest, sign
from homecheck.strict_json import serialize
from tests.forgeries import DEVICE, NOON, STRANGER, genuine, sealed
from tests.small_log import SmallLog, first_version

COLLECTOR = STRANGER
PINNED = {COLLECTOR.public.kid: COLLECTOR.public}
ENVELOPE = digest(genuine())
OTHER = digest(b"other")

RESULT = AttestationResult(
    ENVELOPE, "voice-standard", "1", "sha256:" + "1" * 64, (Finding("network.rtt", Verdict.FAIL, "required", "300 ms"),)
)
SAID = Statement(
    envelope=ENVELOPE,
    evidence_id="019ab1c2-d3e4-7f01-8234-56789abcdef0",
    issuer="https://collector.example",
    program="sales",
    received_at=NOON,
    freshness="measured",
    result=RESULT,
)
LOG = SmallLog()
LOG.append(b"an event before it")
GOOD = LOG.receipt(SAID)


def of(statement: Statement) -> bytes:
    return sign(SmallLog().receipt(statement), RECEIPT, COLLECTOR)


def signed(change: Callable[[dict[str, Any]], None]) -> bytes:
    members = json.loads(GOOD)
    change(members)
    return sign(serialize(members), RECEIPT, COLLECTOR)


def test_a_receipt_is_read_as_it_was_written() -> None:
    receipt = verify_receipt(sign(GOOD, RECEIPT, COLLECTOR), ENVELOPE, PINNED.get)
    assert Statement(**{name: getattr(receipt, name) for name in vars(SAID)}) == SAID
    assert receipt.position == 1
    assert receipt.logged is not None
    assert (receipt.logged.key, receipt.logged.checkpoint.size) == (LOG.key, 2)


def test_a_receipt_from_before_the_log_is_good_and_proves_no_place() -> None:
    receipt = verify_receipt(sign(first_version(SAID, 41), RECEIPT, COLLECTOR), ENVELOPE, PINNED.get)
    assert (receipt.position, receipt.logged, receipt.result) == (41, None, RESULT)


@pytest.mark.parametrize("freshness", FRESHNESS)
def test_every_grade_of_freshness_is_known(freshness: Any) -> None:
    assert verify_receipt(of(replace(SAID, freshness=freshness)), ENVELOPE, PINNED.get).freshness == freshness


def test_evidence_that_failed_the_policy_has_a_good_receipt() -> None:
    receipt = verify_receipt(sign(GOOD, RECEIPT, COLLECTOR), ENVELOPE, PINNED.get)
    assert receipt.result.verdict is Verdict.FAIL


def _change_signature(envelope: bytes) -> bytes:
    return envelope[:-1] + (b"A" if envelope[-1:] != b"A" else b"Q")


FORGED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not-compact"),
    "html with status 200": (b"<html>Welcome</html>", "not-compact"),
    "evidence sent back": (genuine(), "typ"),
    "signed by the agent itself": (sign(GOOD, RECEIPT, DEVICE), "unknown-key"),
    "of another kind": (sign(GOOD, EVIDENCE, COLLECTOR), "typ"),
    "changed": (_change_signature(sign(GOOD, RECEIPT, COLLECTOR)), "signature"),
    "for another envelope": (of(replace(SAID, envelope=OTHER)), "other-envelope"),
    "result of another envelope": (
        of(replace(SAID, result=replace(RESULT, evidence=OTHER))),
        "other-envelope",
    ),
    "verdict painted green": (signed(lambda members: members["result"].update(verdict="pass")), "schema"),
    "no findings": (signed(lambda members: members["result"].update(findings=[], verdict="pass")), "schema"),
    "unknown verdict": (signed(lambda members: members["result"]["findings"][0].update(verdict="ok")), "schema"),
    "unknown freshness": (signed(lambda members: members.update(freshness="fresh")), "schema"),
    "unknown member": (signed(lambda members: members.update(note="x")), "schema"),
    "unknown member in the log": (signed(lambda members: members["log"].update(root="x")), "schema"),
    "unknown version": (signed(lambda members: members.update(v=3)), "schema"),
    "position below zero": (signed(lambda members: members["log"].update(index=-1)), "schema"),
    "position true": (signed(lambda members: members["log"].update(index=True)), "schema"),
    "time without zone": (signed(lambda members: members.update(received_at="2026-11-23T12:00:00")), "schema"),
    "with a changed statement": (signed(lambda members: members.update(program="other")), "log-proof"),
    "with the place of another entry": (signed(lambda members: members["log"].update(index=0)), "log-proof"),
    "with the place of version 1": (signed(lambda members: members.update(log={"index": 1})), "schema"),
    "of version 1 with a proof": (signed(lambda members: members.update(v=1)), "schema"),
    "with a place that is not its last member": (
        signed(lambda members: members.update(program=members.pop("program"))),
        "schema",
    ),
    "without a log": (signed(lambda members: members.pop("log")), "schema"),
    "with a proof that is none": (signed(lambda members: members["log"].update(proof="")), "log-proof"),
    "with an endless proof": (signed(lambda members: members["log"].update(proof="x" * 20_000)), "schema"),
    "with a key that is none": (signed(lambda members: members["log"].update(key="x+1+2")), "note"),
    "with the key of another log": (signed(lambda members: members["log"].update(key=SmallLog().key.vkey)), "note"),
    "written in another way": (
        sign(json.dumps(json.loads(GOOD)).encode(), RECEIPT, COLLECTOR),
        "schema",
    ),
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
        verify_receipt(sealed(head.encode(), GOOD, COLLECTOR), ENVELOPE, PINNED.get)
    assert refused.value.reason == "header"

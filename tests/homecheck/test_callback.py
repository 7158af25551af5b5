"""The documents of a call-back, and which of them count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from homecheck.appraisal import appraise
from homecheck.callback import (
    QUANTITY,
    Confirmation,
    Heard,
    Request,
    confirmed,
    is_confirmation,
    verify_confirmation,
)
from homecheck.errors import Refused
from homecheck.evidence import ProbeRun
from homecheck.founded import founded
from homecheck.keys import SoftwareKey
from homecheck.measurement import Measurement, Quantity
from homecheck.policy import Limits, Policy, Requirement, Trust
from homecheck.signing import CALLBACK, CALLBACK_ANSWER, OBSERVATION, Verified, sign, verify
from homecheck.strict_json import parse_object, serialize
from tests.forgeries import GENUINE

COLLECTOR, STRANGER = SoftwareKey.generate(), SoftwareKey.generate()
KEYS = {COLLECTOR.public.kid: COLLECTOR.public}.get
NONCE, DEVICE = "the-challenge", GENUINE.device.kid
YES = Confirmation(
    "https://collector.example",
    "call-1",
    "support",
    "person-1",
    DEVICE,
    NONCE,
    "yes",
    2,
    datetime(2026, 11, 25, 12, 0, tzinfo=UTC),
)
CALLED = Quantity.yes_no(QUANTITY, "test")
DOWNLOAD = Quantity("network.download", "Mbit/s", "test")


def signed(found: Confirmation = YES, key: SoftwareKey = COLLECTOR, typ: str = CALLBACK) -> str:
    return sign(found.to_bytes(), typ, key).decode()


def test_documents_come_back_as_they_were_signed() -> None:
    assert verify_confirmation(signed(), NONCE, DEVICE, KEYS) == YES
    heard = Heard("https://collector.example", NONCE, "call-1", "000123")
    assert Heard.from_bytes(Verified(heard.to_bytes())) == heard
    request = Request("https://collector.example", NONCE)
    assert Request.from_bytes(Verified(request.to_bytes())) == request


def changed(payload: bytes, change: Callable[[dict[str, Any]], object]) -> Verified:
    members = parse_object(payload)
    change(members)
    return Verified(serialize(members))


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members.update(v=2),
        lambda members: members.update(result="maybe"),
        lambda members: members.update(result=True),
        lambda members: members.update(attempts=0),
        lambda members: members.update(attempts=True),
        lambda members: members.update(answered_at="yesterday"),
        lambda members: members.update(nonce=None),
        lambda members: members.update(extra=1),
        lambda members: members.pop("device"),
    ],
)
def test_a_confirmation_of_another_shape_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(Refused) as caught:
        Confirmation.from_bytes(changed(YES.to_bytes(), change))
    assert caught.value.reason == "schema"


@pytest.mark.parametrize("digits", ["", "12345", "1234567", "12345x", "１２３４５６", " 12345", "12345\n"])
def test_what_is_no_code_is_refused_before_it_is_compared(digits: str) -> None:
    heard = Heard("a", NONCE, "call-1", "123456")
    with pytest.raises(Refused, match="6 digits are expected"):
        Heard.from_bytes(changed(heard.to_bytes(), lambda members: members.update(digits=digits)))


@pytest.mark.parametrize(
    ("envelope", "nonce", "device", "reason"),
    [
        (signed(), "another", DEVICE, "other-check"),
        (signed(), None, DEVICE, "other-check"),  # evidence made offline
        (signed(), NONCE, "another", "other-check"),
        (signed(key=STRANGER), NONCE, DEVICE, "unknown-key"),
        (signed(typ=CALLBACK_ANSWER), NONCE, DEVICE, "typ"),
        (signed(typ=OBSERVATION), NONCE, DEVICE, "typ"),
        (signed()[:-4] + "AAAA", NONCE, DEVICE, "signature"),
        ("", NONCE, DEVICE, "not-compact"),
    ],
)
def test_a_confirmation_that_does_not_count_says_why(
    envelope: str, nonce: str | None, device: str, reason: str
) -> None:
    with pytest.raises(Refused) as caught:
        verify_confirmation(envelope, nonce, device, KEYS)
    assert caught.value.reason == reason
    assert confirmed([envelope], nonce, device, KEYS) is None


def test_confirmations_that_contradict_one_another_confirm_nothing() -> None:
    no = signed(replace(YES, result="no"))
    assert confirmed([signed(), signed()], NONCE, DEVICE, KEYS) == "yes"
    assert confirmed([no], NONCE, DEVICE, KEYS) == "no"
    assert confirmed([signed(), no], NONCE, DEVICE, KEYS) is None
    assert confirmed([signed(key=STRANGER), no, "junk"], NONCE, DEVICE, KEYS) == "no"


@pytest.mark.parametrize("text", ["", "a.b.c", "ü", ".", "bm8.bm8.bm8"])
def test_what_cannot_be_read_is_no_confirmation(text: str) -> None:
    assert not is_confirmation(text)


def finding(value: bool, *observations: str, trust: Trust = "self-reported") -> tuple[str, str]:
    """Judge a call-back as a collector does and return verdict and trust."""
    run = ProbeRun("callback", "1", GENUINE.started_at, 1.0, (Measurement(CALLED, value=value),))
    evidence = replace(GENUINE, nonce=NONCE, runs=(run,), observations=observations)
    requirement = Requirement(QUANTITY, Limits(equals=True), trust=trust)
    policy = Policy("mine", "1", "Mine", "guarded", "30d", (requirement,), ())
    (found,) = appraise(evidence, policy, "sha256:" + "0" * 64, founded(evidence, KEYS, ())).findings
    return found.verdict.word, found.trust


@pytest.mark.parametrize("trust", ["self-reported", "corroborated", "server-observed"])
def test_a_claim_without_a_confirmation_is_undecided_whatever_the_policy_trusts(trust: Trust) -> None:
    assert finding(True, trust=trust) == ("inconclusive", "self-reported")
    assert finding(False, trust=trust) == ("inconclusive", "self-reported")
    assert finding(True, signed(key=STRANGER), trust=trust) == ("inconclusive", "self-reported")
    assert finding(True, signed(), trust=trust) == ("pass", "server-observed")
    assert finding(False, signed(replace(YES, result="no")), trust=trust) == ("fail", "server-observed")


def test_a_value_that_is_not_the_confirmed_one_is_undecided() -> None:
    assert finding(True, signed(replace(YES, result="no"))) == ("inconclusive", "self-reported")
    assert finding(False, signed()) == ("inconclusive", "self-reported")


def test_a_confirmation_raises_no_other_quantity() -> None:
    run = ProbeRun("network", "1", GENUINE.started_at, 1.0, (Measurement(DOWNLOAD, 50.0, 1.0),))
    assert founded(replace(GENUINE, nonce=NONCE, runs=(run,), observations=(signed(),)), KEYS, ()) == {}


def test_a_confirmation_goes_to_those_alone_who_ask_for_a_call_back() -> None:
    seen = sign(b"{}", OBSERVATION, STRANGER).decode()
    evidence = replace(GENUINE, observations=(signed(), seen))
    assert evidence.only({QUANTITY}).observations == (signed(),)
    assert evidence.only({"network.download"}).observations == (seen,)
    assert evidence.only({QUANTITY, "network.download"}).observations == (signed(), seen)
    assert evidence.only({"room.noise"}).observations == ()


def test_a_confirmation_is_what_an_independent_verifier_finds_it_to_be() -> None:
    found = jwt.PyJWS().decode_complete(signed(), COLLECTOR.public.key, algorithms=["EdDSA"])
    assert found["header"] == {"alg": "EdDSA", "kid": COLLECTOR.public.kid, "typ": "homecheck-callback+jws"}
    assert found["payload"] == verify(signed().encode(), CALLBACK, KEYS)

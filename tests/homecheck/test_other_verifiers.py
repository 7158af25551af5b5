"""Others read what we sign, and we what others sign: @sd-jwt/core and jose under Node, sd-jwt in Python."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from homecheck.appraisal import Verdict
from homecheck.keys import SoftwareKey
from homecheck.receipt import Statement
from homecheck.sd_jwt import SdJwt, bind
from homecheck.signing import CREDENTIAL, EVIDENCE, RECEIPT, base64url, digest, sign
from tests.credentials import (
    AUDIENCE,
    COLLECTOR,
    DETAIL_NAMES,
    FINDING_NAMES,
    HOLDER,
    ISSUED,
    NONCE,
    NOW,
    RESULT_OF_IT,
    accept,
    issued,
    payload_of,
    presented,
    signed_result,
)
from tests.forgeries import DEVICE, DEVICE_P256, genuine, genuine_p256
from tests.other_verifiers import in_node
from tests.small_log import SmallLog

BOTH = pytest.mark.parametrize("holder", [HOLDER, DEVICE_P256], ids=["EdDSA", "ES256"])
SHOWN = ("name", "region", "network.download", "room.noise")
ROOM = {
    "verdict": "fail", "severity": "required", "explanation": "-40 dBFS(A); at most -50 dBFS(A) needed",
    "at_fault": None, "trust": "self-reported", "cause": {"at_fault": "room", "sentence": "somebody speaks"},
}  # fmt: skip


def check_claims(claims: dict[str, Any]) -> None:
    """The processed payload, written by hand from tests/credentials.py."""
    assert claims["iss"] == "https://collector.example"
    assert claims["verdict"] == "fail"
    assert claims["name"] == "Åsa Öberg"
    assert claims["region"] == {"network.region": "SE-AB"}
    assert claims["findings"]["room.noise"] == ROOM
    assert set(claims["findings"]) == {"network.download", "room.noise"}
    assert {"program", "evidence", "_sd", "_sd_alg"} & set(claims) == set()


# --- @sd-jwt/core -----------------------------------------------------------------------------------------------------


@BOTH
def test_the_javascript_library_verifies_what_our_holder_shows(holder: SoftwareKey) -> None:
    shown = presented(*SHOWN, credential=issued(holder=holder), holder=holder).decode()
    what = {"issuer": COLLECTOR.public.jwk(), "nonce": NONCE, "now": int(NOW.timestamp())}
    outcome = in_node("verify", sd_jwt=shown, **what)["outcome"]
    check_claims(outcome["payload"])
    assert outcome["kb"]["payload"]["aud"] == AUDIENCE
    assert "refused" in in_node("verify", sd_jwt=shown, **{**what, "nonce": "another"})


def test_we_verify_what_the_javascript_library_shows_of_our_credential() -> None:
    binding = {"iat": int(NOW.timestamp()), "aud": AUDIENCE, "nonce": NONCE}
    frame = {"name": True, "findings": {"room.noise": True}}
    shown = in_node("present", sd_jwt=issued().decode(), frame=frame, holder=HOLDER.jwk(), binding=binding)["outcome"]
    found = accept(shown.encode())
    assert (found.binding.audience, found.binding.nonce) == (AUDIENCE, NONCE)
    assert found.credential.name == "Åsa Öberg"
    assert list(found.credential.findings) == ["room.noise"]


def test_we_read_a_credential_that_the_javascript_library_issues() -> None:
    claims = in_the_open()
    frame = {"_sd": list(DETAIL_NAMES), "findings": {"_sd": list(FINDING_NAMES), "_sd_decoy": 3}}
    header = {"kid": COLLECTOR.public.kid, "typ": CREDENTIAL}
    made = in_node("issue", payload=claims, frame=frame, issuer=COLLECTOR.jwk(), header=header)["outcome"].encode()
    check_same(made)


# --- sd-jwt of the OpenWallet Foundation ------------------------------------------------------------------------------


def jwcrypto_key(key: SoftwareKey, *, private: bool = False) -> JWK:
    return JWK(**(key.jwk() if private else key.public.jwk()))


def test_the_python_library_verifies_what_our_holder_shows() -> None:
    """It knows no other algorithm than ES256 for the holder's signature."""
    shown = presented(*SHOWN, credential=issued(holder=DEVICE_P256), holder=DEVICE_P256).decode()
    found = SDJWTVerifier(shown, lambda issuer, header: jwcrypto_key(COLLECTOR), AUDIENCE, NONCE)
    check_claims(found.get_verified_payload())
    with pytest.raises(ValueError, match="nonce"):
        SDJWTVerifier(shown, lambda issuer, header: jwcrypto_key(COLLECTOR), AUDIENCE, "another")


def test_we_verify_what_the_python_library_shows_of_our_credential() -> None:
    now = datetime.now(UTC)  # the library asks the clock of this machine
    lately = replace(RESULT_OF_IT, received_at=now, expires_at=now + timedelta(days=30))
    wallet = SDJWTHolder(issued(lately, at=now).decode())
    key = jwcrypto_key(HOLDER, private=True)
    wallet.create_presentation({"name": True, "findings": {"room.noise": True}}, NONCE, AUDIENCE, key, "EdDSA")
    found = accept(wallet.sd_jwt_presentation.encode(), datetime.now(UTC))
    assert (found.binding.audience, found.credential.name) == (AUDIENCE, "Åsa Öberg")
    assert list(found.credential.findings) == ["room.noise"]


def test_we_read_a_credential_that_the_python_library_issues() -> None:
    hidden = in_the_open()
    findings = {SDObj(name): value for name, value in hidden.pop("findings").items()}
    details = {SDObj(name): hidden.pop(name) for name in DETAIL_NAMES}
    made = SDJWTIssuer(
        {**hidden, **details, "findings": findings},
        jwcrypto_key(COLLECTOR, private=True),
        sign_alg="EdDSA",
        add_decoy_claims=False,  # it would put them into the key as well, where our strict reader wants none
        extra_header_parameters={"kid": COLLECTOR.public.kid, "typ": CREDENTIAL},
    )
    check_same(made.sd_jwt_issuance.encode())


def in_the_open() -> dict[str, Any]:
    """Return the claims of our credential with nothing hidden, for others to hide."""
    ours = SdJwt.parse(issued())
    visible = {
        name: value for name, value in payload_of(issued()).items() if name not in ("_sd", "_sd_alg", "findings")
    }
    named = {one.name: one.value for one in ours.disclosures}
    return {
        **visible,
        **{name: named[name] for name in DETAIL_NAMES},
        "findings": {name: named[name] for name in FINDING_NAMES},
    }


def check_same(made: bytes) -> None:
    """A credential of others says the same as ours, but for the number of its decoys."""
    kept = SdJwt.parse(made)
    theirs = accept(bind(kept, AUDIENCE, NONCE, HOLDER, NOW)).credential
    ours = accept(presented(*DETAIL_NAMES, *FINDING_NAMES)).credential
    assert replace(theirs, hidden=0) == replace(ours, hidden=0)
    assert (theirs.verdict, theirs.issued_at) == (Verdict.FAIL, ISSUED)


# --- jose -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p256", [False, True])
def test_jose_verifies_what_the_agent_signs(p256: bool) -> None:
    device, envelope = (DEVICE_P256, genuine_p256()) if p256 else (DEVICE, genuine())
    found = in_node("jose", jws=envelope.decode(), key=device.public.jwk())["outcome"]
    assert found["payload"].encode() == base64.urlsafe_b64decode(envelope.split(b".")[1] + b"==")
    assert found["header"] == {"alg": "ES256" if p256 else "EdDSA", "kid": device.public.kid, "typ": EVIDENCE}
    assert "refused" in in_node("jose", jws=envelope.decode(), key=COLLECTOR.public.jwk())


def test_jose_verifies_our_result_and_our_receipt() -> None:
    name = digest(genuine())
    receipt = SmallLog().receipt(
        Statement(name, RESULT_OF_IT.evidence_id, RESULT_OF_IT.issuer, "sales", NOW, "measured", RESULT_OF_IT.findings)
    )
    for signed, payload in (
        (signed_result(), RESULT_OF_IT.to_bytes()),
        (sign(receipt, RECEIPT, COLLECTOR), receipt),
    ):
        key = COLLECTOR.public.jwk()
        found = in_node("jose", jws=signed.decode(), key=key)["outcome"]
        assert found["payload"].encode() == payload
        assert found["header"]["kid"] == COLLECTOR.public.kid
        head, body, signature = signed.decode().split(".")
        changed = base64url(base64.urlsafe_b64decode(body + "==").replace(b'"fail"', b'"pass"'))
        assert changed != body
        assert "refused" in in_node("jose", jws=f"{head}.{changed}.{signature}", key=key)

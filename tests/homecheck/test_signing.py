"""One signer, one strict verifier: others can read what it makes; every forgery is refused for its own reason."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jwcrypto.jwk
import jwcrypto.jws
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, OKPKey

from homecheck.errors import Refused
from homecheck.keys import SoftwareKey
from homecheck.signing import (
    EVIDENCE,
    MAX_ENVELOPE,
    RECEIPT,
    ROTATION,
    TYPES,
    PublicKey,
    base64url,
    decode_base64url,
    digest,
    jwks,
    key_set,
    lower_half,
    sign,
    unverified_header,
    verify,
    verify_own_key,
)
from homecheck.strict_json import serialize
from tests.forgeries import (
    DEVICE,
    DEVICE_P256,
    ENROLLED,
    GENUINE,
    STRANGER,
    Forgery,
    N,
    accept,
    forgeries,
    genuine,
    genuine_p256,
    header,
    sealed,
    signature_of,
    with_signature,
)
from tests.needs import need_program

RFC_8037 = json.loads((Path(__file__).parents[1] / "vectors" / "rfc8037_appendix_a.json").read_text())
BOTH = pytest.mark.parametrize("key", [DEVICE, DEVICE_P256], ids=["EdDSA", "ES256"])

# joserfc warns that RFC 9864 renames EdDSA to Ed25519; too few verifiers know the new name.
RFC_9864 = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")

# The 14 encodings of points of low order on edwards25519 (C2SP/CCTV, ed25519/README.md).
LOW_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


def reason_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.reason


@pytest.mark.parametrize("envelope", [genuine(), genuine_p256()], ids=["EdDSA", "ES256"])
def test_what_was_signed_is_accepted(envelope: bytes) -> None:
    evidence = accept(envelope)
    assert evidence.id == GENUINE.id
    assert evidence.runs == GENUINE.runs


@pytest.mark.parametrize("forgery", forgeries(), ids=lambda forgery: forgery.name)
def test_a_forgery_is_refused_for_its_reason(forgery: Forgery) -> None:
    with pytest.raises(Refused) as refused:
        accept(forgery.make())
    assert reason_of(refused) == forgery.reason
    assert refused.value.message


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_changed_byte_is_accepted_and_nothing_but_a_refusal_leaves(data: st.DataObject) -> None:
    envelope = data.draw(st.sampled_from([genuine(), genuine_p256()]))
    begin = data.draw(st.integers(0, len(envelope)))
    end = data.draw(st.integers(begin, min(len(envelope), begin + 4)))
    changed = envelope[:begin] + data.draw(st.binary(max_size=4)) + envelope[end:]
    if changed == envelope:
        accept(changed)
    else:
        with pytest.raises(Refused):
            accept(changed)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_whatever_bytes_a_stranger_signs_only_a_refusal_leaves(head: bytes, payload: bytes) -> None:
    with pytest.raises(Refused):
        accept(sealed(head, payload))
    with pytest.raises(Refused):
        accept(sealed(header(), payload))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(json.loads(GENUINE.to_bytes()))), JSON)
def test_whatever_stands_in_a_member_it_is_read_or_refused(name: str, value: Any) -> None:
    members = {**json.loads(GENUINE.to_bytes()), name: value}
    envelope = sealed(header(), json.dumps(members).encode("utf-8", "surrogatepass"))
    try:
        assert accept(envelope).device == GENUINE.device or name == "device"
    except Refused as refused:
        reason = refused.reason
        assert reason in {"schema", "bad-number", "lone-surrogate", "too-deep"}


@pytest.mark.parametrize("typ", TYPES)
def test_no_kind_of_document_passes_for_another(typ: str) -> None:
    envelope = sign(b"{}", typ, DEVICE)
    assert verify(envelope, typ, ENROLLED.get) == b"{}"
    for other in set(TYPES) - {typ}:
        with pytest.raises(Refused) as refused:
            verify(envelope, other, ENROLLED.get)
        assert reason_of(refused) == "typ"


def test_without_any_key_nothing_is_accepted() -> None:
    with pytest.raises(Refused) as refused:
        verify(genuine(), EVIDENCE, lambda kid: None)
    assert reason_of(refused) == "unknown-key"


# --- Others read what we sign -----------------------------------------------------------------------------------------


@RFC_9864
@BOTH
def test_joserfc_verifies_what_we_sign(key: SoftwareKey) -> None:
    imported = (OKPKey if key is DEVICE else ECKey).import_key(dict(key.public.jwk()))
    envelope = sign(GENUINE.to_bytes(), EVIDENCE, key)
    found = joserfc_jws.deserialize_compact(envelope, imported, algorithms=[key.public.algorithm])
    assert found.payload == GENUINE.to_bytes()


@BOTH
def test_jwcrypto_verifies_what_we_sign(key: SoftwareKey) -> None:
    token = jwcrypto.jws.JWS()
    token.deserialize(sign(GENUINE.to_bytes(), EVIDENCE, key).decode())
    token.verify(jwcrypto.jwk.JWK(**key.public.jwk()))
    assert token.payload == GENUINE.to_bytes()


@BOTH
def test_pyjwt_verifies_what_we_sign(key: SoftwareKey) -> None:
    public = jwt.PyJWK(key.public.jwk())
    payload = jwt.api_jws.decode(sign(GENUINE.to_bytes(), EVIDENCE, key), public, algorithms=[key.public.algorithm])
    assert payload == GENUINE.to_bytes()


def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    openssl = need_program("openssl", package="openssl")
    signing_input = genuine().rsplit(b".", 1)[0]
    (tmp_path / "in").write_bytes(signing_input)
    (tmp_path / "sig").write_bytes(signature_of(genuine()))
    pem = DEVICE.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "pub.pem").write_bytes(pem)
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin", "-in", "in", "-sigfile", "sig"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")


@RFC_9864
@BOTH
def test_we_verify_what_joserfc_signs(key: SoftwareKey) -> None:
    imported = (OKPKey if key is DEVICE else ECKey).import_key(dict(key.jwk()))
    members = {"alg": key.public.algorithm, "kid": key.public.kid, "typ": RECEIPT}
    envelope = joserfc_jws.serialize_compact(members, b"hello", imported, algorithms=[key.public.algorithm]).encode()
    if key.public.algorithm == "ES256":  # joserfc does not choose the lower half
        envelope = with_signature(envelope, lower_half(signature_of(envelope)))
    assert verify(envelope, RECEIPT, ENROLLED.get) == b"hello"


def test_the_key_thumbprint_and_signature_of_rfc_8037() -> None:
    key = SoftwareKey.from_jwk(RFC_8037["jwk_private"])
    assert key.public.kid == RFC_8037["jwk_thumbprint_sha256"]
    assert PublicKey.from_jwk(RFC_8037["jwk_public"]) == key.public
    head, payload, signature = RFC_8037["jws_compact"].split(".")
    assert base64url(RFC_8037["payload_utf8"].encode()) == payload
    assert base64url(key.sign(f"{head}.{payload}".encode())) == signature


def test_the_bare_header_of_rfc_8037_is_refused() -> None:
    key = PublicKey.from_jwk(RFC_8037["jwk_public"])
    with pytest.raises(Refused) as refused:
        verify(RFC_8037["jws_compact"].encode(), EVIDENCE, {key.kid: key}.get)
    assert reason_of(refused) == "header"


# --- Signing ----------------------------------------------------------------------------------------------------------


def test_es256_always_signs_in_the_lower_half() -> None:
    for number in range(30):  # by chance alone: 1 in 10^9
        signature = signature_of(sign(str(number).encode(), EVIDENCE, DEVICE_P256))
        assert 0 < int.from_bytes(signature[32:], "big") <= N // 2


def test_lower_half_leaves_a_lower_signature_alone() -> None:
    low = bytes(32) + (5).to_bytes(32, "big")
    assert lower_half(low) == low
    assert lower_half(bytes(32) + (N - 5).to_bytes(32, "big")) == low


def test_an_envelope_that_nobody_would_accept_is_not_made() -> None:
    with pytest.raises(Refused) as refused:
        sign(bytes(MAX_ENVELOPE), EVIDENCE, DEVICE)
    assert reason_of(refused) == "too-large"


def test_eddsa_gives_the_same_bytes_every_time() -> None:
    assert genuine() == genuine()


def test_the_digest_is_sha_256_of_the_bytes() -> None:
    # FIPS 180-4, "abc"
    assert digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_base64url_has_one_spelling() -> None:
    assert base64url(b"\xfb\xff") == "-_8"  # RFC 4648 table 2
    assert decode_base64url("-_8") == b"\xfb\xff"
    for other in ("-_9", "-_8=", "+/8", "-_8\n", "-", "", "ü"):
        with pytest.raises(Refused) as refused:
            decode_base64url(other)
        assert reason_of(refused) == "base64url"


def test_the_header_can_be_read_without_believing_it() -> None:
    assert unverified_header(with_signature(genuine(), bytes(64))) == {
        "alg": "EdDSA",
        "kid": DEVICE.public.kid,
        "typ": EVIDENCE,
    }
    for bad in (b"", b"A" * (MAX_ENVELOPE + 1), b"e30.e30.AA"):
        with pytest.raises(Refused):
            unverified_header(bad)


# --- Documents that bring their own key -------------------------------------------------------------------------------


def test_a_document_with_its_own_key_proves_possession() -> None:
    envelope = sign(serialize({"jwk": STRANGER.public.jwk()}), ROTATION, STRANGER)
    payload, key = verify_own_key(envelope, ROTATION)
    assert key == STRANGER.public
    assert json.loads(payload)["jwk"]["kid"] == STRANGER.public.kid


def test_somebody_elses_key_cannot_be_claimed() -> None:
    envelope = sign(serialize({"jwk": DEVICE.public.jwk()}), ROTATION, STRANGER)
    with pytest.raises(Refused) as refused:
        verify_own_key(envelope, ROTATION)
    assert reason_of(refused) == "unknown-key"


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'{"jwk":7}', b'{"jwk":{"kty":"oct","k":"AA"}}', b"\xff"])
def test_a_document_without_a_usable_key_is_refused(payload: bytes) -> None:
    with pytest.raises(Refused):
        verify_own_key(sign(payload, ROTATION, STRANGER), ROTATION)


# --- Keys that are let in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", LOW_ORDER)
def test_a_key_of_low_order_is_refused(encoding: str) -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes.fromhex(encoding))}
    with pytest.raises(Refused) as refused:
        PublicKey.from_jwk(jwk)
    assert reason_of(refused) == "bad-key"


@pytest.mark.parametrize("encoding", LOW_ORDER[:4])
def test_one_signature_fits_every_message_under_such_a_key(encoding: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(encoding))
    for message in (b"passed", b"failed"):
        key.verify(b"\x01" + bytes(63), message)  # the library does not refuse it: that is why we do


BAD_KEYS: dict[str, object] = {
    "private half": DEVICE.jwk(),
    "no object": "key",
    "no members": {},
    "other curve": {"kty": "OKP", "crv": "X25519", "x": base64url(bytes(32))},
    "rsa": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "symmetric": {"kty": "oct", "k": "AAAA"},
    "short": {"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes(31))},
    "long": {"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes(33))},
    "padded": {"kty": "OKP", "crv": "Ed25519", "x": DEVICE.public.jwk()["x"] + "="},
    "a number for a text": {"kty": "OKP", "crv": "Ed25519", "x": 7},
    "off the curve": {
        "kty": "EC",
        "crv": "P-256",
        "x": base64url(bytes(31) + b"\1"),
        "y": base64url(bytes(31) + b"\1"),
    },
    "infinity": {"kty": "EC", "crv": "P-256", "x": base64url(bytes(32)), "y": base64url(bytes(32))},
    "p-384": {"kty": "EC", "crv": "P-384", "x": base64url(bytes(48)), "y": base64url(bytes(48))},
}


@pytest.mark.parametrize("jwk", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_bad_key_is_refused(jwk: object) -> None:
    with pytest.raises(Refused) as refused:
        PublicKey.from_jwk(jwk)
    assert reason_of(refused) == "bad-key"


@BOTH
def test_a_public_key_comes_back_from_its_jwk(key: SoftwareKey) -> None:
    assert PublicKey.from_jwk(key.public.jwk()) == key.public
    assert "d" not in key.public.jwk()


def test_the_thumbprint_of_a_p256_key_is_that_of_jwcrypto() -> None:
    assert jwcrypto.jwk.JWK(**DEVICE_P256.public.jwk()).thumbprint() == DEVICE_P256.public.kid


def test_a_key_set_is_read_by_kid() -> None:
    assert key_set(jwks(ENROLLED)) == ENROLLED


def test_a_key_set_whose_kid_is_not_the_thumbprint_is_refused() -> None:
    wrong = {"keys": [{**DEVICE.public.jwk(), "kid": STRANGER.public.kid}]}
    bad_sets: tuple[object, ...] = (wrong, {"keys": []}, {}, [], {"keys": [DEVICE.jwk()]}, {"keys": {}})
    for refused_set in bad_sets:
        with pytest.raises(Refused) as refused:
            key_set(refused_set)
        assert reason_of(refused) == "bad-key"


def test_the_digest_names_the_bytes_and_not_the_evidence() -> None:
    first, second = genuine(), sealed(header())
    assert accept(first) == accept(second)
    assert digest(first) != digest(second)


def test_an_es256_signature_with_a_zero_between_its_numbers_is_refused() -> None:
    """65 bytes: read as two numbers, they are those of the good signature."""
    signed, _, signature = genuine_p256().rpartition(b".")
    raw = decode_base64url(signature.decode())
    longer = signed + b"." + base64url(raw[:32] + b"\0" + raw[32:]).encode()
    with pytest.raises(Refused, match="65 bytes") as refused:
        verify(longer, EVIDENCE, {DEVICE_P256.public.kid: DEVICE_P256.public}.get)
    assert refused.value.reason == "signature"


def test_a_name_that_is_no_thumbprint_is_looked_up_nowhere() -> None:
    """Even where keys are kept under other names, or a look-up would take whatever it is given."""
    header = base64url(serialize({"alg": "EdDSA", "kid": "../device", "typ": EVIDENCE}))
    signing_input = f"{header}.{base64url(b'{}')}".encode()
    envelope = signing_input + b"." + base64url(DEVICE.sign(signing_input)).encode()
    asked: list[str] = []

    def any_key(kid: str) -> PublicKey:
        asked.append(kid)
        return DEVICE.public

    with pytest.raises(Refused) as refused:
        verify(envelope, EVIDENCE, any_key)
    assert (refused.value.reason, asked) == ("unknown-key", [])

"""The document by which one key names another its heir: two signatures, of which neither is worth anything alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck import rotation
from homecheck.errors import Refused
from homecheck.keys import SoftwareKey
from homecheck.signing import ENROLMENT, ROTATION, ROTATION_PROOF, base64url, sign, verify
from homecheck.strict_json import parse_object, serialize
from tests.forgeries import DEVICE, DEVICE_P256, STRANGER

AUD = "https://collector.example"
OTHER = "https://other.example"
SOFTWARE = {"name": "homecheck", "version": "1.0", "python": "3.11.2", "system": "Linux 6.1"}
NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEYS = {DEVICE.public.kid: DEVICE.public, STRANGER.public.kid: STRANGER.public}


def made(old: SoftwareKey = DEVICE, new: SoftwareKey = DEVICE_P256, aud: str = AUD) -> bytes:
    return rotation.request(old, new, aud, SOFTWARE, NOW)


def members(envelope: bytes) -> dict[str, Any]:
    return parse_object(verify(envelope, ROTATION, KEYS.get))


def read(envelope: bytes, old: SoftwareKey = DEVICE) -> rotation.Rotation:
    return rotation.read(envelope, old.public.kid, KEYS.get)


def test_what_was_written_is_read_back() -> None:
    found = read(made())
    assert (found.aud, found.key.kid, found.store) == (AUD, DEVICE_P256.public.kid, "file")
    assert found.software == "homecheck 1.0 (Python 3.11.2, Linux 6.1)"


IDENTITY = {"kty": "OKP", "crv": "Ed25519", "x": base64url(b"\x01" + bytes(31))}
IDENTITY_SIGNATURE = base64url(b"\x01" + bytes(63))


def test_a_key_of_low_order_is_no_heir_although_its_proof_would_fit() -> None:
    head, payload, _ = members(made())["proof"].split(".")
    forged = {**members(made()), "jwk": IDENTITY, "proof": f"{head}.{payload}.{IDENTITY_SIGNATURE}"}
    with pytest.raises(Refused, match="low order") as refused:
        read(sign(serialize(forged), ROTATION, DEVICE))
    assert refused.value.reason == "bad-key"


def _claimed() -> dict[str, Any]:
    """A stranger's key, with the proof that it made for a rotation of its own: what an eavesdropper would have."""
    own = parse_object(verify(made(STRANGER, DEVICE_P256), ROTATION, KEYS.get))
    return {**members(made()), "jwk": own["jwk"], "proof": own["proof"]}


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "a proof made for another old key": (_claimed(), "other-proof"),
    "a proof made for another collector": (
        {**members(made()), "proof": members(made(aud=OTHER))["proof"]}, "other-proof",
    ),
    "a proof by another key than the new one": (
        {**members(made()), "jwk": STRANGER.public.jwk()}, "unknown-key",
    ),
    "no proof": ({name: value for name, value in members(made()).items() if name != "proof"}, "schema"),
    "an empty proof": ({**members(made()), "proof": ""}, "not-compact"),
    "a proof of another kind": (
        {**members(made()), "proof": sign(b"{}", ENROLMENT, DEVICE_P256).decode()}, "typ",
    ),
    "the rotation itself as proof": ({**members(made()), "proof": made().decode()}, "typ"),
    "a proof with more in it": (
        {**members(made()), "proof": sign(
            serialize({"v": 1, "aud": AUD, "iat": 1, "replaces": DEVICE.public.kid, "more": 1}),
            ROTATION_PROOF, DEVICE_P256).decode()},
        "schema",
    ),
    "the private half along": ({**members(made()), "jwk": DEVICE_P256.jwk()}, "bad-key"),
    "itself as heir": ({**members(made()), "jwk": DEVICE.public.jwk()}, "same-key"),
    "another version": ({**members(made()), "v": 2}, "schema"),
    "one member more": ({**members(made()), "more": 1}, "schema"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_rotation_that_is_not_whole_is_refused_for_its_reason(name: str) -> None:
    forged, reason = FORGED[name]
    with pytest.raises(Refused) as refused:
        read(sign(serialize(forged), ROTATION, DEVICE))
    assert refused.value.reason == reason


def test_only_the_old_key_itself_names_its_heir() -> None:
    with pytest.raises(Refused) as refused:
        read(made(), STRANGER)  # signed by DEVICE, which is known as well
    assert refused.value.reason == "unknown-key"


def test_an_enrolment_is_no_rotation() -> None:
    with pytest.raises(Refused) as refused:
        read(sign(serialize(members(made())), ENROLMENT, DEVICE))
    assert refused.value.reason == "typ"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["v", "aud", "iat", "jwk", "store", "software", "proof", "more"]), JSON)
def test_whatever_stands_in_a_member_it_is_read_or_refused(name: str, value: object) -> None:
    try:
        payload = serialize({**members(made()), name: value})
        found = read(sign(payload, ROTATION, DEVICE))
    except (Refused, UnicodeEncodeError):  # a lone surrogate is no JSON in UTF-8 and cannot be written
        return
    assert found.key.kid == DEVICE_P256.public.kid  # the proof speaks for this key alone
    assert found.aud == AUD

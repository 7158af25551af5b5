"""SD-JWTs by the examples of RFC 9901 itself, and whatever strangers may send instead of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.errors import Refused
from homecheck.sd_jwt import Disclosure, SdJwt, bind, hide, unpack, verify_binding
from homecheck.signing import PublicKey, base64url, decode_base64url, lower_half, verify_under
from homecheck.strict_json import parse_object
from tests.credentials import Counted, accept, forged_credentials, presented
from tests.forgeries import DEVICE, DEVICE_P256, Forgery

EXAMPLES = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9901_examples.json").read_text(encoding="utf-8"))
ISSUER, HOLDER = (PublicKey.from_jwk(EXAMPLES[name]) for name in ("issuer", "holder"))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def section(example: Mapping[str, Any]) -> str:
    return str(example["section"])


def in_the_lower_half(jwt: bytes) -> bytes:
    """Return an ES256 JWT with the twin of its signature that we accept; the RFC's own are drawn from both halves."""
    text, signature = jwt.rsplit(b".", 1)
    return text + b"." + base64url(lower_half(decode_base64url(signature.decode()))).encode()


# --- What RFC 9901 prints ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES["compact"], ids=section)
def test_the_examples_of_rfc_9901_are_read_as_printed(example: Mapping[str, Any]) -> None:
    data = example["sd_jwt"].encode()
    shown = SdJwt.parse(data)
    assert shown.unbound() + (shown.key_binding or b"") == data
    header = json.loads(decode_base64url(shown.jwt.split(b".")[0].decode()))
    payload = verify_under(in_the_lower_half(shown.jwt), header["typ"], ISSUER)
    claims = unpack(parse_object(payload), shown.disclosures)
    assert "_sd" not in json.dumps(claims)
    if example["processed"] is not None:
        assert claims == example["processed"]


@pytest.mark.parametrize("example", [one for one in EXAMPLES["compact"] if one["sd_jwt"][-1] != "~"], ids=section)
def test_the_key_bindings_of_rfc_9901_are_verified(example: Mapping[str, Any]) -> None:
    shown = SdJwt.parse(example["sd_jwt"].encode())
    assert shown.key_binding is not None
    lowered = SdJwt(shown.jwt, shown.disclosures, in_the_lower_half(shown.key_binding))
    binding = verify_binding(lowered, HOLDER)
    assert (binding.audience, binding.nonce) == ("https://verifier.example.org", "1234567890")
    fewer = SdJwt(shown.jwt, shown.disclosures[1:], lowered.key_binding)
    with pytest.raises(Refused) as refused:
        verify_binding(fewer, HOLDER)
    assert refused.value.reason == "other-presentation"


def test_every_digest_of_rfc_9901_is_that_of_its_disclosure() -> None:
    assert len(EXAMPLES["digests"]) == 83
    for digest, text in EXAMPLES["digests"]:
        assert Disclosure.read(text).digest == digest


ADDRESS = {"street_address": "Schulstr. 12", "locality": "Schulpforta", "region": "Sachsen-Anhalt", "country": "DE"}


@pytest.mark.parametrize("example", EXAMPLES["structured"], ids=section)
def test_flat_structured_and_recursive_disclosures_give_the_same_address(example: Mapping[str, Any]) -> None:
    disclosures = [Disclosure.read(text) for text in example["disclosures"]]
    for order in (disclosures, disclosures[::-1]):
        assert unpack(example["payload"], order)["address"] == ADDRESS


def test_an_inner_disclosure_without_its_outer_one_is_refused() -> None:
    (recursive,) = (one for one in EXAMPLES["structured"] if one["section"] == "6.3")
    inner = [Disclosure.read(text) for text in recursive["disclosures"][:4]]
    with pytest.raises(Refused) as refused:
        unpack(recursive["payload"], inner)
    assert refused.value.reason == "disclosure-unused"


# --- What we make -----------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20) | st.none(), max_size=20))
def test_what_is_hidden_comes_back_and_leaves_no_trace_of_its_order(claims: dict[str, Any]) -> None:
    names = [name for name in claims if name in ("_sd", "...", "_sd_alg")]
    kept = {name: claims[name] for name in claims if name not in names and "\0" not in name}
    usable = {name: value for name, value in kept.items() if not isinstance(value, int) or abs(value) <= 2**53}
    digests, disclosures = hide(usable, 32, Counted())
    assert digests == sorted(set(digests))
    assert len(digests) == 32
    read = [Disclosure.read(one.text) for one in disclosures]
    assert unpack({"_sd": digests, "_sd_alg": "sha-256"}, read) == usable


def test_a_salt_has_128_bits_and_a_decoy_looks_like_any_digest() -> None:
    asked: list[int] = []

    def random(length: int) -> bytes:
        asked.append(length)
        return hashlib.sha256(bytes(asked)).digest()[:length]

    digests, _ = hide({"a": 1, "b": 2}, 5, random)
    assert asked == [16, 16, 32, 32, 32]
    assert {len(decode_base64url(digest)) for digest in digests} == {32}


def test_more_claims_than_places_are_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="3 claims in 2 places"):
        hide({"a": 1, "b": 2, "c": 3}, 2, Counted())


@pytest.mark.parametrize("key", [DEVICE, DEVICE_P256], ids=["EdDSA", "ES256"])
def test_a_binding_speaks_of_what_is_shown(key: Any) -> None:
    shown = SdJwt(b"header.payload.signature", (Disclosure.of(bytes(16), "name", "Åsa"),))
    bound = SdJwt.parse(bind(shown, "them", "n", key, NOW))
    assert bound.unbound() == shown.unbound()
    found = verify_binding(bound, key.public)
    assert (found.audience, found.nonce, found.made_at) == ("them", "n", NOW)


# --- What strangers send ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgery", forged_credentials(), ids=lambda forgery: str(forgery.name))
def test_a_forged_credential_is_refused_for_its_reason(forgery: Forgery) -> None:
    with pytest.raises(Refused) as refused:
        accept(forgery.make())
    assert refused.value.reason == forgery.reason, refused.value.message


PRESENTED = presented("name", "room.noise")


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_changed_byte_of_a_presentation_is_accepted(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(PRESENTED) - 1))
    kind = data.draw(st.sampled_from(["change", "remove", "insert"]))
    byte = bytes([data.draw(st.integers(0, 255))])
    tail = PRESENTED[place:] if kind == "insert" else PRESENTED[place + 1 :]
    changed = PRESENTED[:place] + (b"" if kind == "remove" else byte) + tail
    if changed == PRESENTED:
        return
    with pytest.raises(Refused):
        accept(changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.sampled_from(["A" * 43, "_sd", "..."]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["_sd", "...", "_sd_alg", "a", "findings"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["_sd", "...", "_sd_alg", "a", "cnf"]), JSON, max_size=4),
    st.lists(JSON, max_size=4),
)
def test_whatever_stands_in_payload_and_disclosures_only_a_refusal_leaves(payload: Any, contents: list[Any]) -> None:
    texts = [base64url(json.dumps(content).encode()) for content in contents]
    with suppress(Refused):
        disclosures = SdJwt.parse("~".join(["jwt", *texts, ""]).encode()).disclosures
        places = [one.digest for one in disclosures]
        assert "_sd" not in unpack({**payload, "z": {"_sd": places}}, disclosures)["z"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_whatever_bytes_stand_between_tildes_only_a_refusal_leaves(pieces: list[bytes]) -> None:
    with suppress(Refused):
        parsed = SdJwt.parse(b"~".join(pieces))
        assert parsed.unbound() + (parsed.key_binding or b"") == b"~".join(pieces)

"""Vectors that others have published: signatures that look good and are not, and documents that are hardly JSON.

What is expected stands in the files, or follows from their flags and names; where our profile is stricter, the cases
are named here. Origins and licences: tests/vectors/ORIGIN.md.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from homecheck.errors import Refused
from homecheck.signing import P256_ORDER, PublicKey, base64url, check_signature, decode_base64url
from homecheck.strict_json import parse_object

VECTORS: Final = Path(__file__).parents[1] / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def ed25519(point: str) -> PublicKey:
    return PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes.fromhex(point))})


def accepts(key: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        check_signature(key, signature, message)
    except Refused:
        return False
    return True


# Signatures


def test_wycheproofs_ed25519_signatures_are_told_apart() -> None:
    counts: Counter[bool] = Counter()
    for group in load("wycheproof/ed25519_test.json")["testGroups"]:
        key = ed25519(group["publicKey"]["pk"])
        for case in group["tests"]:
            good = accepts(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert good == (case["result"] == "valid"), case
            counts[good] += 1
    assert counts.total() == 151


def test_wycheproofs_p256_signatures_are_told_apart_and_twins_are_refused() -> None:
    counts: Counter[str] = Counter()
    for group in load("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json")["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        x, y = base64url(point[1:33]), base64url(point[33:])
        key = PublicKey.from_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            upper = len(signature) == 64 and int.from_bytes(signature[32:], "big") > P256_ORDER // 2
            expected = case["result"] == "valid" and not upper
            assert accepts(key, signature, bytes.fromhex(case["msg"])) == expected, case
            counts[f"{case['result']}{' twin' if upper else ''}"] += 1
    assert counts["valid"] > 50
    assert counts["valid twin"] > 50
    assert counts["invalid"] > 40


def es256_cases() -> Iterator[tuple[PublicKey, str, str]]:
    for group in load("wycheproof/json_web_signature_test.json")["testGroups"]:
        jwk = group.get("public", {})
        if jwk.get("crv") == "P-256" and jwk.get("alg", "ES256") == "ES256":
            key = PublicKey.from_jwk({name: jwk[name] for name in ("kty", "crv", "x", "y")})
            yield from ((key, case["jws"], case["result"]) for case in group["tests"] if isinstance(case["jws"], str))


def test_no_web_signature_that_wycheproof_calls_invalid_is_accepted() -> None:
    cases = list(es256_cases())
    assert len(cases) >= 30
    refused = 0
    for key, jws, result in cases:
        try:
            head, payload, signature = jws.split(".")
            check_signature(key, decode_base64url(signature), f"{head}.{payload}".encode())
        except (Refused, ValueError):  # ValueError: not three segments
            refused += 1
        else:
            assert result == "valid" or json.loads(decode_base64url(head)).get("alg") != "ES256", jws
    assert 0 < refused < len(cases)


def test_edge_points_of_edwards25519_are_refused_as_keys_or_judged_as_openssl_and_go_do() -> None:
    """The README of the vectors: OpenSSL, Go and others reject what is flagged so, and accept everything else."""
    counts: Counter[str] = Counter()
    for case in load("cctv/ed25519vectors.json"):
        flags = set(case["flags"] or [])
        try:
            key = ed25519(case["key"])
        except Refused as refused:
            counts[f"{refused.reason}, low order: {'low_order_A' in flags}"] += 1
            continue
        assert "low_order_A" not in flags
        good = accepts(key, bytes.fromhex(case["sig"]), case["msg"].encode())
        assert good == (not flags & {"low_order_residue", "non_canonical_R"}), case
        counts["accepted" if good else "refused"] += 1
    assert counts == {"bad-key, low order: True": 526, "refused": 302, "accepted": 86}


# Documents

STRICTER: Final = {  # JSON by RFC 8259, and yet refused here: (RFC 7493, and what no reader reads alike)
    "y_object_duplicated_key": "duplicate-member",
    "y_object_duplicated_key_and_value": "duplicate-member",
}
LONGEST: Final = 1_000  # bytes in base64; what is compressed is longer


def documents() -> dict[str, bytes]:
    found = {name: base64.b64decode(text) for name, text in load("jsontestsuite/test_parsing.json").items()}
    return {name: zlib.decompress(data) if data[:1] == b"\x78" else data for name, data in found.items()}


DOCUMENTS: Final = documents()


def read(data: bytes) -> str:
    """Return "read", or the reason of the refusal. Nothing else may leave the parser."""
    try:
        parse_object(data)
    except Refused as refused:
        return refused.reason
    return "read"


def test_the_suite_is_complete() -> None:
    assert Counter(name[0] for name in DOCUMENTS) == {"y": 95, "n": 188, "i": 35}


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name[0] == "n"])
def test_what_is_no_json_is_refused_alone_and_inside_an_object(name: str) -> None:
    assert read(DOCUMENTS[name]) != "read"
    assert read(b'{"a":' + DOCUMENTS[name] + b"}") != "read"


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name[0] == "y"])
def test_what_is_json_is_read_as_an_object_or_inside_one(name: str) -> None:
    is_object = isinstance(json.loads(DOCUMENTS[name]), dict)
    expected = STRICTER.get(name, "read")
    assert read(b'{"a":' + DOCUMENTS[name] + b"}") == expected
    assert read(DOCUMENTS[name]) == (expected if is_object else "not-json")


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name[0] == "i"])
def test_what_parsers_may_read_or_not_is_read_or_refused(name: str) -> None:
    assert read(b'{"a":' + DOCUMENTS[name] + b"}") in (
        "read", "not-utf8", "bad-number", "lone-surrogate", "too-deep", "not-json",
    )  # fmt: skip

"""One-time codes: the vectors of RFC 4226, appendix D, and RFC 6238, appendix B."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from homecheck.standards.rfc_6238 import address, base32, hotp, matching_step, step

SECRET = b"12345678901234567890"


def test_hotp_has_the_values_of_rfc_4226() -> None:
    expected = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
    ]  # fmt: skip
    assert [hotp(SECRET, counter) for counter in range(10)] == expected


@pytest.mark.parametrize(
    ("seconds", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        (20_000_000_000, "65353130", "77737706", "47863826"),
    ],
)
def test_totp_has_the_values_of_rfc_6238(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    keys = {"sha1": SECRET, "sha256": (SECRET * 2)[:32], "sha512": (SECRET * 4)[:64]}
    found = [hotp(key, step(seconds), 8, name) for name, key in keys.items()]
    assert found == [sha1, sha256, sha512]


def test_a_code_counts_one_step_before_and_after_and_never_again() -> None:
    now = 1_111_111_111.0
    codes = {shift: hotp(SECRET, step(now) + shift) for shift in (-2, -1, 0, 1, 2)}
    found = {shift: matching_step(SECRET, code, now) for shift, code in codes.items()}
    assert found == {-2: None, -1: step(now) - 1, 0: step(now), 1: step(now) + 1, 2: None}
    assert matching_step(SECRET, codes[0], now, after=step(now)) is None
    assert matching_step(SECRET, codes[1], now, after=step(now)) == step(now) + 1


@pytest.mark.parametrize("code", ["", "1", "１２３４５６", "0" * 6, "-05047", "050471 ", "0504711"])
def test_what_is_no_code_never_matches(code: str) -> None:
    assert matching_step(SECRET, code, 1_111_111_111.0) is None


def test_an_app_reads_the_address() -> None:
    parts = urlsplit(address(SECRET, "bo@example.com", "Example: Inc. & Söner"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/Example%3A%20Inc.%20%26%20S%C3%B6ner:bo%40example.com"
    values = parse_qs(parts.query)
    assert values["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"] == [base32(SECRET)]
    assert values["issuer"] == ["Example: Inc. & Söner"]
    assert (values["digits"], values["period"]) == (["6"], ["30"])

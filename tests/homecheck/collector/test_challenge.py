from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from homecheck.collector.challenge import check, freshness, issue
from homecheck.errors import Refused

SECRET = bytes(range(32))
KID = "K" * 43
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RANDOM = bytes(16)


def test_a_nonce_is_expiry_random_and_their_mac() -> None:
    # Written with the standard library alone: 2026-11-23T12:10Z is 1795435800 s after 1970 (date -u -d … +%s).
    body = (1795435800 * 1000).to_bytes(8, "big") + RANDOM
    tag = hmac.new(SECRET, KID.encode() + body, hashlib.sha256).digest()
    nonce = base64.urlsafe_b64encode(body + tag).rstrip(b"=").decode()
    issued = issue(SECRET, KID, NOON, RANDOM)
    assert issued.nonce == nonce
    assert issued.expires_at == NOON + timedelta(minutes=10)
    assert issued.issued_at == NOON


def test_a_nonce_is_good_until_it_expires() -> None:
    nonce = issue(SECRET, KID, NOON, RANDOM).nonce
    assert check(SECRET, KID, nonce, NOON + timedelta(minutes=9, seconds=59)).expires_at == NOON + timedelta(minutes=10)
    with pytest.raises(Refused, match="expired") as caught:
        check(SECRET, KID, nonce, NOON + timedelta(minutes=10))
    assert caught.value.reason == "stale-nonce"


@pytest.mark.parametrize(
    ("secret", "kid", "change"),
    [
        (SECRET, "L" * 43, lambda nonce: nonce),
        (bytes(32), KID, lambda nonce: nonce),
        (SECRET, KID, lambda nonce: "B" + nonce[1:]),
        (SECRET, KID, lambda nonce: nonce[:-4]),
        (SECRET, KID, lambda nonce: nonce + "AAAA"),
        (SECRET, KID, lambda nonce: nonce + "="),
        (SECRET, KID, lambda nonce: ""),
        (SECRET, KID, lambda nonce: "challenge"),
        (SECRET, KID, lambda nonce: "ü" * 75),
    ],
    ids=["other device", "other secret", "other expiry", "cut", "longer", "padded", "empty", "a word", "not base64url"],
)
def test_a_nonce_that_was_not_made_here_for_this_device_is_stale(secret: bytes, kid: str, change: object) -> None:
    assert callable(change)
    nonce = change(issue(SECRET, KID, NOON, RANDOM).nonce)
    with pytest.raises(Refused) as caught:
        check(secret, kid, nonce, NOON)
    assert caught.value.reason == "stale-nonce"


@pytest.mark.parametrize(
    ("measured_for", "received_after", "grade"),
    [
        (40, 41, "measured"),  # fetched, measured for 40 s, sent
        (40, 36, "measured"),  # the probes began while the challenge was on its way: 5 s are allowed
        (40, 34, "signed"),  # fetched when most was measured already
        (600, 45, "signed"),
        (-3600, 45, "signed"),  # the device's clock leapt back meanwhile
    ],
)
def test_measurements_are_fresh_when_the_challenge_is_older_than_they_took(
    measured_for: float, received_after: float, grade: str
) -> None:
    challenge = issue(SECRET, KID, NOON, RANDOM)
    found = freshness(challenge, NOON + timedelta(seconds=received_after), timedelta(seconds=measured_for))
    assert found == grade

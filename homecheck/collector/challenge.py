"""Challenges without state: expiry ‖ random ‖ HMAC-SHA256(secret, kid ‖ expiry ‖ random), in base64url.

Any worker that knows the secret can check one. The time inside is the collector's, so the device's clock does not
matter (as for the nonces of RFC 9449). A challenge may be used twice within its life: replay is caught by the
evidence's id. It proves that a signature was made after the challenge was issued.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from homecheck.errors import Refused
from homecheck.receipt import Freshness
from homecheck.signing import base64url, decode_base64url

LIFE: Final = timedelta(minutes=10)
RANDOM_BYTES: Final = 16
SECRET_BYTES: Final = 32
SLACK: Final = timedelta(seconds=5)  # between fetching the challenge and starting the first probe
_EXPIRY_BYTES: Final = 8
_LENGTH: Final = _EXPIRY_BYTES + RANDOM_BYTES + 32


@dataclass(frozen=True)
class Challenge:
    """A nonce and when it ends."""

    nonce: str
    expires_at: datetime

    @property
    def issued_at(self) -> datetime:
        """When it was made."""
        return self.expires_at - LIFE


def issue(secret: bytes, kid: str, now: datetime, random: bytes) -> Challenge:
    """Return a challenge for the device `kid`; `random` are 16 bytes that nobody can guess."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"{RANDOM_BYTES} random bytes are needed, not {len(random)}")
    milliseconds = int((now + LIFE).timestamp() * 1000)
    body = milliseconds.to_bytes(_EXPIRY_BYTES, "big") + random
    return Challenge(base64url(body + _tag(secret, kid, body)), _moment(milliseconds))


def check(secret: bytes, kid: str, nonce: str, now: datetime) -> Challenge:
    """Return the challenge in `nonce`; Refused (``stale-nonce``) when it is not ours, not this device's, or too old."""
    data = decode_base64url(nonce, "stale-nonce")
    body, tag = data[:-32], data[-32:]
    if len(data) != _LENGTH or not hmac.compare_digest(tag, _tag(secret, kid, body)):
        raise Refused("stale-nonce", "this challenge was not made here for this device")
    challenge = Challenge(nonce, _moment(int.from_bytes(body[:_EXPIRY_BYTES], "big")))
    if now >= challenge.expires_at:
        raise Refused("stale-nonce", "this challenge has expired")
    return challenge


def freshness(challenge: Challenge, received_at: datetime, measured_for: timedelta) -> Freshness:
    """Return ``measured`` when the challenge is older than the measurements took, else ``signed``.

    `measured_for` is the device's own account of how long the check lasted; it is a difference, so its clock may be
    wrong. A clock that leapt back in between (a negative duration) proves nothing and is ``signed``.
    """
    # Compared as durations: a stranger's may be thousands of years, and no date lies that far back.
    known_for = received_at - challenge.issued_at + SLACK
    return "measured" if timedelta(0) <= measured_for <= known_for else "signed"


def _tag(secret: bytes, kid: str, body: bytes) -> bytes:
    return hmac.digest(secret, kid.encode() + body, "sha256")


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise Refused("stale-nonce", "this challenge names no time") from None

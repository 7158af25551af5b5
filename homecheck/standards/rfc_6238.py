"""TOTP: one-time codes from a shared secret and the time (RFC 6238), over HOTP (RFC 4226). HMAC-SHA-1, 30 s, 6 digits.

These are the values that every authenticator app understands; other hashes and lengths are often ignored by them.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from typing import Final
from urllib.parse import quote, urlencode

STEP_SECONDS: Final = 30  # X, section 4.1
DIGITS: Final = 6


def hotp(secret: bytes, counter: int, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """Return the code of one counter value (RFC 4226, section 5.3)."""
    mac = hmac.new(secret, counter.to_bytes(8), getattr(hashlib, algorithm)).digest()
    offset = mac[-1] & 0x0F  # dynamic truncation
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def step(seconds: float) -> int:
    """Return the number T of the time step at Unix time `seconds` (section 4.2; T0 = 0)."""
    return int(seconds // STEP_SECONDS)


def matching_step(secret: bytes, code: str, seconds: float, *, after: int = -1, window: int = 1) -> int | None:
    """Return the step whose code this is, within `window` steps of now (section 5.2) and later than `after`, or None.

    Every candidate is compared, in constant time, so that the time taken tells nothing.
    """
    now = step(seconds)
    given = code.encode()
    found = None
    for candidate in range(now - window, now + window + 1):
        same = hmac.compare_digest(hotp(secret, max(candidate, 0)).encode(), given)
        if same and candidate > after and found is None:
            found = candidate
    return found


def address(secret: bytes, account: str, issuer: str) -> str:
    """Return the ``otpauth://`` address that apps read from a QR code (the Key URI format that they all follow)."""
    values = {"secret": base32(secret), "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(account, safe='')}?{urlencode(values, quote_via=quote)}"


def base32(secret: bytes) -> str:
    """Return the secret as people type it into an app (RFC 4648, section 6, without padding)."""
    return b32encode(secret).decode().rstrip("=")

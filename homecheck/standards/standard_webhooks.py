"""Standard Webhooks 1.0: how a message to somebody else's server is signed, and when it is sent again.

Source: the specification at standardwebhooks.com, sections "Webhook headers", "Signature scheme" and "Retry schedule".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"  # of a symmetric secret
ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
# Seconds from one attempt to the next; a message is given up about three days after it was made.
SCHEDULE: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)


def secret_text(secret: bytes) -> str:
    """Return a symmetric secret as its receiver writes it down."""
    return PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, ``v1,`` and the HMAC-SHA256 over id, time (Unix seconds) and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def headers(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers; with several secrets, as during a change of them, one signature under each."""
    signatures = " ".join(signature(secret, message_id, timestamp, body) for secret in secrets)
    return {ID_HEADER: message_id, TIME_HEADER: str(timestamp), SIGNATURE_HEADER: signatures}

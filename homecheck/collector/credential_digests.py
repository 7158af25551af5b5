"""What events say of passwords, second factors and recovery codes: a part of the digest of what is stored.

What is stored is a salted hash, sealed, or the hash of 80 random bits. A part of its digest tells nobody a password, a
secret or a code, and cannot be guessed back; it tells whether the row is still the one that was set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

DIGEST: Final = "it has the digest "
DIGEST_SHOWN: Final = 16  # hexadecimal digits, 64 of 256 bits
PASSWORD_SET: Final = "password-set"  # noqa: S105 - kinds of events
PASSWORD_RENEWED: Final = "password-renewed"  # noqa: S105
FACTOR_ON: Final = "second-factor-on"
FACTOR_OFF: Final = "second-factor-off"
CODE_USED: Final = "recovery-code-used"


def shown(stored: bytes) -> str:
    """Return what the event says of what is stored."""
    return f"{DIGEST}{hashlib.sha256(stored).hexdigest()[:DIGEST_SHOWN]}"


def password_shown(stored: str) -> str:
    """Return what the event says of a password's hash; whatever text somebody has put there."""
    return shown(stored.encode("utf-8", "surrogatepass"))


def codes_shown(hashes: Iterable[str]) -> str:
    """Return what the event says of all recovery codes that are left."""
    return shown(" ".join(sorted(hashes)).encode("utf-8", "surrogatepass"))

"""RFC 2104: HMAC with SHA-256 (RFC 6234), for keys that are used many times."""

from __future__ import annotations

import hashlib
from typing import Final

_BLOCK: Final = 64  # bytes, B of RFC 2104 section 2 for SHA-256
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


class PreparedKey:
    """A key with both hashes begun, so that a message costs half as much (section 4)."""

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def digest(self, message: bytes | memoryview) -> bytes:
        """Return the HMAC of `message`, 32 bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

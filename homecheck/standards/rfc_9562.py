"""UUID version 7: RFC 9562 section 5.7, 48 bits of Unix milliseconds, then version, variant and 74 random bits."""

from __future__ import annotations

import re
from typing import Final

_FORM: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def uuid7(unix_ms: int, random: bytes) -> str:
    """Return a UUIDv7 of the time `unix_ms` and 10 `random` bytes."""
    if len(random) != 10 or not 0 <= unix_ms < 2**48:
        raise ValueError("a UUIDv7 takes 10 random bytes and 48 bits of milliseconds")
    number = unix_ms << 80 | int.from_bytes(random, "big")
    number = number & ~(0xF << 76) | 7 << 76  # version
    number = number & ~(0x3 << 62) | 2 << 62  # variant
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def is_uuid7(text: str) -> bool:
    """Tell whether `text` is a UUIDv7 in its one spelling."""
    return _FORM.fullmatch(text) is not None


def unix_ms(uuid: str) -> int:
    """Return the milliseconds that a UUIDv7 was made at."""
    return int(uuid.replace("-", "")[:12], 16)

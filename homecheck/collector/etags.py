"""Entity tags (RFC 9110 section 8.8.3): nobody overwrites what somebody else has changed since they looked at it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from homecheck.collector.problems import Problem
from homecheck.strict_json import canonical

DIGITS: Final = 32  # hexadecimal: 128 bits, so that no two states of a thing have one tag
ANY: Final = "*"
MAX_HEADER: Final = 200  # characters


def etag(members: Mapping[str, Any]) -> str:
    """Return the strong tag of what is shown as these members."""
    return f'"{hashlib.sha256(canonical(members)).hexdigest()[:DIGITS]}"'


def check(if_match: str, now: str) -> None:
    """Raise Problem unless `if_match` (the header; empty: none was sent) names the tag of `now`.

    Called inside the transaction of the change: between a look and a write somebody else may come.
    """
    if not if_match:
        raise Problem(
            "condition-needed", "this change needs the header If-Match, with the ETag of what it is made from"
        )
    if len(if_match) > MAX_HEADER:
        raise Problem("bad-request", f"If-Match: {len(if_match)} characters, at most {MAX_HEADER}")
    given = [one.strip() for one in if_match.split(",")]
    if ANY not in given and now not in given:  # a weak tag (W/"…") matches nothing here: RFC 9110 section 13.1.1
        raise Problem("changed-meanwhile", "it is not as it was when you looked at it", headers={"ETag": now})

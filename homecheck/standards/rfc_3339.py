"""Timestamps on the wire: RFC 3339 section 5.6, always UTC, always milliseconds, e.g. ``2026-11-23T20:33:00.123Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def to_text(moment: datetime) -> str:
    """Return the timestamp of an aware `moment`; ValueError for a naive one, whose meaning nobody knows."""
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def from_text(text: str) -> datetime:
    """Return the moment that `text` names; ValueError for any other form than `to_text` writes."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r:.60} is not like 2026-11-23T20:33:00.123Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no moment: {error}") from None

"""The clock of this computer. Whoever needs the time takes a function like this, so that a test can bring its own."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time of now, in UTC."""
    return datetime.now(UTC)

"""Durations as people write them: ``10s``, ``30m``, ``12h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> timedelta:
    """Return the duration; ValueError unless `text` is a whole number above 0 with s, m, h or d."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text)
    if not match:
        raise ValueError(f"{text!r:.40} is no duration; write 10s, 30m, 12h or 7d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])

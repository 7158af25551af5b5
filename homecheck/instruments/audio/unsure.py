"""Values out of listings that other programs wrote: what has another shape than expected counts as not there.

A listing that nobody has seen before must yield less, never a crash and never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

HIGHEST_RATE: Final = 1_000_000  # Hz
MOST_CHANNELS: Final = 256
LONGEST: Final = 1000


def members(value: object) -> Mapping[str, Any]:
    """Return an object as it is, anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text, or a whole number as text: at most `LONGEST` characters, no NUL, no half of a surrogate pair."""
    if (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18
    ):  # Python refuses to write integers of thousands of digits
        value = str(value)
    if not isinstance(value, str):
        return ""
    return value[:LONGEST].encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def number(value: object, most: int) -> int:
    """Return a whole number of 1 to `most`, also out of digits; 0 for anything else."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 1 <= value <= most else 0  # which NaN is not either


def rate(value: object) -> int | None:
    """Return a sample rate in Hz, or None."""
    return number(value, HIGHEST_RATE) or None


def channels(value: object) -> int:
    """Return a number of channels, or 0."""
    return number(value, MOST_CHANNELS)

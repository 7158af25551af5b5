"""Numbers as people read them: rounded to what is known, with their unit."""

from __future__ import annotations

import math
from typing import Final

MAX_DECIMALS: Final = 3


def with_uncertainty(value: float, uncertainty: float, unit: str) -> str:
    """Return ``48.20 ± 0.93 Mbit/s``; an exact value stands alone.

    The uncertainty has two digits that count and the value as many decimals (GUM, JCGM 100 7.2.6), at most three.
    """
    if uncertainty == 0:
        return with_unit(value, unit)
    decimals = min(MAX_DECIMALS, max(0, 1 - math.floor(math.log10(uncertainty))))
    least = 10.0**-decimals
    return with_unit(f"{value:.{decimals}f} ± {max(uncertainty, least):.{decimals}f}", unit)


def with_unit(value: float | str, unit: str) -> str:
    """Return a number with its unit: ``48.2 Mbit/s``, ``8``, ``-52 dBFS(A)``."""
    text = value if isinstance(value, str) else number(value)
    return text if unit in ("", "1") else f"{text} {unit}"


def number(value: float) -> str:
    """Return a limit or an exact number with the digits that a person wants to read: whole, or three that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"

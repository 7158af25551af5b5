"""Numbers as people read them: rounded to what is known, with their unit."""

from __future__ import annotations

from typing import Final

MAX_DECIMALS: Final = 3
_FORMS: Final = tuple(f"%.{decimals}f ± %.{decimals}f" for decimals in range(MAX_DECIMALS + 1))
_LEAST: Final = tuple(10.0**-decimals for decimals in range(MAX_DECIMALS + 1))


def with_uncertainty(value: float, uncertainty: float, unit: str, bound: str | None = None) -> str:
    """Return ``48.20 ± 0.93 Mbit/s``; an exact value stands alone, and behind "at least" one that is a bound.

    The uncertainty has two digits that count and the value as many decimals (GUM, JCGM 100 7.2.6), at most three.
    """
    if bound is not None:
        return f"{bound.replace('_', ' ')} {with_uncertainty(value, uncertainty, unit)}"
    if uncertainty == 0:
        return with_unit(value, unit)
    decimals = 0 if uncertainty >= 10 else 1 if uncertainty >= 1 else 2 if uncertainty >= 0.1 else MAX_DECIMALS
    return with_unit(_FORMS[decimals] % (value, max(uncertainty, _LEAST[decimals])), unit)


def counted(count: int, one: str, many: str = "") -> str:
    """Return ``1 run``, ``12 runs``; `many` is the plural where it is not `one` with an s."""
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"


def with_unit(value: float | str, unit: str) -> str:
    """Return a number with its unit: ``48.2 Mbit/s``, ``8``, ``-52 dBFS(A)``."""
    text = value if isinstance(value, str) else number(value)
    return text if unit in ("", "1") else f"{text} {unit}"


def number(value: float) -> str:
    """Return a limit or an exact number with the digits that a person wants to read: whole, or three that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"

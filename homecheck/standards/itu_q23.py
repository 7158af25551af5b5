"""ITU-T Recommendation Q.23 (11/1988): the two frequencies behind each push-button of a telephone."""

from __future__ import annotations

from typing import Final

ROWS_HZ: Final = (697, 770, 852, 941)  # the low group
COLUMNS_HZ: Final = (1209, 1336, 1477, 1633)  # the high group
KEYS: Final = ("123A", "456B", "789C", "*0#D")  # by row, then column


def frequencies_hz(symbol: str) -> tuple[int, int]:
    """Return the low and the high frequency of one of the sixteen symbols; ValueError for any other."""
    for row_hz, keys in zip(ROWS_HZ, KEYS, strict=True):
        if len(symbol) == 1 and symbol in keys:
            return row_hz, COLUMNS_HZ[keys.index(symbol)]
    raise ValueError(f"{symbol!r:.40} is no key of a telephone")

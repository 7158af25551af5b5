"""CSV that is text and stays text: no cell is a formula to the program that opens it (OWASP, CSV Injection).

A cell that begins with a sign that spreadsheets calculate from gets an apostrophe in front, which they show as text.
Numbers that we made ourselves are no text and stay as they are: -52.1 is a level, not a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
# The full-width forms, which spreadsheets for East Asian languages take for the same signs.
WIDE: Final = ("\uff1d", "\uff0b", "\uff0d", "\uff20")
Cell = str | int | float | bool | None


def safe(cell: Cell) -> str:
    """Return a cell as it is written: texts made harmless, yes and no in words, nothing for None."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return repr(cell)
    return f"'{cell}" if is_formula(cell) else cell


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet may calculate with `text`, also behind blanks that it cuts off."""
    return text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith((*DANGEROUS, *WIDE))


def row(cells: Iterable[Cell]) -> str:
    """Return one line of CSV (RFC 4180), with its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([safe(cell) for cell in cells])
    return line.getvalue()

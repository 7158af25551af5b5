"""Names in a message: those that there are, or the first of very many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOST: Final = 10


def listed(names: Sequence[str]) -> str:
    """Return names as one text; empty for none."""
    shown = list(names[:MOST])
    return ", ".join([*shown, f"{len(names) - MOST} more"] if len(names) > MOST else shown)

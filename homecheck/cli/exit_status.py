"""Exit statuses that several commands share; 1 (stopped) and 2 (wrong usage) are given by the root."""

from __future__ import annotations

from typing import Final

REFUSED: Final = 3  # a signed file is not what it says it is
NOT_DELIVERED: Final = 20  # measured and kept, but no receipt yet

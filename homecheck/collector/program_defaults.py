"""What a new program is described with where nobody says otherwise; apart, so that the command line starts quickly."""

from __future__ import annotations

from typing import Final

PURPOSE: Final = (
    "To see whether your home office meets the requirements of this line of work, and to help you where it does not."
)
RETENTION_DAYS: Final = 180

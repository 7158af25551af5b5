"""What somebody can mend in a form that they sent: the form is shown again, with what they typed and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from homecheck.collector.problems import Problem
from homecheck.errors import SetupError

CHANGED: Final = "changed-meanwhile"
TO_MEND: Final = ("bad-request", "exists", CHANGED)

Mistake = SetupError | Problem | None


def status_of(error: Mistake) -> int:
    """Return the status of a form that is shown with a mistake; None: 200. Raises what no other input would mend."""
    if not isinstance(error, Problem):
        return 400 if error else 200
    if error.reason not in TO_MEND:
        raise error
    return error.status


def is_about(error: Mistake, reason: str) -> bool:
    """Tell whether a mistake has this reason."""
    return isinstance(error, Problem) and error.reason == reason


def wrong_field(message: str, names: Iterable[str]) -> str:
    """Return which field of a form a message is about: those of ours begin with its name. Empty: none of these."""
    return next((name for name in names if message.startswith(f"{name}:")), "")

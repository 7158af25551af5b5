"""What a program of the system prints; one that is missing, hangs or fails tells nothing about the computer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

Runner = Callable[[Sequence[str]], str]


def output_of(command: Sequence[str], seconds: float, *, whatever_its_status: bool = False) -> str:
    """Return what a program prints within `seconds`; empty when it is not there, hangs, or ends with an error."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=not whatever_its_status,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout

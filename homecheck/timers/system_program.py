"""Programs of the system that a timer is installed with: what they printed, and what they complained of."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from homecheck.errors import SetupError

SECONDS: Final = 30.0
ABSENT: Final = 127  # as a shell says it


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    status: int
    out: bytes = b""
    complaint: str = ""


Run = Callable[[Sequence[str], bytes], Done]


def run_program(command: Sequence[str], given: bytes = b"") -> Done:
    """Run a program with `given` on its input. SetupError when it does not end within `SECONDS`."""
    try:
        done = subprocess.run(
            list(command),
            input=given,
            capture_output=True,
            timeout=SECONDS,
            env={**os.environ, "LC_ALL": "C"},  # its complaints are told apart by their words
        )
    except subprocess.TimeoutExpired:
        advice = "Try again; if it happens again, restart the computer."
        raise SetupError(f"{command[0]} did not end within {SECONDS:.0f} seconds", advice) from None
    except OSError as error:
        return Done(ABSENT, complaint=f"{command[0]}: {error.strerror}")
    return Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip())


def must(run: Run, *command: str, given: bytes = b"") -> Done:
    """Run a program that has to succeed. SetupError with its own words when it does not."""
    done = run(command, given)
    if done.status != 0:
        said = done.complaint or done.out.decode("utf-8", "replace").strip() or f"status {done.status}"
        advice = "Nothing else was changed. Another timer may do: homecheck schedule install --with NAME"
        raise SetupError(f"{' '.join(command[:3])}: {said:.500}", advice)
    return done

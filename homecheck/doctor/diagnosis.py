"""One thing that was looked at: how it is, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Trouble:
    """Something that can be wrong. Its name is stable, for scripts and for docs/troubleshooting.md.

    `fail`: a check cannot be made or sent as it is; `warn`: a part of it, or some day. `meaning` and `fix` are for
    whoever sits at the computer.
    """

    name: str
    state: Literal["warn", "fail"]
    meaning: str
    fix: str


@dataclass(frozen=True)
class Diagnosis:
    """What was found of one subject; `trouble` names what is wrong, None when nothing is."""

    subject: str
    state: State
    message: str
    fix: str = ""
    trouble: str | None = None


def ok(subject: str, message: str) -> Diagnosis:
    """Return that something is in order."""
    return Diagnosis(subject, "ok", message)


def found(subject: str, trouble: Trouble, message: str, fix: str = "") -> Diagnosis:
    """Return that something is wrong; `fix` where this case has a better one than the trouble in general."""
    return Diagnosis(subject, trouble.state, message, fix or trouble.fix, trouble.name)

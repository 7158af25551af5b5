"""One thing that the doctor has looked at, how it is, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Diagnosis:
    """`fail`: the collector does not do its work, or somebody's promise is broken; `warn`: it will be so some day."""

    name: str
    state: State
    message: str
    fix: str = ""


def ok(name: str, message: str) -> Diagnosis:
    """Return that something is in order."""
    return Diagnosis(name, "ok", message)


def warn(name: str, message: str, fix: str) -> Diagnosis:
    """Return that something will be wrong if nobody does anything."""
    return Diagnosis(name, "warn", message, fix)


def fail(name: str, message: str, fix: str) -> Diagnosis:
    """Return that something is wrong."""
    return Diagnosis(name, "fail", message, fix)

"""What an audit says of one thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from homecheck.collector.store.connection import Row

Wrong = Literal["signature", "digest", "changed", "removed", "inserted", "time", "tree", "checkpoint"]
NO_ERASURE = "the row is gone, and no erasure tells of it"


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong. `position` is None where it is about no entry of the log."""

    wrong: Wrong
    what: str
    message: str
    position: int | None = None


def differences(what: str, row: Row, said: Mapping[str, object], by: str) -> Iterator[Defect]:
    """Yield the columns in which a row says something else than `by` does."""
    for column, value in said.items():
        if row[column] != value:
            yield Defect("changed", what, f"{column}: the row says {_shown(row[column])}, {by} says {_shown(value)}")


def _shown(value: object) -> str:
    return "nothing" if value is None else f"{value!r:.80}"

"""Which programs a query may tell of. It is part of the query: what is not in there is never read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """All programs, and what belongs to none (`programs` is None); or these alone."""

    programs: frozenset[str] | None

    @classmethod
    def everything(cls) -> Scope:
        """Return the scope of somebody who sees every program."""
        return cls(None)

    @classmethod
    def of(cls, programs: Iterable[str]) -> Scope:
        """Return the scope of somebody who sees some programs, or none."""
        return cls(frozenset(programs))

    def condition(self, column: str) -> tuple[str, tuple[str, ...]]:
        """Return an SQL condition on the column that names a row's program, and its values."""
        if self.programs is None:
            return "1 = 1", ()
        if not self.programs:
            return "1 = 0", ()
        names = tuple(sorted(self.programs))
        return f"{column} IN ({', '.join('?' * len(names))})", names

"""Rows of PostgreSQL: they know their columns' names, and may be waited for only when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


class NamedRow(tuple[Any, ...]):
    """A row that also knows its columns by name."""

    __slots__ = ()
    places: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        """Return a value by name or place."""
        return tuple.__getitem__(self, self.places[key] if key.__class__ is str else key)

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""
        return self.places


def named_rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
    """Return what makes a row of the values that a statement gave."""
    found = cursor.pgresult  # whose names cost less than `cursor.description`, which makes an object of each
    if found is None or found.fname(0) is None:  # it has no rows; those of COPY have no names
        return tuple
    return _kind_of_row(tuple(map(found.fname, range(found.nfields))))


@lru_cache(maxsize=512)
def _kind_of_row(names: tuple[bytes, ...]) -> type[NamedRow]:
    places = {name.decode(): at for at, name in enumerate(names)}
    return type("NamedRow", (NamedRow,), {"__slots__": (), "places": places})


class RowsToCome:
    """The rows of a statement that was sent together with others; `waiting` is around whatever waits for them."""

    def __init__(self, cursor: psycopg.Cursor[Any], waiting: AbstractContextManager[object]) -> None:
        self._cursor = cursor
        self._waiting = waiting

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        if self._cursor.pgresult is None:
            with self._waiting, self._cursor.connection.pipeline():
                pass  # one inside another waits for all answers
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        with self._waiting:
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        with self._waiting:
            return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows that are left."""
        return iter(self.fetchall())

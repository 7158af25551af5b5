"""A connection to the database, the same for both engines: `?` stands for a value, rows know their columns' names.

What differs between the engines is in `sqlite`, `postgres` and `dialect`, and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from itertools import chain
from typing import Any, Final, Protocol, TypeVar

from homecheck.collector.store.failures import NotStored

Answer = TypeVar("Answer")
Asked = Callable[[], Answer]  # a question that was put to the database; calling it waits for the answer


class Row(Protocol):
    """One row: ``row["name"]``, ``row[0]``, ``a, b = row``."""

    def __getitem__(self, key: int | str, /) -> Any:
        """Return one value."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the values."""

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""


class Rows(Protocol):
    """What a statement returned."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows that are left."""


class Connection(ABC):
    """One connection, for one thread at a time. Outside a transaction every statement is one of its own."""

    @abstractmethod
    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement. NotStored when the database cannot, Rejected when it does not take these values."""

    def ask(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement whose rows are those of this moment, whenever they are read."""
        return self.execute(sql, values)

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of `rows`."""

    def insert_many(self, into: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows of equal width as `insert_rows` does, in the way that costs this engine least."""
        _insert_values(self, into, rows, "")

    def together(self) -> AbstractContextManager[object]:
        """Send what is executed inside without waiting for each answer, where the engine can.

        Whoever asks for a row waits for it; an error comes then, or at the end.
        """
        return nullcontext()

    @abstractmethod
    def plan_for_values(self) -> None:
        """Have what follows in this transaction planned for its values, where the engine keeps plans ready for any."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction as the only one who writes, after those who are at it."""

    @abstractmethod
    def begin_beside(self) -> None:
        """Begin a transaction that adds nothing to the log: where the engine can, others write meanwhile."""

    @abstractmethod
    def begin_reading(self) -> None:
        """Begin a transaction that sees one moment, whatever others write meanwhile."""

    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    @property
    @abstractmethod
    def usable(self) -> bool:
        """Whether anything can still be done here; the way to a server can break."""

    @abstractmethod
    def make_months(self, now: datetime) -> None:
        """Make the tables of the months to come, inside a transaction, where the engine has such."""

    @abstractmethod
    def leave_no_trace(self) -> None:
        """Have what is deleted from now on overwritten, where the engine can."""

    @abstractmethod
    def empty_journal(self) -> bool:
        """Remove older pages from where the engine keeps them; tell whether they are gone."""

    @abstractmethod
    def close(self) -> None:
        """Close it; twice is no error."""


@contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """Do everything inside durably, or nothing of it; nobody else writes meanwhile."""
    db.begin()
    try:
        yield
        db.execute("COMMIT")
    finally:
        roll_back(db)  # nothing is open any more when the commit went through


@contextmanager
def beside(db: Connection) -> Iterator[None]:
    """Do everything inside durably, or nothing of it; it adds nothing to the log, so writers need not wait for it."""
    db.begin_beside()
    try:
        yield
        db.execute("COMMIT")
    finally:
        roll_back(db)


@contextmanager
def one_moment(db: Connection) -> Iterator[None]:
    """Read everything inside as it is at one moment."""
    db.begin_reading()
    try:
        yield
    finally:
        roll_back(db)


def roll_back(db: Connection) -> None:
    """Forget the open transaction, if there is one."""
    with suppress(NotStored):  # the engine has rolled back itself after a full disk or a lost connection
        if db.in_transaction:
            db.execute("ROLLBACK")


def one_or_none(db: Connection, sql: str, *values: object) -> Row | None:
    """Return the first row, or None."""
    row: Row | None = db.execute(sql, values).fetchone()
    return row


def marks(values: Sequence[object]) -> str:
    """Return as many ``?`` as there are values, for ``IN (…)``."""
    return ", ".join("?" * len(values))


ROWS_AT_ONCE: Final = 32  # in one statement: a server parses and plans each anew


def insert_rows(db: Connection, into: str, rows: Sequence[Sequence[object]], conflict: str = "") -> None:
    """Insert rows of equal width, many at once; `into` is a table, with its columns where not all are given.

    `conflict` says what becomes of a row that is there already. None of these texts comes from outside.
    """
    if not conflict and len(rows) > 1:
        db.insert_many(into, rows)
    else:
        _insert_values(db, into, rows, conflict)


def _insert_values(db: Connection, into: str, rows: Sequence[Sequence[object]], conflict: str) -> None:
    for at in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[at : at + ROWS_AT_ONCE]
        places = ", ".join([f"({marks(part[0])})"] * len(part))
        db.execute(f"INSERT INTO {into} VALUES {places} {conflict}", tuple(chain.from_iterable(part)))  # noqa: S608 - see above

"""The tamper-evident log: one entry for every receipt and every event, in an RFC 6962 tree that only grows.

Whoever appends holds the database's only write lock, so there is one order. An entry is appended in the transaction
of the row that it is of, or not at all. `log_state` keeps the frontier and `log_node` every subtree that is full, so
nothing is ever computed twice. No key is needed here: checkpoints are signed by `homecheck.collector.log`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from homecheck.collector.store.connection import Asked, Connection, Row, insert_rows
from homecheck.errors import SetupError
from homecheck.standards.rfc_6962 import HASH_BYTES, Frontier, consistency_path, inclusion_path, tree_hash
from homecheck.tlog_proof import SALT_BYTES, salted_leaf

Kind = Literal["receipt", "event", "gap"]
RECEIPT: Final = "receipt"
EVENT: Final = "event"
GAP: Final = "gap"  # a position that was used up before there was a log, and whose row is gone


@dataclass(frozen=True)
class Entry:
    """One entry. Its `salt` is None when the data of its person was erased: nobody can tell what the leaf is of."""

    position: int
    kind: Kind
    leaf: bytes
    salt: bytes | None


@dataclass(frozen=True)
class Appended:
    """Where an entry stands, and its proof in the tree of `position` + 1 entries that ends with it."""

    position: int
    salt: bytes
    path: tuple[bytes, ...]
    root: bytes


def append(db: Connection, kind: Kind, statement: bytes) -> Appended:
    """Append an entry, inside the transaction that stores what it is of."""
    appender = Appender(db)
    appended = appender.append(kind, statement)
    appender.flush()
    return appended


class Appender:
    """Appends many entries inside one transaction: the log's state is read once, and written by `flush`."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._asked: Asked[Frontier] | None = ask_frontier(db)
        self._frontier: Frontier | None = None  # None: to be read, for others may have appended
        self._entries: list[tuple[int, Kind, bytes, bytes]] = []
        self._nodes: list[tuple[int, int, bytes]] = []

    def append(self, kind: Kind, statement: bytes) -> Appended:
        """Append an entry; it is in the database after `flush`."""
        before = self._frontier or (self._asked or ask_frontier(self._db))()
        salt = secrets.token_bytes(SALT_BYTES)
        leaf = salted_leaf(salt, statement)
        after, filled = before.append(leaf)
        self._entries.append((before.size, kind, leaf, salt))
        self._nodes += [(one.level, one.number, one.hash) for one in filled]
        self._frontier = after
        return Appended(before.size, salt, before.path_of_next(), after.root())

    def flush(self) -> None:
        """Write what was appended; then others may append, until the next entry."""
        self._asked = None
        if self._frontier is None:
            return
        values = (self._frontier.size, packed(self._frontier))
        with self._db.together():
            insert_rows(self._db, "log_entry", self._entries)
            insert_rows(self._db, "log_node", self._nodes)
            self._db.execute("UPDATE log_state SET size = ?, frontier = ?", values)
        self._frontier, self._entries, self._nodes = None, [], []


def append_all(db: Connection, kind: Kind, statements: Sequence[bytes]) -> int:
    """Append many entries, inside a transaction, and return the position of the first; nobody asks for their proofs."""
    before = now = frontier(db)
    leaves: list[tuple[object, ...]] = []
    nodes: list[tuple[object, ...]] = []
    for statement in statements:
        salt = secrets.token_bytes(SALT_BYTES)
        leaf = salted_leaf(salt, statement)
        leaves.append((now.size, kind, leaf, salt))
        now, filled = now.append(leaf)
        nodes += [(one.level, one.number, one.hash) for one in filled]
    db.executemany("INSERT INTO log_entry VALUES (?, ?, ?, ?)", leaves)
    db.executemany("INSERT INTO log_node VALUES (?, ?, ?)", nodes)
    db.execute("UPDATE log_state SET size = ?, frontier = ?", (now.size, packed(now)))
    return before.size


def frontier(db: Connection) -> Frontier:
    """Return the tree's frontier. SetupError when somebody has damaged it: nothing can be appended then."""
    return ask_frontier(db)()


def ask_frontier(db: Connection) -> Asked[Frontier]:
    """Ask for the tree's frontier."""
    found = ask_state(db)
    return lambda: _frontier(*found())


def _frontier(size: int, blob: bytes) -> Frontier:
    try:
        return Frontier(size, tuple(blob[at : at + HASH_BYTES] for at in range(0, len(blob), HASH_BYTES)))
    except ValueError as error:
        message = f"the log's state in the database is damaged: {error}"
        raise SetupError(message, "See: homecheck collector verify-log") from None


def state(db: Connection) -> tuple[int, bytes]:
    """Return the log's size and its frontier as they are stored."""
    return ask_state(db)()


def ask_state(db: Connection) -> Asked[tuple[int, bytes]]:
    """Ask for the same."""
    rows = db.ask("SELECT size, frontier FROM log_state")

    def answer() -> tuple[int, bytes]:
        row = rows.fetchone()
        return (int(row[0]), bytes(row[1])) if row is not None else (0, b"")

    return answer


def packed(frontier: Frontier) -> bytes:
    """Return a frontier as it is stored beside its size."""
    return b"".join(frontier.hashes)


def entries(db: Connection) -> Iterator[Entry]:
    """Yield all entries in their order."""
    for row in db.execute("SELECT position, kind, leaf, salt FROM log_entry ORDER BY position"):
        yield _entry(row)


def entry(db: Connection, position: int) -> Entry | None:
    """Return one entry, or None."""
    sql = "SELECT position, kind, leaf, salt FROM log_entry WHERE position = ?"
    row = db.execute(sql, (position,)).fetchone()
    return None if row is None else _entry(row)


def proof_of(db: Connection, position: int, size: int) -> tuple[bytes, ...]:
    """Return the audit path of an entry in the tree of `size` entries."""
    return inclusion_path(position, size, lambda level, number: subtree(db, level, number))


def root_at(db: Connection, size: int) -> bytes:
    """Return the root that the log had when it had `size` entries, at least 1."""
    return tree_hash(size, lambda level, number: subtree(db, level, number))


def proof_of_growth(db: Connection, first: int, second: int) -> tuple[bytes, ...]:
    """Return the proof that the log of `second` entries begins with that of `first`."""
    return consistency_path(first, second, lambda level, number: subtree(db, level, number))


def subtree(db: Connection, level: int, number: int) -> bytes:
    """Return the hash of a full subtree; LookupError when it is missing."""
    if level == 0:
        row = db.execute("SELECT leaf FROM log_entry WHERE position = ?", (number,)).fetchone()
    else:
        row = db.execute("SELECT hash FROM log_node WHERE level = ? AND number = ?", (level, number)).fetchone()
    if row is None:
        raise LookupError(f"the log's subtree {number} on level {level} is missing: homecheck collector verify-log")
    return bytes(row[0])


def _entry(row: Row) -> Entry:
    position, kind, leaf, salt = row
    return Entry(position, cast(Kind, kind), leaf, salt)

"""Group commit: what waits while one commit runs shares the next.

One thread owns the one connection that writes. It takes all that waits, does each piece of work inside a savepoint,
commits once, and only then tells the results. A piece that fails is undone alone; a commit that fails fails everything
in it, and nobody is told otherwise.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from homecheck.collector.store.database import Connection, Database, roll_back
from homecheck.errors import HomecheckError

MAX_WAITING: Final = 2_000
MAX_BATCH: Final = 128
# What can be wrong with one piece alone; the database's other errors concern everything in the transaction.
OF_ONE_PIECE: Final = (HomecheckError, sqlite3.IntegrityError, ArithmeticError, LookupError, TypeError, ValueError)

Result = TypeVar("Result")


class Busy(HomecheckError):
    """More waits to be written than can be promised to be written soon."""


class NotStored(HomecheckError):
    """The database cannot take anything now: the disk is full, or it went away. Nothing of this was kept."""


@dataclass
class _Piece:
    work: Callable[[Connection], Any]
    future: Future[Any]
    result: Any = None
    error: BaseException | None = None


@dataclass
class Writer:
    """The only way to write while the collector serves."""

    database: Database
    max_waiting: int = MAX_WAITING
    _waiting: queue.SimpleQueue[_Piece | None] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None
    _ended: bool = False
    commits: int = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()

    def submit(self, work: Callable[[Connection], Result]) -> Future[Result]:
        """Do `work` in the next transaction; its result is there when the commit is durable. Raises Busy, NotStored."""
        if self._thread is None or not self._thread.is_alive():
            raise NotStored("nobody writes into the database any more")
        if self._waiting.qsize() >= self.max_waiting:
            raise Busy(f"{self.max_waiting} uploads are waiting to be stored")
        future: Future[Result] = Future()
        self._waiting.put(_Piece(work, future))
        if self._ended:  # it ended while this was put behind it
            self._give_up()
        return future

    def _run(self) -> None:
        db: Connection | None = None
        try:
            db = self.database.open()
            while (first := self._waiting.get()) is not None:
                batch, last = self._take(first)
                _write(db, [piece for piece in batch if piece.future.set_running_or_notify_cancel()])
                self.commits += 1
                if last:
                    break
        finally:
            if db is not None:
                db.close()
            self._ended = True
            self._give_up()

    def _take(self, first: _Piece) -> tuple[list[_Piece], bool]:
        """Return what waits, at most `MAX_BATCH`, and whether the end was asked for behind it."""
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                piece = self._waiting.get_nowait()
            except queue.Empty:
                break
            if piece is None:
                return batch, True
            batch.append(piece)
        return batch, False

    def _give_up(self) -> None:
        """Tell those who came too late; nobody waits for ever."""
        with suppress(queue.Empty):
            while True:
                piece = self._waiting.get_nowait()
                if piece is not None and piece.future.set_running_or_notify_cancel():
                    piece.future.set_exception(NotStored("the collector is stopping"))


def _write(db: Connection, batch: list[_Piece]) -> None:
    """Do everything in one transaction and tell the results after its commit."""
    committed = False
    try:
        db.execute("BEGIN IMMEDIATE")
        for piece in batch:
            _do(db, piece)
        db.execute("COMMIT")
        committed = True
    except sqlite3.Error as error:
        for piece in batch:
            piece.error = NotStored(f"the database cannot be written: {error}")
    finally:  # also for an error that nobody expected, which ends the writer: nobody waits for ever
        if not committed:
            roll_back(db)
        for piece in batch:
            if not committed and piece.error is None:
                piece.error = NotStored("an unexpected error ended the transaction")
            if piece.error is not None:
                piece.future.set_exception(piece.error)
            else:
                piece.future.set_result(piece.result)


def _do(db: Connection, piece: _Piece) -> None:
    """Do one piece; an error of its own undoes it alone."""
    db.execute("SAVEPOINT piece")
    try:
        piece.result = piece.work(db)
    except OF_ONE_PIECE as error:
        piece.error = error
        db.execute("ROLLBACK TO piece")
    db.execute("RELEASE piece")

"""Group commit: what waits while one commit runs shares the next.

One thread owns the one connection that writes. It takes all that waits, does each piece of work inside a savepoint,
commits once, and only then tells the results. A piece that fails is undone alone; a commit that fails fails everything
in it, and nobody is told otherwise. An error that nobody expected is logged, and the next batch is written all the
same (docs/decisions/0170).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from homecheck.collector.store.connection import Connection, roll_back
from homecheck.collector.store.database import Database
from homecheck.collector.store.failures import Busy, NotStored
from homecheck.errors import HomecheckError

log = logging.getLogger("homecheck.collector")
MAX_WAITING: Final = 2_000
MAX_BATCH: Final = 128
OWN_FAULT: Final = "a fault of the collector ended the transaction; its log tells more"
# What can be wrong with one piece alone; the database's other errors concern everything in the transaction.
OF_ONE_PIECE: Final = (HomecheckError, ArithmeticError, LookupError, TypeError, ValueError)

Result = TypeVar("Result")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Failure:
    """When (monotonic) and why nothing could be stored."""

    at: float
    why: str


@dataclass
class _Piece:
    work: Callable[[Connection], Any]
    future: Future[Any]
    number: int = 1  # of uploads that it is about
    undoes_itself: bool = False  # and needs no savepoint around those that it sets
    is_probe: bool = False  # whose failure is told to whoever asks, and not remembered
    is_large: bool = False  # as uploads are
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
    failure: Failure | None = None  # of a transaction; None: uploads were stored since, or something of their size
    observe: Callable[[int, float], None] = lambda _pieces, _seconds: None  # after each commit

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()

    def waiting(self) -> int:
        """Return how many pieces wait for the next transactions."""
        return self._waiting.qsize()

    def submit(self, work: Callable[[Connection], Result], *, is_large: bool = False) -> Future[Result]:
        """Do `work` in the next transaction; its result is there when the commit is durable. Raises Busy, NotStored.

        `is_large`: it writes as much as uploads do, so that its commit ends a `failure` as theirs does. That of a small
        write says nothing of larger ones.
        """
        return self._submit(_Piece(work, Future(), is_large=is_large))

    def probe(self, work: Callable[[Connection], Result]) -> Future[Result]:
        """Do `work` as `submit` does, to see whether a write is taken."""
        return self._submit(_Piece(work, Future(), is_probe=True))

    def submit_all(
        self, work: Callable[[Connection, Sequence[Item]], Sequence[Result]], items: Sequence[Item]
    ) -> Future[list[Result | BaseException]]:
        """Do `work` with all `items` at once in the next transaction; it returns their results in order.

        Where that fails for a fault of one of them, each is done singly, and for one that fails its error stands in the
        place of its result. Raises Busy, NotStored.
        """
        return self._submit(_Piece(partial(_do_all, work=work, items=items), Future(), len(items), True, is_large=True))

    def _submit(self, piece: _Piece) -> Future[Any]:
        if self._thread is None or not self._thread.is_alive():
            raise NotStored("nobody writes into the database any more")
        if self._waiting.qsize() >= self.max_waiting:
            raise Busy(f"{self.max_waiting} uploads are waiting to be stored")
        self._waiting.put(piece)
        if self._ended:  # it ended while this was put behind it
            self._give_up()
        return piece.future

    def _run(self) -> None:
        kept = _Kept(self.database)
        try:
            while (first := self._waiting.get()) is not None:
                batch, last = self._take(first)
                try:
                    self._commit(kept, [piece for piece in batch if piece.future.set_running_or_notify_cancel()])
                except Exception:  # nothing would be stored any more until somebody starts the collector again
                    log.exception("writer: an error that nobody expected; those who waited are told")
                    kept.close()
                if last:
                    break
        finally:
            kept.close()
            self._ended = True
            self._give_up()

    def _commit(self, kept: _Kept, batch: list[_Piece]) -> None:
        began = time.perf_counter()
        failure = OWN_FAULT
        try:
            failure = _write(kept, batch)
        finally:
            if failure and not all(piece.is_probe for piece in batch):
                self.failure = Failure(time.monotonic(), failure)
            elif not failure and any(piece.is_large and piece.error is None for piece in batch):
                self.failure = None
        self.commits += 1
        self.observe(sum(piece.number for piece in batch), time.perf_counter() - began)

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


@dataclass
class _Kept:
    """The writer's connection: one, for as long as the way to the database holds."""

    database: Database
    _db: Connection | None = None

    def usable(self) -> Connection:
        """Return it, or another one where it broke. NotStored while there is no way."""
        if self._db is None or not self._db.usable:
            self.close()
            self._db = self.database.open()
        return self._db

    def close(self) -> None:
        """Close it, if there is one."""
        db, self._db = self._db, None
        if db is not None:
            db.close()


def _write(kept: _Kept, batch: list[_Piece]) -> str:
    """Do everything in one transaction, tell the results after its commit; return why there was none, or nothing."""
    db: Connection | None = None
    committed = False
    try:
        db = kept.usable()
        db.begin()
        for piece in batch:
            _do(db, piece)
        db.execute("COMMIT")
        committed = True
    except NotStored as error:
        for piece in batch:
            piece.error = NotStored(error.message)  # one for each: whoever waits adds its own trace
        return error.message
    finally:  # also for an error that nobody expected: nobody waits for ever
        try:
            if db is not None and not committed:
                roll_back(db)
        finally:
            for piece in batch:
                _tell(piece, committed)
    return ""


def _tell(piece: _Piece, committed: bool) -> None:
    """Tell who waits for a piece what became of it."""
    if not committed and piece.error is None:
        piece.error = NotStored(OWN_FAULT)
    if piece.error is not None:
        piece.future.set_exception(piece.error)
    else:
        piece.future.set_result(piece.result)


def _do(db: Connection, piece: _Piece) -> None:
    """Do one piece; an error of its own undoes it alone."""
    try:
        if piece.undoes_itself:
            piece.result = piece.work(db)
        else:
            db.plan_for_values()  # what an administrator or an errand does is seldom, and may go through a table
            piece.result = _undone_alone(db, piece.work)
    except NotStored:
        raise  # it concerns everything in the transaction
    except OF_ONE_PIECE as error:
        piece.error = error


def _do_all(
    db: Connection, work: Callable[[Connection, Sequence[Item]], Sequence[Result]], items: Sequence[Item]
) -> list[Result | BaseException]:
    """Do all items at once, or each singly where one of them cannot be done."""
    try:
        return [*_undone_alone(db, lambda one: work(one, items), db.together())]
    except NotStored:
        raise
    except OF_ONE_PIECE:
        return [_result_or_error(db, work, item) for item in items]


def _result_or_error(
    db: Connection, work: Callable[[Connection, Sequence[Item]], Sequence[Result]], item: Item
) -> Result | BaseException:
    try:
        return _undone_alone(db, lambda one: work(one, [item]))[0]
    except NotStored:
        raise
    except OF_ONE_PIECE as error:
        return error


def _undone_alone(
    db: Connection, work: Callable[[Connection], Result], way: AbstractContextManager[object] | None = None
) -> Result:
    """Do some work inside the transaction; where it fails by its own fault, nothing of it was done.

    `way` is around all of it.
    """
    try:
        with way or nullcontext():
            db.execute("SAVEPOINT piece")
            result = work(db)
            db.execute("RELEASE piece")
    except NotStored:
        raise
    except OF_ONE_PIECE:
        db.execute("ROLLBACK TO piece")
        db.execute("RELEASE piece")
        raise
    return result

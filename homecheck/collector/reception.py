"""Uploads that arrive while others are being stored are taken together: one question to the database for each step of
all of them, and one commit.

What comes alone waits for nobody. While a commit is under way, what arrives gathers; when it is done, all of it is
next. So the fuller a collector's hands are, the less each upload costs, and no clock has to guess how long to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from homecheck.collector.context import Collector
from homecheck.collector.intake import Conflict, Taken, Upload, take_all
from homecheck.collector.store import evidence
from homecheck.collector.store.arrivals import Waiting, append_all
from homecheck.collector.store.database import Connection
from homecheck.collector.store.evidence import Kept
from homecheck.collector.store.failures import Busy, NotStored
from homecheck.errors import HomecheckError

STOPPING: Final = "the collector is stopping"
Answer = TypeVar("Answer")
Found = Taken | Kept | BaseException | None  # what became of an upload; None: it has to be looked at by itself
MOST_TOGETHER: Final = 32  # uploads: so long does nobody else get an answer


@dataclass
class _Visitor:
    """An upload, and whom to tell once what becomes of it."""

    upload: Upload
    _tell: Callable[[Found], None] | None

    def tell(self, found: Found) -> None:
        """Tell it, unless that was done."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(found)


@dataclass
class Reception:
    """Takes uploads of one event loop. An instance belongs to one application."""

    collector: Collector
    most: int = MOST_TOGETHER
    take_all: Callable[[Collector, Sequence[Upload]], list[Taken]] = take_all
    # Not the event loop's thread: others are answered while uploads are verified, or the database hangs.
    _hands: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1, "reception"))
    _visitors: list[_Visitor] = field(default_factory=list)
    _busy: bool = False  # some are being taken, or are about to be

    async def take(self, upload: Upload) -> Kept:
        """Return the receipt, once it and the upload are durable, or that its id belongs to other bytes.

        Raises Refused or Problem for what is not taken, Busy and NotStored for what cannot be taken now.
        """
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()

        def tell(found: Found) -> None:
            if not answer.done():  # somebody still waits
                answer.set_result(found)

        self.welcome(upload, tell)
        return await self.settle(upload, await answer)

    def welcome(self, upload: Upload, tell: Callable[[Found], None]) -> None:
        """Take an upload with others; `tell` is called when it is stored, or cannot be taken together with others."""
        self._visitors.append(_Visitor(upload, tell))
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._next)  # behind all that arrived at the same moment

    async def settle(self, upload: Upload, found: Found) -> Kept:
        """Return what `take` does, from what was told of an upload."""
        if found is None:
            one = asyncio.get_running_loop().run_in_executor(self._hands, self.take_all, self.collector, [upload])
            (found,) = await one
        return await self._kept(found)

    async def ask(self, work: Callable[[Connection], Answer]) -> Answer:
        """Ask the database in the thread that takes uploads: the event loop never waits for it."""
        return await asyncio.get_running_loop().run_in_executor(self._hands, lambda: work(self.collector.readers()))

    def close(self) -> None:
        """End the thread."""
        self._hands.shutdown()

    async def _kept(self, found: Taken | Kept | BaseException) -> Kept:
        writer = self.collector.writer
        if isinstance(found, BaseException):
            raise found
        if isinstance(found, Conflict):
            noted = writer.submit(partial(evidence.note_conflict, arrival=found.arrival, known=found.known))
            return await asyncio.wrap_future(noted)
        if isinstance(found, Waiting):
            (stored,) = await asyncio.wrap_future(writer.submit_all(append_all, [found]))
            return await self._kept(stored)
        return Kept(found, created=False) if isinstance(found, bytes) else found

    def _next(self) -> None:
        """Take those who wait, and tell everybody but those who are to be stored."""
        group, self._visitors = self._visitors[: self.most], self._visitors[self.most :]
        uploads = [one.upload for one in group]
        try:
            taking = asyncio.get_running_loop().run_in_executor(self._hands, self.take_all, self.collector, uploads)
        except RuntimeError:  # its thread has ended
            self._not_stored(group, NotStored(STOPPING))
            return
        taking.add_done_callback(partial(self._taken, group))

    def _taken(self, group: list[_Visitor], done: asyncio.Future[list[Taken]]) -> None:
        told: list[Found] = [None] * len(group)  # also where something breaks that nobody expected
        try:
            told = [*done.result()]
        except NotStored as error:
            told = [NotStored(error.message, error.advice) for _ in group]
        except HomecheckError:
            pass  # of one of them: each is looked at by itself
        finally:
            self._store([(one, found) for one, found in zip(group, told, strict=True)])

    def _store(self, group: list[tuple[_Visitor, Found]]) -> None:
        storing: list[tuple[_Visitor, Waiting]] = []
        for visitor, found in group:
            if isinstance(found, Waiting):
                storing.append((visitor, found))
            else:
                visitor.tell(found)
        if not storing:
            self._go_on()
            return
        visitors = [visitor for visitor, _ in storing]
        try:
            stored = self.collector.writer.submit_all(append_all, [waiting for _, waiting in storing])
        except (Busy, NotStored) as error:
            self._not_stored(visitors, error)
        else:
            asyncio.wrap_future(stored).add_done_callback(partial(self._stored, visitors))

    def _stored(self, visitors: list[_Visitor], done: asyncio.Future[list[Kept | BaseException]]) -> None:
        error = NotStored(STOPPING)
        try:
            for visitor, kept in zip(visitors, done.result(), strict=True):
                visitor.tell(kept)
        except NotStored as failure:
            error = failure
        finally:  # whatever it was, nobody waits for ever
            self._not_stored(visitors, error)

    def _not_stored(self, visitors: Sequence[_Visitor], error: Busy | NotStored) -> None:
        """Tell those who know nothing yet, and go on with the next."""
        for visitor in visitors:  # an error for each: whoever raises it adds a trace
            visitor.tell(type(error)(error.message, error.advice))
        self._go_on()

    def _go_on(self) -> None:
        self._busy = bool(self._visitors)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._next)

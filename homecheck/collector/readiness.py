"""Readiness that tells the truth: a real write that is committed, what became of the last upload, and the keys read
from their files.

A small write fits on a disk that no evidence fits on any more; so what was to be stored last counts as well. Where that
could not be stored, as much as some uploads is written now and then, until that is taken: then the next upload will be.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from homecheck.collector import keys
from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.store import settings
from homecheck.collector.store.failures import Busy, NotStored
from homecheck.collector.store.writer import Failure, Writer
from homecheck.errors import KeyStoreError
from homecheck.standards.rfc_3339 import to_text

log = logging.getLogger("homecheck.collector")
SECONDS: Final = 5.0
RETRY_SECONDS: Final = 10
AGAIN_SECONDS: Final = 5.0  # after a failure: whoever asks more often must not burden a database that is not well
ROOM_BYTES: Final = 256 * 1024  # about thirty uploads, the most that are stored together


@dataclass
class Readiness:
    """Whoever asks while a check runs shares it: strangers must not fill the writer's queue with questions."""

    collector: Collector
    _running: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Return when evidence could be taken now. Problem ``not-ready`` says what is in the way."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(_check(self.collector))
        await asyncio.shield(self._running)  # one asker who leaves does not end it for the others


async def _check(collector: Collector) -> None:
    try:
        now = to_text(collector.clock())
        written = collector.writer.probe(partial(settings.touch, moment=now))
        async with asyncio.timeout(SECONDS):
            await asyncio.wrap_future(written)
            if collector.writer.failure is not None:
                await _try_again(collector.writer, collector.writer.failure)
        keys.log_key(collector.keys_folder, collector.log.key.vkey, collector.log.origin)
        if keys.read(collector.keys_folder).signer.public != collector.keys.signer.public:
            raise _not_ready("the signing key on the disk is not the one in use")
    except TimeoutError:
        raise _not_ready(f"the database did not take a write within {SECONDS:.0f} seconds") from None
    except Busy as error:
        raise _not_ready(error.message) from None
    except NotStored as error:
        raise _database(error.message) from None
    except KeyStoreError:
        raise _not_ready("the collector's keys cannot be read") from None  # where they are is nobody's business


async def _try_again(writer: Writer, failure: Failure) -> None:
    """Return when as much as some uploads was stored, after which the writer knows of no failure any more."""
    if time.monotonic() - failure.at < AGAIN_SECONDS:
        raise _database(failure.why)
    await asyncio.wrap_future(writer.submit(partial(settings.take_room, size=ROOM_BYTES), is_large=True))
    await asyncio.wrap_future(writer.submit(settings.give_room_back))


def _database(failure: str) -> Problem:
    """Return what everybody may know; the failure itself names the server, and stands in the log."""
    log.error("not ready: %s", failure)
    return _not_ready("the database takes nothing; the collector's log says why")


def _not_ready(detail: str) -> Problem:
    return retry_later("not-ready", detail, RETRY_SECONDS)

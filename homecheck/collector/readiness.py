"""Readiness that tells the truth: a real write that is committed, what became of the last upload, and the keys read
from their files.

A small write fits on a disk that no evidence fits on any more; so what was to be stored last counts as well, until it
is time to let somebody try again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Final

from homecheck.collector import keys
from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.store import settings
from homecheck.collector.store.failures import Busy, NotStored
from homecheck.errors import KeyStoreError
from homecheck.standards.rfc_3339 import to_text

log = logging.getLogger("homecheck.collector")
SECONDS: Final = 5.0
RETRY_SECONDS: Final = 10
FAILED_SECONDS: Final = 45.0  # shorter than uploads are told to wait: the one that comes again settles it


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
        if failure := collector.writer.failure(FAILED_SECONDS):
            raise _database(failure)
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


def _database(failure: str) -> Problem:
    """Return what everybody may know; the failure itself names the server, and stands in the log."""
    log.error("not ready: %s", failure)
    return _not_ready("the database takes nothing; the collector's log says why")


def _not_ready(detail: str) -> Problem:
    return retry_later("not-ready", detail, RETRY_SECONDS)

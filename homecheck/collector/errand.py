"""A job that the collector does beside its answers, again and again, in a thread of its own, as long as it serves.

Neither this nor what `unending` keeps in the event loop may end before the collector does: nobody waits for it, so
nobody would miss it. An error that nobody expected is logged with its trace, and the job goes on (docs/decisions/0170).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeVar

from homecheck.collector.context import Collector
from homecheck.collector.store.database import Connection
from homecheck.errors import HomecheckError

Result = TypeVar("Result")
log = logging.getLogger("homecheck.collector")
AGAIN_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 5.0  # at the end; mail servers look at a letter for some seconds before they take it


@dataclass
class Errand(ABC):
    """`tick` is called every `tick_seconds`. What it cannot do now it must find again at the next tick."""

    name: ClassVar[str]
    collector: Collector
    tick_seconds: float
    stopped: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    @abstractmethod
    def tick(self) -> None:
        """Look once, and do what is due."""

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way, if that is soon; the rest waits for the next start.

        Nobody waits longer for a server of somebody else that hangs: the thread ends with the process.
        """
        self.stopped.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Do `work` in a transaction and return its result when that is durable. Raises Busy, NotStored."""
        return self.collector.writer.submit(work).result()

    def do(self, work: Callable[[], None]) -> None:
        """Do something, and log its failure: nothing is lost, the next tick tries again."""
        try:
            work()
        except (HomecheckError, OSError) as error:
            if not self.stopped.is_set():  # after its end nobody writes, and the next start finds it again
                log.error("%s: %s", self.name, error)
        except Exception:  # letters, for one, would just stop coming
            log.exception("%s: an error that nobody expected; tried again", self.name)

    def _run(self) -> None:
        while not self.stopped.wait(self.tick_seconds):
            self.do(self.tick)


async def unending(
    chore: Callable[[Collector], Awaitable[None]], collector: Collector, again_seconds: float = AGAIN_SECONDS
) -> None:
    """Do a chore that goes on for ever, and begin it again where it ends all the same."""
    while True:
        try:
            await chore(collector)
        except Exception:  # retention, for one, would just not be kept any more
            log.exception("%s: an error that nobody expected; begun again", getattr(chore, "__name__", "a chore"))
        await asyncio.sleep(again_seconds)

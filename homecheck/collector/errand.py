"""A job that the collector does beside its answers, again and again, in a thread of its own, as long as it serves."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from homecheck.collector.context import Collector
from homecheck.collector.store.database import Connection
from homecheck.errors import HomecheckError

Result = TypeVar("Result")
log = logging.getLogger("homecheck.collector")


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
        """End after what is under way; the rest waits for the next start."""
        self.stopped.set()
        if self._thread is not None:
            self._thread.join()

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Do `work` in a transaction and return its result when that is durable. Raises Busy, NotStored."""
        return self.collector.writer.submit(work).result()

    def _run(self) -> None:
        while not self.stopped.wait(self.tick_seconds):
            try:
                self.tick()
            except (HomecheckError, OSError) as error:  # nothing is lost: the next tick tries again
                log.error("%s: %s", self.name, error)

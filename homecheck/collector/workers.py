"""Several processes that serve at one address: started, started again when one dies, and ended together.

All of them listen on one socket, which the first process has opened; whoever is free takes the next connection. They
know nothing of each other: what they share is in the database, where each of them waits for its turn to write.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from homecheck.errors import SetupError

Pipe = Any  # an end of one: a Connection, on Windows a PipeConnection
END_SECONDS: Final = 15.0  # for a worker to write what waits and to answer
AGAIN_SECONDS: Final = 1.0  # before another one is started in the place of one that died


@dataclass
class Workers:
    """`number` processes that run ``target(*arguments, ready)``; each sends something to `ready` when it serves."""

    number: int
    target: Callable[..., None]
    arguments: tuple[Any, ...]
    _running: list[SpawnProcess] = field(default_factory=list)

    def run(self, announce: Callable[[], None]) -> None:
        """Run them until SIGINT or SIGTERM; `announce` when the first one serves. SetupError when none ever does."""
        context = multiprocessing.get_context("spawn")  # a fork would share threads' locks and the database's sockets
        ready, tell_ready = context.Pipe(duplex=False)
        told, tell = context.Pipe(duplex=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: tell.send_bytes(b"end"))
        try:
            self._fill(tell_ready)
            self._watch(ready, told, tell_ready, announce)
        finally:
            self._end()

    def _watch(self, ready: Pipe, told: Pipe, tell_ready: Pipe, announce: Callable[[], None]) -> None:
        serving = False
        while True:
            waited = wait([told, ready, *(one.sentinel for one in self._running)])
            if told in waited:
                return
            if ready in waited:
                ready.recv_bytes()
                if not serving:
                    announce()
                serving = True
            elif not serving:
                raise SetupError("no worker could start", "See the messages above.")
            else:
                time.sleep(AGAIN_SECONDS)
                self._fill(tell_ready)

    def _fill(self, tell_ready: Pipe) -> None:
        """Start as many as are missing."""
        self._running = [one for one in self._running if one.is_alive()]
        while len(self._running) < self.number:
            process = multiprocessing.get_context("spawn").Process(
                target=self.target, args=(*self.arguments, tell_ready), name="worker"
            )
            process.start()
            self._running.append(process)

    def _end(self) -> None:
        for one in self._running:
            one.terminate()
        end = time.monotonic() + END_SECONDS
        for one in self._running:
            one.join(max(0.0, end - time.monotonic()))
            one.kill()  # one that does not end by itself
            one.join()


def end_with_parent() -> None:
    """Have this worker end when the process that started it is gone, however that went."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            with suppress(OSError):
                os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()

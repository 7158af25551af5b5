"""Serving the guide on this computer alone, until the person ends it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import uvicorn

from homecheck.listening import listen
from homecheck.slow_clients import SlowClients
from homecheck.ui.app import Guide
from homecheck.ui.gate import Gate
from homecheck.ui.sitting import Sitting

HOST: Final = "127.0.0.1"
BACKLOG: Final = 64
TICKS: Final = 10  # tenths of a second between two looks at connections
MOST_WAITING: Final = 200  # connections that ask nothing; a browser holds six


class PatientServer(uvicorn.Server):
    """Serves the person however many others on this computer open connections and leave them so."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.slow_clients = SlowClients(most_waiting=MOST_WAITING)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        there = self.server_state.connections
        if counter % TICKS == 0 or len(there) > MOST_WAITING:
            self.slow_clients.cut_off(list(there))
        return await super().on_tick(counter)


@dataclass
class Served:
    """A guide that listens. `show` gets each fresh address, the first when it starts, the next when one was used."""

    sitting: Sitting
    show: Callable[[str], None]
    port: int = 0
    listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.listener = listen(HOST, self.port, BACKLOG)
        self.gate = Gate(self.listener.getsockname()[1])
        guide = Guide(self.sitting, self.gate, entered=self._entered, ended=self.end)
        config = uvicorn.Config(
            guide.application(), log_config=None, access_log=False, lifespan="off", ws="none", server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        self.server = PatientServer(config)

    def run(self) -> None:
        """Serve until `end` is called or the program is interrupted."""
        self.show(self.gate.address())
        try:
            self.server.run([self.listener])
        finally:
            self.sitting.stop()
            self.listener.close()

    def end(self) -> None:
        """Let `run` return soon; an answer that is under way is still given."""
        threading.Timer(0.3, self._exit).start()

    def _exit(self) -> None:
        self.server.should_exit = True

    def _entered(self) -> None:
        self.show(self.gate.address())

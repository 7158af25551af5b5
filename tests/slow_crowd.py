"""Thousands of clients that send a byte a second, from many loopback addresses, and come again when they are cut off.

A third never ends the head of its request, a third the body of an upload, and a third sends nothing at all.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

HEAD: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "  # and never an end
BODY: Final = (
    b"PUT /v1/evidence/00000000-0000-7000-8000-000000000000 HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/jose\r\nContent-Length: 200000\r\n\r\n"
)
SILENCE: Final = b""
KINDS: Final = (HEAD, BODY, SILENCE)
NAMES: Final = {"mixed": KINDS, "head": (HEAD,), "body": (BODY,), "silence": (SILENCE,)}
PER_ADDRESS: Final = 1_000  # connections from one source address
ROUND_SECONDS: Final = 1.0
AT_ONCE: Final = 250  # new connections in a row, before those who are there get their turn


@dataclass
class SlowCrowd:
    """The clients, served by one thread. `cut_off` counts connections that the other side has ended."""

    port: int
    clients: int
    kinds: tuple[bytes, ...] = KINDS
    opened: int = 0
    cut_off: int = 0
    refused: int = 0
    _open: dict[socket.socket, bytes] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to come."""
        self._thread = threading.Thread(target=self._run, name="slow crowd")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def connected(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def _run(self) -> None:
        with selectors.DefaultSelector() as watched:
            while not self._stopped.is_set():
                began = time.monotonic()
                for _ in range(min(AT_ONCE, self.clients - len(self._open))):
                    self._come(watched)
                self._drop_the_ended(watched)
                self._send_a_byte(watched)
                full = len(self._open) >= self.clients
                self._stopped.wait(max(0.0, ROUND_SECONDS - (time.monotonic() - began)) if full else 0.0)
            for one in list(self._open):
                self._leave(watched, one)

    def _come(self, watched: selectors.BaseSelector) -> None:
        one = socket.socket()
        one.settimeout(5)
        try:
            one.bind((f"127.0.0.{2 + self.opened // PER_ADDRESS % 200}", 0))
            one.connect(("127.0.0.1", self.port))
            kind = self.kinds[self.opened % len(self.kinds)]
            one.sendall(kind)
        except OSError:
            self.refused += 1
            one.close()
            return
        one.setblocking(False)
        self.opened += 1
        self._open[one] = kind
        watched.register(one, selectors.EVENT_READ)

    def _drop_the_ended(self, watched: selectors.BaseSelector) -> None:
        for key, _ in watched.select(0):
            one = key.fileobj
            assert isinstance(one, socket.socket)
            try:
                ended = not one.recv(65_536)
            except BlockingIOError:
                continue
            except OSError:
                ended = True
            if ended:
                self.cut_off += 1
                self._leave(watched, one)

    def _send_a_byte(self, watched: selectors.BaseSelector) -> None:
        for one, kind in list(self._open.items()):
            if kind is SILENCE:
                continue
            try:
                one.send(b"x")
            except BlockingIOError:
                continue
            except OSError:
                self.cut_off += 1
                self._leave(watched, one)

    def _leave(self, watched: selectors.BaseSelector, one: socket.socket) -> None:
        del self._open[one]
        watched.unregister(one)
        one.close()


@dataclass(frozen=True)
class Count:
    """How many connections are open, were opened, were ended by the other side, and were not let in."""

    connected: int
    opened: int
    cut_off: int
    refused: int


@contextmanager
def elsewhere(port: int, clients: int, kinds: str = "mixed") -> Iterator[Connection]:
    """Have a crowd of some of `NAMES` in a process of its own, which delays nobody here.

    What it sends is its `Count`, once a second.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_crowd, args=(port, clients, kinds, theirs))
    process.start()
    try:
        yield ours
    finally:
        ours.send("go")
        process.join(60)
        process.kill()
        process.join()


def _crowd(port: int, clients: int, kinds: str, pipe: Connection) -> None:
    with SlowCrowd(port, clients, NAMES[kinds]) as crowd:
        while not pipe.poll(ROUND_SECONDS):
            pipe.send(Count(crowd.connected, crowd.opened, crowd.cut_off, crowd.refused))

"""Uploads as agents send them, past ASGI: uvicorn, Starlette and what stands around them took a fifth of all that an
upload costs. The short way ends with a receipt; whatever is not usual takes the long one, from where it stands.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, Protocol

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from homecheck.collector import body
from homecheck.collector.headers import constant
from homecheck.collector.intake import Upload
from homecheck.collector.metrics import UPLOAD
from homecheck.collector.reception import Found, Reception
from homecheck.collector.store.evidence import Kept
from homecheck.collector.uploads import PREFIX, Gate
from homecheck.collector.watch import BEGAN, Answered, Watch

STOPPED: Final = "homecheck.stopped"  # in the scope of a request: a `Stopped`, where the long way begins with one
MOST_BYTES: Final = 65_536  # of a body: uvicorn reads no further by itself
_PATH: Final = re.compile(PREFIX.encode() + rb"([0-9A-Za-z-]{1,100})")
_LENGTH: Final = re.compile(rb"[1-9][0-9]{0,4}")
# Lines of a head that change nothing: what agents send, and what proxies add.
_PLAIN: Final = frozenset(
    b"accept accept-encoding accept-language host user-agent via x-forwarded-for x-forwarded-host x-forwarded-port "
    b"x-forwarded-proto x-real-ip".split()
)
_JOSE: Final = body.JOSE.encode()

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Stopped:
    """Where the short way ended: with an upload, or as much of it as came, and what became or will become of it."""

    upload: Upload
    found: Found | asyncio.Future[Found]


@dataclass(frozen=True)
class QuickUploads:
    """What uploads of one application share: who takes them, who counts them, who writes them down."""

    reception: Reception
    gate: Gate
    watch: Watch
    clock: Callable[[], datetime]
    secure: bool

    def path(self, url: bytes, headers: Headers) -> str | None:
        """Return the address of an upload that can go the short way; None for all other requests."""
        match = _PATH.fullmatch(url)
        return url.decode("ascii") if match is not None and _is_plain(headers) else None

    def head(self, lines: Headers, length: int, *, keep_alive: bool) -> bytes:
        """Return the head of a receipt; `lines` are the server's own."""
        return b"".join((
            STATUS_LINE[201],
            *[b"%b: %b\r\n" % line for line in lines],
            b"content-length: %d\r\n" % length,
            _constant(self.secure),
            b"\r\n" if keep_alive else b"connection: close\r\n\r\n",
        ))  # fmt: skip


def _is_plain(headers: Headers) -> bool:
    """Tell whether a head says that a body of one piece of JOSE follows, and nothing that has to be looked at."""
    length = kind = False
    for name, value in headers:
        if name in _PLAIN:
            continue
        if name == b"content-length":
            if length or not _LENGTH.fullmatch(value) or int(value) > MOST_BYTES:
                return False
            length = True
        elif name == b"content-type":
            if kind or value != _JOSE:
                return False
            kind = True
        elif name != b"connection" or value.lower() != b"keep-alive":
            return False
    return length and kind


@lru_cache(maxsize=2)
def _constant(secure: bool) -> bytes:
    lines = ((b"content-type", _JOSE), *constant(secure=secure))
    return b"".join([b"%b: %b\r\n" % line for line in lines])


@lru_cache(maxsize=4)
def proxies(trusted: str) -> ProxyHeadersMiddleware:
    """Return what finds the sender behind proxies at `trusted` addresses; uvicorn's own, without anything behind it."""

    async def nothing(*_: object) -> None:
        pass

    return ProxyHeadersMiddleware(nothing, trusted)


def sender(scope: dict[str, Any], behind: ProxyHeadersMiddleware | None) -> str:
    """Return the address that a request came from."""
    if behind is not None:
        scope = {**scope}
        asking: Any = behind(scope, None, None)  # type: ignore[arg-type]  # nothing is behind it
        with suppress(StopIteration):
            asking.send(None)  # it waits for nothing
    client = scope["client"]
    return client[0] if client else ""


class _Nobody:
    """Stands where uvicorn would wake up a task."""

    @staticmethod
    def set() -> None:
        """Wake up nobody."""


class Connection(Protocol):
    """What an upload needs of the connection that it comes by."""

    def write_receipt(self, upload: QuickUpload, receipt: bytes) -> bool:
        """Write the answer, unless the sender has gone; False when it does not fetch what was written before."""

    def end(self, upload: QuickUpload) -> None:
        """Go on to what comes behind an upload that was answered."""

    def go_long(self, upload: QuickUpload) -> None:
        """Have uvicorn go on with an upload, from where it stands."""


@dataclass
class QuickUpload:
    """One upload under way; it stands where uvicorn has its own cycle of request and answer, and looks like one."""

    shared: QuickUploads
    connection: Connection
    scope: dict[str, Any]
    behind: ProxyHeadersMiddleware | None
    began: float
    body: bytearray = field(default_factory=bytearray)
    more_body: bool = True
    keep_alive: bool = True
    disconnected: bool = False
    response_complete: bool = False
    message_event: type[_Nobody] = _Nobody
    _timer: asyncio.TimerHandle | None = None
    _taken: Upload | None = None  # once all of it is there
    _later: asyncio.Future[Found] | None = None  # where its answer is waited for on the long way

    def wait_for_more(self) -> None:
        """Begin to wait for what the sender owes, unless that was begun."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(body.SECONDS, self._give_up)

    def complete(self) -> None:
        """Have the upload taken, now that all of it is there."""
        self._stop_timer()
        gate = self.shared.gate
        if gate.is_full():
            self.leave()
            return
        self._taken = upload = self._upload()
        gate.under_way += 1
        self.shared.reception.welcome(upload, partial(self._tell, upload))

    def stop(self) -> None:
        """Go the long way, where uvicorn cancels what takes longer than it waits, and the sender is told so."""
        stopped = None
        if self._taken is not None:
            self._later = asyncio.get_running_loop().create_future()
            stopped = Stopped(self._taken, self._later)
        self.leave(stopped)

    def leave(self, stopped: Stopped | None = None) -> None:
        """Go the long way from here."""
        self._stop_timer()
        self.scope[BEGAN] = self.began
        if stopped is not None:
            self.scope[STOPPED] = stopped
        self.connection.go_long(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _give_up(self) -> None:
        self.leave(Stopped(self._upload(), body.too_slow(body.SECONDS)))

    def _upload(self) -> Upload:
        name = self.scope["path"].removeprefix(PREFIX)
        return Upload(bytes(self.body), name, sender(self.scope, self.behind), self.shared.clock())

    def _tell(self, upload: Upload, found: Found) -> None:
        # Not at once: an error in one answer would keep those behind it from theirs.
        asyncio.get_running_loop().call_soon(self._answer, upload, found)

    def _answer(self, upload: Upload, found: Found) -> None:
        self.shared.gate.under_way -= 1
        if self._later is not None:
            if not self._later.done():  # somebody still waits
                self._later.set_result(found)
            return
        receipt = found.receipt if isinstance(found, Kept) and found.created else None
        if receipt is None or not self.connection.write_receipt(self, receipt):
            self.leave(Stopped(upload, found))
            return
        self.response_complete = True
        watch = self.shared.watch
        watch.answered(
            Answered("PUT", UPLOAD, self.scope["path"], 201, watch.clock() - self.began, upload.source_address)
        )
        self.connection.end(self)

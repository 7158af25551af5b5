"""An ndt7 server beside the responder's own service: /ndt/v7/download and /ndt/v7/upload (see `standards.ndt7`).

    GET /ndt/v7/download?metadata   WebSocket: random binary messages, and measurements ten times a second
    GET /ndt/v7/upload?metadata     WebSocket: a sink, and measurements ten times a second

The protocol knows no token, so anybody who finds the port can use it: an operator has to ask for it, and few tests run
at the same time. The metadata in the query is checked and forgotten; nothing about a test is stored.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import WSCloseCode, WSMsgType, web

from homecheck.clock import utc_now
from homecheck.instruments import tcp_info
from homecheck.responder.limits import Limits
from homecheck.responder.sessions import Busy, neighbourhood
from homecheck.standards import ndt7, rfc_3339
from homecheck.strict_json import serialize

BLOCK: Final = memoryview(os.urandom(ndt7.MOST_SENT_MESSAGE))
CLOSING_SECONDS: Final = ndt7.CUT_SECONDS - ndt7.TEST_SECONDS
RETRY_SECONDS: Final = 13
_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass
class Ndt7:
    """The two handlers, and the tests that run now."""

    limits: Limits
    now: Callable[[], datetime] = utc_now
    running: list[web.Request] = field(default_factory=list)

    def add_to(self, application: web.Application) -> None:
        """Serve as a part of `application`."""
        application.add_routes([web.get(ndt7.DOWNLOAD, self.download), web.get(ndt7.UPLOAD, self.upload)])
        application.on_shutdown.append(self._end)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Send for ten seconds what the client takes."""
        return await self._serve(request, "download", _send)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take for ten seconds what the client sends."""
        return await self._serve(request, "upload", _take)

    async def _serve(
        self, request: web.Request, name: str, run: Callable[[Ndt7Test], Awaitable[None]]
    ) -> web.StreamResponse:
        """Run one test. However its client behaves, its connection is gone when its time is over."""
        check_request(request)
        transport = request.transport
        if transport is None:
            raise web.HTTPBadRequest(text="the connection is gone")
        # Compression would measure itself; and what is unpacked here could be any number of bytes.
        channel = web.WebSocketResponse(
            protocols=(ndt7.SUBPROTOCOL,),
            compress=False,
            timeout=CLOSING_SECONDS,
            max_msg_size=ndt7.MOST_MESSAGE + 1,
        )
        if not channel.can_prepare(request):
            raise web.HTTPBadRequest(text="ndt7 speaks WebSocket (RFC 6455)")
        with self._admitted(request), suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(self.limits.ndt7_seconds + CLOSING_SECONDS):
                tcp_info.use_congestion_control(transport.get_extra_info("socket"), "bbr")
                await channel.prepare(request)
                await run(Ndt7Test(name, channel, transport, self.limits, self.now()))
        return channel

    @contextmanager
    def _admitted(self, request: web.Request) -> Iterator[None]:
        """Keep a place for one test, and cut its connection off at its end. Raises Busy when there is no place."""
        sources = [neighbourhood(running.remote or "") for running in self.running]
        if len(sources) >= self.limits.ndt7_tests:
            raise Busy("too many ndt7 tests are running", RETRY_SECONDS)
        if sources.count(neighbourhood(request.remote or "")) >= self.limits.ndt7_tests_per_source:
            raise Busy("too many ndt7 tests are running from this address", RETRY_SECONDS)
        self.running.append(request)
        try:
            yield
        finally:
            self.running = [running for running in self.running if running is not request]
            _cut_off(request)  # what is still held back is for a client that does not read

    async def _end(self, _: web.Application) -> None:
        """End all tests with the responder: their clients take a broken connection for a warning."""
        for request in self.running:
            _cut_off(request)


@dataclass
class Ndt7Test:
    """One test under way."""

    name: str
    channel: web.WebSocketResponse
    transport: asyncio.Transport
    limits: Limits
    started_at: datetime
    began: float = field(default_factory=time.monotonic)
    total: int = 0  # payload bytes of binary messages

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """How long it may still run, in seconds; 0 when it is over, also by its bytes."""
        if self.total >= self.limits.ndt7_bytes:
            return 0.0
        return max(0.0, self.limits.ndt7_seconds - self.seconds)

    async def report(self) -> None:
        """Send a measurement of this moment."""
        await self.channel.send_str(serialize(self.measurement()).decode("utf-8"))

    def measurement(self) -> dict[str, Any]:
        """Return the measurement message ("Measurement message"); TCPInfo where the kernel tells it."""
        elapsed = round(self.seconds * 1e6)
        told = tcp_info.read_members(self.transport.get_extra_info("socket"))
        message: dict[str, Any] = {
            "AppInfo": {"ElapsedTime": elapsed, "NumBytes": self.total},
            "ConnectionInfo": {
                "Client": _endpoint(self.transport.get_extra_info("peername")),
                "Server": _endpoint(self.transport.get_extra_info("sockname")),
                "StartTime": rfc_3339.to_text(self.started_at),
            },
            "Origin": "server",
            "Test": self.name,
        }
        return {**message, "TCPInfo": {"ElapsedTime": elapsed, **told}} if told else message

    async def finish(self) -> None:
        """Sum the test up and close, unless the client has done so."""
        if not self.channel.closed:
            await self.report()
            await self.channel.close(code=WSCloseCode.OK, message=b"Done")


async def _send(test: Ndt7Test) -> None:
    """Load the line towards the client; its text messages are ignored, a binary one ends the test."""
    listening = asyncio.create_task(_until_broken(test.channel))
    size, next_report = ndt7.FIRST_MESSAGE, 0.0
    try:
        while test.left and not listening.done():
            if test.seconds >= next_report:
                await test.report()
                next_report = test.seconds + ndt7.REPORT_SECONDS
            await test.channel.send_bytes(BLOCK[:size])  # type: ignore[arg-type]  # it takes a memoryview as well
            test.total += size
            size = ndt7.next_size(size, test.total)
            await asyncio.sleep(0)  # a message that the kernel takes at once does not let the others run
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    await test.finish()


async def _until_broken(channel: web.WebSocketResponse) -> None:
    """Return when the client closes, is gone, or sends what it must not send during a download."""
    while (await channel.receive()).type is WSMsgType.TEXT:
        pass


async def _take(test: Ndt7Test) -> None:
    """Count what the client sends, until time is over or it breaks the rules."""
    reporting = asyncio.create_task(_report(test))
    try:
        with suppress(TimeoutError):
            while left := test.left:
                message = await test.channel.receive(left)
                if message.type is WSMsgType.BINARY and len(message.data) >= ndt7.LEAST_MESSAGE:
                    test.total += len(message.data)
                elif message.type is not WSMsgType.TEXT:
                    break
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
    await test.finish()


async def _report(test: Ndt7Test) -> None:
    while True:
        await test.report()
        await asyncio.sleep(ndt7.REPORT_SECONDS)


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def check_request(request: web.Request) -> None:
    """Refuse (400) a request that is not for ndt7 ("The WebSocket handshake")."""
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if ndt7.SUBPROTOCOL not in offered:
        raise web.HTTPBadRequest(text=f"the WebSocket subprotocol {ndt7.SUBPROTOCOL} is missing")
    query = request.raw_path.partition("?")[2]
    if len(query) > ndt7.MAX_QUERY:
        raise web.HTTPBadRequest(text=f"a query of {len(query)} bytes, at most {ndt7.MAX_QUERY}")
    try:
        if _BAD_ESCAPE.search(query):
            raise ValueError
        unquote(query, errors="strict")
    except ValueError:
        raise web.HTTPBadRequest(text="the query is not URL-encoded UTF-8") from None


def _endpoint(address: tuple[Any, ...]) -> str:
    """Return ``address:port`` with IPv6 in brackets."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

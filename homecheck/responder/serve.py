"""Run a responder: sockets, TLS, a clean start and a clean end."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from homecheck.errors import SetupError
from homecheck.listening import listen, url_of
from homecheck.loopback import is_loopback
from homecheck.responder.app import Responder
from homecheck.responder.limits import Limits
from homecheck.responder.reflector import Reflector
from homecheck.responder.sessions import Sessions
from homecheck.signing import Signer

KEEP_ALIVE_SECONDS: Final = 60.0  # an agent warms its connections up before it measures
SHUTDOWN_SECONDS: Final = 1.0
LINGERING_SECONDS: Final = 0.5
BACKLOG: Final = 512


@dataclass(frozen=True)
class ServeSettings:
    """Where and with what a responder runs. Without TLS it serves this computer alone."""

    host: str
    port: int  # 0: any free one
    udp_port: int | None  # None: the same number as the TCP port
    tls: tuple[Path, Path] | None  # certificate chain and private key, PEM
    signer: Signer
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.tls is None and not is_loopback(self.host):
            raise SetupError(
                f"{self.host} is no loopback address, and there is no TLS certificate",
                "Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that ends TLS.",
            )


@dataclass(frozen=True)
class Listening:
    """Where a responder listens now."""

    url: str
    udp_port: int
    kid: str

    def __str__(self) -> str:
        return f"listening on {self.url} udp {self.udp_port} key {self.kid}"


async def serve(settings: ServeSettings, announce: Callable[[Listening], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once, when everything listens. Raises SetupError."""
    ending = asyncio.Event()
    _end_on_signals(ending)
    async with running(settings) as listening:
        announce(listening)
        await ending.wait()


@asynccontextmanager
async def running(settings: ServeSettings) -> AsyncIterator[Listening]:
    """Run a responder inside this event loop as long as the context lasts. Raises SetupError."""
    sessions = Sessions(settings.limits, time.monotonic, tls=settings.tls is not None)
    context = _tls_context(settings.tls)
    listener = listen(settings.host, settings.port, BACKLOG)
    port = listener.getsockname()[1]
    try:
        reflector = Reflector(sessions, settings.host, port if settings.udp_port is None else settings.udp_port)
    except OSError as error:
        listener.close()
        raise SetupError(f"UDP port: {error.strerror or error}", "Choose another --udp-port.") from None
    responder = Responder(sessions, settings.signer, reflector.port)
    # Compressed uploads are counted as they arrive: unpacking them would let an agent inflate its numbers. What follows
    # a refusal is read only as long as the refusal needs to get through.
    runner = web.AppRunner(
        responder.application(),
        access_log=None,
        auto_decompress=False,
        lingering_time=LINGERING_SECONDS,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    try:
        await runner.setup()
        site = web.SockSite(runner, listener, ssl_context=context, backlog=BACKLOG)
        await site.start()
        reflector.start()
        janitor = asyncio.create_task(_drop_silent(runner, responder, settings.limits.head_seconds))
        try:
            yield Listening(
                url_of(settings.host, listener, tls=context is not None), reflector.port, settings.signer.public.kid
            )
        finally:
            janitor.cancel()
    finally:
        reflector.stop()
        await runner.cleanup()
        listener.close()


async def _drop_silent(runner: web.AppRunner, responder: Responder, seconds: float) -> None:
    """Close connections that have not sent one complete request in time."""
    since: dict[object, float] = {}
    while True:
        await asyncio.sleep(1.0)
        now = time.monotonic()
        server = runner.server
        connections = server.connections if server is not None else []
        since = {handler: since.get(handler, now) for handler in connections}
        responder.heads.intersection_update(connections)
        for handler in connections:
            silent = handler not in responder.heads and now - since[handler] > seconds
            if silent and handler.transport is not None:
                handler.transport.abort()


def _tls_context(files: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    certificate, key = files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(
            f"{certificate}, {key}: {error.strerror or error}",
            "Both are PEM files; the key belongs to the certificate.",
        ) from None
    return context


def _end_on_signals(ending: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(ending.set))
        else:
            loop.add_signal_handler(number, ending.set)

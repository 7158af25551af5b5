"""Run a responder: sockets, TLS, a clean start and a clean end."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
import socket
import ssl
import sys
import time
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.http import HttpProcessingError

from homecheck.errors import SetupError
from homecheck.listening import listen, url_of
from homecheck.loopback import is_loopback
from homecheck.responder import free_memory, nat_services, open_files
from homecheck.responder.app import Responder
from homecheck.responder.geoip import GeoIp
from homecheck.responder.limits import Limits
from homecheck.responder.nat_services import NatPorts
from homecheck.responder.ndt7 import Ndt7
from homecheck.responder.plain import plain_answers
from homecheck.responder.reflector import Reflector
from homecheck.responder.sessions import Sessions, no_region
from homecheck.signing import Signer

KEEP_ALIVE_SECONDS: Final = 60.0  # an agent warms its connections up before it measures
SHUTDOWN_SECONDS: Final = 1.0
LINGERING_SECONDS: Final = 0.5
BACKLOG: Final = 512
TLS_BUFFER: Final = 64 * 1024  # bytes: four records
CLOSING_SECONDS: Final = 2.0  # that a TLS connection may take to close

log = logging.getLogger("homecheck.responder")


def is_ours(record: logging.LogRecord) -> bool:
    """Tell whether a log record is about us: a client that speaks no HTTP is told so, and must not fill the log."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


log.addFilter(is_ours)


@dataclass(frozen=True)
class ServeSettings:
    """Where and with what a responder runs. Without TLS it serves this computer alone."""

    host: str
    port: int  # 0: any free one
    udp_port: int | None  # None: the same number as the TCP port
    tls: tuple[Path, Path] | None  # certificate chain and private key, PEM
    signer: Signer
    limits: Limits = field(default_factory=Limits)
    nat: NatPorts = field(default_factory=NatPorts)
    ndt7: bool = False  # also for clients of ndt7, which have no token
    geoip: Path | None = None  # where addresses are looked up, in MaxMind's DB format
    plain_port: int | None = None  # of the answer in plain HTTP; 0: any free one, None: it is not given

    def __post_init__(self) -> None:
        hosts = [host for host in (self.host, self.nat.other_host) if host is not None and not is_loopback(host)]
        if self.tls is None and hosts:
            raise SetupError(
                f"{hosts[0]} is no loopback address, and there is no TLS certificate",
                "Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that ends TLS.",
            )


@dataclass(frozen=True)
class Listening:
    """Where a responder listens now."""

    url: str
    udp_port: int
    kid: str
    missing: tuple[str, ...] = ()  # what is not offered, and why

    def __str__(self) -> str:
        return f"listening on {self.url} udp {self.udp_port} key {self.kid}"


async def serve(settings: ServeSettings, announce: Callable[[Listening], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once, when everything listens. Raises SetupError."""
    open_files.allow_many()
    ending = asyncio.Event()
    _end_on_signals(ending)
    async with running(settings) as listening:
        announce(listening)
        await ending.wait()


@asynccontextmanager
async def running(settings: ServeSettings) -> AsyncIterator[Listening]:
    """Run a responder inside this event loop as long as the context lasts. Raises SetupError."""
    context = _tls_context(settings.tls)
    sessions = Sessions(
        settings.limits,
        time.monotonic,
        tls=settings.tls is not None,
        certificate=_certificate(settings.tls),
        locate=GeoIp(settings.geoip) if settings.geoip else no_region,
    )
    with ExitStack() as opened:
        listener = opened.enter_context(listen(settings.host, settings.port, BACKLOG))
        port = listener.getsockname()[1]
        try:
            reflector = Reflector(sessions, settings.host, port if settings.udp_port is None else settings.udp_port)
        except OSError as error:
            raise SetupError(f"UDP port: {error.strerror or error}", "Choose another --udp-port.") from None
        opened.callback(reflector.stop)
        plain = None
        if settings.plain_port is not None:
            plain = opened.enter_context(_listen_plainly(settings.host, settings.plain_port))
        nat = nat_services.bind(sessions, settings.host, settings.nat)
        opened.callback(nat.stop)
        services = nat.to_json() | ({} if plain is None else {"plain_port": plain.getsockname()[1]})
        responder = Responder(sessions, settings.signer, reflector.port, services=services)
        application = responder.application()
        if settings.ndt7:
            Ndt7(settings.limits).add_to(application)
        serving = _served(application, responder, listener, context, settings.limits)
        async with serving, plain_answers(plain, sessions.proofs):
            reflector.start()
            nat.start()
            url = url_of(settings.host, listener, tls=context is not None)
            yield Listening(url, reflector.port, settings.signer.public.kid, tuple(nat.missing))


def _listen_plainly(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port, BACKLOG)
    except SetupError as error:
        raise SetupError(
            f"plain HTTP: {error.message}",
            "Choose another --plain-port, or leave it out. Ports below 1024 need root or CAP_NET_BIND_SERVICE.",
        ) from None


@asynccontextmanager
async def _served(
    application: web.Application,
    responder: Responder,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    limits: Limits,
) -> AsyncIterator[None]:
    """Serve HTTP on `listener` as long as the context lasts."""
    # Compressed uploads are counted as they arrive: unpacking them would let an agent inflate its numbers. What follows
    # a refusal is read only as long as the refusal needs to get through.
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=log,
        auto_decompress=False,
        lingering_time=LINGERING_SECONDS,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    try:
        await runner.setup()
        memory = free_memory.Watch()
        server = await _accept(runner, memory, listener, context, limits.head_seconds)
        janitor = asyncio.create_task(_drop_silent(runner, memory, responder, limits.head_seconds))
        try:
            yield
        finally:
            janitor.cancel()
            server.close()
    finally:
        await runner.cleanup()


async def _accept(
    runner: web.AppRunner,
    memory: free_memory.Watch,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    handshake_seconds: float,
) -> asyncio.Server:
    """Take connections. Not by aiohttp's SockSite: it gives a TLS handshake a minute, and its end half of one."""
    server = runner.server
    assert server is not None

    def protocol() -> web.RequestHandler:
        memory.opened += 1
        return server()

    # Each connection gets a buffer of this size before it has said a word; at 256 KiB a stranger's idle connections
    # would cost a gigabyte for every four thousand.
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    return await asyncio.get_running_loop().create_server(
        protocol,
        sock=listener,
        ssl=context,
        backlog=BACKLOG,
        ssl_handshake_timeout=handshake_seconds if context else None,
        ssl_shutdown_timeout=CLOSING_SECONDS if context else None,
    )


async def _drop_silent(runner: web.AppRunner, memory: free_memory.Watch, responder: Responder, seconds: float) -> None:
    """Close connections that have not sent one complete request in time, and give back the memory of closed ones."""
    since: dict[object, float] = {}
    while True:
        await asyncio.sleep(1.0)
        now = time.monotonic()
        server = runner.server
        connections = server.connections if server is not None else []
        memory.see(len(connections))
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


def _certificate(files: tuple[Path, Path] | None) -> str | None:
    """Return the digest of the certificate that clients are shown, the first of the chain."""
    if files is None:
        return None
    first = files[0].read_text("ascii", "replace").partition(ssl.PEM_FOOTER)[0] + ssl.PEM_FOOTER
    der = ssl.PEM_cert_to_DER_cert(first[first.index(ssl.PEM_HEADER) :])
    return "sha256:" + hashlib.sha256(der).hexdigest()


def _end_on_signals(ending: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(ending.set))
        else:
            loop.add_signal_handler(number, ending.set)

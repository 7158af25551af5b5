"""Run a collector: sockets, TLS, a clean start and a clean end."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from homecheck.collector import setup
from homecheck.collector.app import application
from homecheck.collector.slow_clients import SlowClients, allow_many_connections
from homecheck.collector.store import settings
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.errors import SetupError
from homecheck.listening import listen, url_of
from homecheck.loopback import is_loopback

BACKLOG: Final = 2_048
KEEP_ALIVE_SECONDS: Final = 15
TICKS: Final = 10  # of uvicorn's main loop, about a second
SHUTDOWN_SECONDS: Final = 4  # idle TLS connections are waited for as well, and their other end may never answer
PROXIES: Final = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"  # where a proxy may stand


@dataclass(frozen=True)
class ServeSettings:
    """Where and with what a collector runs. Without TLS it serves this computer alone, or a proxy that ends TLS."""

    database: Database
    host: str = "127.0.0.1"
    port: int = setup.DEFAULT_PORT  # 0: any free one
    url: str | None = None  # the public address, remembered; None: as configured, else where it listens
    tls: tuple[Path, Path] | None = None  # certificate chain and private key, PEM
    behind_proxy: bool = False

    def __post_init__(self) -> None:
        if self.tls is None and not self.behind_proxy and not is_loopback(self.host):
            raise SetupError(
                f"{self.host} is no loopback address, and there is no TLS certificate",
                "Give --tls-cert and --tls-key, or --behind-proxy if a proxy in front of it ends TLS.",
            )


def serve(chosen: ServeSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` gets the address once requests are answered. Raises SetupError."""
    _check_certificate(chosen.tls)
    loaded = setup.load(chosen.database)
    listener = listen(chosen.host, chosen.port, BACKLOG)
    allow_many_connections()
    try:
        listening = url_of(chosen.host, listener, tls=chosen.tls is not None)
        collector = replace(loaded, url=_remember_url(chosen, listening))
        server = AnnouncingServer(_config(chosen, application(collector)), lambda: announce(listening))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # uvicorn ends in order, then raises the signal once more
        server.run(sockets=[listener])
    finally:
        listener.close()
    if not server.started:
        raise SetupError("the collector could not start", "See the messages above.")


class AnnouncingServer(uvicorn.Server):
    """Calls `announce` when requests are answered, and cuts off who takes too long."""

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], None], slow_clients: SlowClients | None = None
    ) -> None:
        super().__init__(config)
        self.announce = announce
        self.slow_clients = slow_clients or SlowClients()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        if self.started:
            self.announce()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if counter % TICKS == 0:
            self.slow_clients.cut_off(list(self.server_state.connections))
        return await super().on_tick(counter)


def _config(chosen: ServeSettings, app: ASGIApp) -> uvicorn.Config:
    certificate, key = chosen.tls or (None, None)
    return uvicorn.Config(
        app,
        # Bounds the head of a request to 64 KiB; httptools, which uvicorn would prefer, takes heads without end.
        http="h11",
        lifespan="on",
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        access_log=False,  # addresses hold invitation codes
        log_config=None,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        # Without a proxy in front anybody could write these headers, and choose the address that is stored.
        proxy_headers=chosen.behind_proxy,
        forwarded_allow_ips=PROXIES,
    )


def _remember_url(chosen: ServeSettings, listening: str) -> str:
    """Return the collector's address, and store it for the commands that print links."""
    with opened(chosen.database) as db, transaction(db):
        if chosen.url is not None:
            settings.write(db, "url", setup.clean_url(chosen.url))
        else:
            settings.write(db, "served_url", listening)
        return settings.read(db).url


def _check_certificate(files: tuple[Path, Path] | None) -> None:
    if files is None:
        return
    certificate, key = files
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(
            f"{certificate}, {key}: {error.strerror or error}",
            "Both are PEM files; the key belongs to the certificate.",
        ) from None

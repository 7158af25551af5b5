"""Run a collector: sockets, TLS, a clean start and a clean end."""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from homecheck.collector import erasing, setup
from homecheck.collector.app import application
from homecheck.collector.bounded_http import BoundedHttp
from homecheck.collector.context import Collector
from homecheck.collector.garbage import spare_what_lasts
from homecheck.collector.logs import Form, RequestLines, configure
from homecheck.collector.metrics_access import MetricsAccess
from homecheck.collector.metrics_joined import joined_numbers
from homecheck.collector.outside import Network
from homecheck.collector.store import settings
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.watch import Watch
from homecheck.collector.workers import Workers, end_with_parent
from homecheck.errors import HomecheckError, SetupError
from homecheck.file_lock import exclusive
from homecheck.listening import listen, url_of
from homecheck.loopback import is_loopback
from homecheck.slow_clients import SlowClients, allow_many_connections

BACKLOG: Final = 2_048
KEEP_ALIVE_SECONDS: Final = 15
TICKS: Final = 10  # of uvicorn's main loop, about a second
SHUTDOWN_SECONDS: Final = 4  # idle TLS connections are waited for as well, and their other end may never answer
PROXIES: Final = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"  # where a proxy may stand

log = logging.getLogger("homecheck.collector")


@dataclass(frozen=True)
class ServeSettings:
    """Where and with what a collector runs. Without TLS it serves this computer alone, or a proxy that ends TLS."""

    database: Database
    host: str = "127.0.0.1"
    port: int = setup.DEFAULT_PORT  # 0: any free one
    url: str | None = None  # the public address, remembered; None: as configured, else where it listens
    tls: tuple[Path, Path] | None = None  # certificate chain and private key, PEM
    behind_proxy: bool = False
    inside: tuple[Network, ...] = ()  # networks of the company that webhooks may go to
    workers: int = 1  # processes
    metrics: MetricsAccess = field(default_factory=MetricsAccess)
    log_format: Form | None = None  # of the lines about requests; None: there are none

    def __post_init__(self) -> None:
        if self.workers > 1 and not self.database.takes_many_processes:
            raise SetupError(
                f"{self.workers} workers cannot write into one SQLite file: one would wait a second for the other",
                "Leave --workers away, or use PostgreSQL.",
            )
        if self.tls is None and not self.behind_proxy and not is_loopback(self.host):
            raise SetupError(
                f"{self.host} is no loopback address, and there is no TLS certificate",
                "Give --tls-cert and --tls-key, or --behind-proxy if a proxy in front of it ends TLS.",
            )


def serve(chosen: ServeSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` gets the address once requests are answered. Raises SetupError."""
    _check_certificate(chosen.tls)
    chosen = replace(chosen, database=chosen.database.for_serving())
    loaded = setup.load(chosen.database)
    with _alone(chosen.database):
        _serve(chosen, loaded, announce)


def _serve(chosen: ServeSettings, loaded: Collector, announce: Callable[[str], None]) -> None:
    _erase_again(loaded)
    listener = listen(chosen.host, chosen.port, BACKLOG)
    allow_many_connections()
    try:
        listening = url_of(chosen.host, listener, tls=chosen.tls is not None)
        url = _remember_url(chosen, listening)
        if chosen.workers == 1:
            _serve_here(chosen, replace(loaded, url=url, inside=chosen.inside), listener, lambda: announce(listening))
        else:
            with joined_numbers():
                Workers(chosen.workers, _work, (chosen, url, listener)).run(lambda: announce(listening))
    finally:
        listener.close()


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Serve from a file as the only process: a second one would make both wait, and put its address into links."""
    if database.takes_many_processes:
        yield
        return
    with exclusive(database.folder / f"{database.name}.serving") as mine:
        if not mine:
            raise SetupError(
                f"{database.place}: another process serves from this file already",
                "Stop that one first; several processes can serve from PostgreSQL.",
            )
        yield


def _serve_here(
    chosen: ServeSettings, collector: Collector, listener: socket.socket, announce: Callable[[], None]
) -> None:
    """Serve from this process."""
    tell = RequestLines(chosen.log_format) if chosen.log_format else None
    watch = Watch(access=chosen.metrics, certificate=chosen.tls[0] if chosen.tls else None, tell=tell)
    server = AnnouncingServer(_config(chosen, application(collector, watch)), announce)
    spare_what_lasts()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn ends in order, then raises the signal once more
    server.run(sockets=[listener])
    if not server.started:
        raise SetupError("the collector could not start", "See the messages above.")


def _work(chosen: ServeSettings, url: str, listener: socket.socket, ready: Connection) -> None:
    """Serve from a process of its own, as one of several."""
    end_with_parent()
    if chosen.log_format:
        configure(chosen.log_format)
    allow_many_connections()
    try:
        collector = replace(setup.load(chosen.database), url=url, inside=chosen.inside)
        _serve_here(chosen, collector, listener, lambda: ready.send_bytes(b"ready"))
    except HomecheckError as error:  # another one is started in its place
        sys.exit(f"worker: {error.message}")


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
        there = self.server_state.connections
        if counter % TICKS == 0 or len(there) > self.slow_clients.most_open:
            self.slow_clients.cut_off(list(there))
        return await super().on_tick(counter)


def _config(chosen: ServeSettings, app: ASGIApp) -> uvicorn.Config:
    certificate, key = chosen.tls or (None, None)
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        lifespan="on",
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        access_log=False,  # addresses hold invitation codes
        log_config=None,  # `logs` says how
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


def _erase_again(collector: Collector) -> None:
    """Erase anew whom an older backup brought back; only then is anybody served."""
    with opened(collector.readers.database) as db:
        if number := erasing.erase_again(collector, db, collector.clock()):
            log.warning("%d people had been erased since this backup was made, and were erased again", number)


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

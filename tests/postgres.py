"""A PostgreSQL of the tests' own: its data in a temporary folder, on the loopback with a password and on a socket.

One server serves all tests of a run, each test has a database of its own. A commit is written
out before it is told, as in service; what makes it outlive a power cut, which no test has, is left out.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from homecheck.collector.store.postgres import PostgresDatabase
from tests.needs import missing
from tests.ports import free_port

STARTUP_SECONDS = 60.0
USER = "homecheck"
MANY_CONNECTIONS = 300  # of all collectors of a run that tests hold at once


@dataclass
class PostgresServer:
    """A server that runs. `process` is its first process, whose end is the end of all."""

    folder: Path
    port: int
    password: str
    process: subprocess.Popen[bytes]
    waits_for_disk: bool

    def url(self, name: str, port: int = 0) -> str:
        """Return the URL of a database, through another `port` where something stands in front of the server."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{port or self.port}/{name}"

    def new_database(self, home: Path) -> PostgresDatabase:
        """Return a new and empty database whose collector has its keys in `home`."""
        name = f"test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name}")
        return PostgresDatabase(self.url(name), home)

    def run(self, sql: str, database: str = "postgres") -> list[Any]:
        """Run one statement as the server's owner and return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as db:
            cursor = db.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def backends(self, name: str) -> list[int]:
        """Return the process numbers of those who serve a database."""
        sql = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND backend_type = 'client backend'"
        return [row[0] for row in self.run(sql)]

    def wait(self) -> None:
        """Return when it answers."""
        _wait_for(self.url("postgres"), self.process)


@contextmanager
def postgres_server(*, waits_for_disk: bool = True) -> Iterator[PostgresServer]:
    """Run a server, or skip the test that needs it; one that does not wait for the disk makes databases faster."""
    folder = Path(tempfile.mkdtemp(prefix="homecheck-postgres-"))
    try:
        server = _start(folder, waits_for_disk)
        try:
            server.wait()
            yield server
        finally:
            stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, waits_for_disk: bool) -> PostgresServer:
    password = secrets.token_hex(16)
    (folder / "password").write_text(password, encoding="utf-8")
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        shutil.chown(folder / "password", "postgres", "postgres")
    subprocess.run(
        [program("initdb"), "--pgdata", folder / "data", "--username", USER, "--pwfile", folder / "password",
         "--auth-local", "trust", "--auth-host", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"],
        check=True, capture_output=True, timeout=STARTUP_SECONDS, cwd=folder, **as_its_user(),
    )  # fmt: skip
    server = PostgresServer(folder, free_port(), password, None, waits_for_disk)  # type: ignore[arg-type]  # started below
    start(server)
    return server


def start(server: PostgresServer) -> None:
    """Start it, or start it again on the same data."""
    options = {
        "listen_addresses": "127.0.0.1", "port": server.port, "unix_socket_directories": server.folder,
        "max_connections": MANY_CONNECTIONS, "shared_buffers": "64MB", "synchronous_commit": "on",
        "fsync": "on" if server.waits_for_disk else "off",
    }  # fmt: skip
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (server.folder / "log").open("ab") as log:
        server.process = subprocess.Popen(
            [program("postgres"), "-D", server.folder / "data", *settings],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=server.folder, **as_its_user(),
        )  # fmt: skip


def stop(server: PostgresServer) -> None:
    """Stop it at once, as a crash would: what an orderly end writes to the disk would take half a minute."""
    server.process.send_signal(signal.SIGQUIT)
    try:
        server.process.wait(STARTUP_SECONDS)
    finally:
        server.process.kill()
        server.process.wait()


@contextmanager
def behind_pgbouncer(server: PostgresServer, home: Path) -> Iterator[PostgresDatabase]:
    """Return a new database that is reached through PgBouncer, which gives each transaction any of its connections."""
    path = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if path is None:
        missing("PgBouncer is not installed", "apt-get install pgbouncer")
    direct, port = server.new_database(home), free_port()
    name = direct.url.rpartition("/")[2]
    settings = server.folder / "pgbouncer.ini"
    settings.write_text(
        f"""[databases]
{name} = host=127.0.0.1 port={server.port} dbname={name} user={USER} password={server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
""",
        encoding="utf-8",
    )
    with (server.folder / "pgbouncer.log").open("ab") as log:
        process = subprocess.Popen(
            [path, settings], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=server.folder, **as_its_user()
        )
    try:
        database = PostgresDatabase(server.url(name, port), home)
        _wait_for(database.url, process)
        yield database
    finally:
        process.terminate()
        process.wait(STARTUP_SECONDS)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            psycopg.connect(url, prepare_threshold=None).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > end or process.poll() is not None:
                raise
            time.sleep(0.05)


def dump(url: str) -> bytes:
    """Return a database as SQL."""
    return subprocess.run([program("pg_dump"), url], check=True, capture_output=True, timeout=STARTUP_SECONDS).stdout


def as_its_user() -> dict[str, Any]:
    """Return what makes a process one of the server's user: it refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, or skip the test. Debian keeps them beside the versions."""
    found = shutil.which(name)
    folders = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found is None and not folders:
        missing(f"PostgreSQL's program {name!r} is not installed", "apt-get install postgresql")
    return found or str(folders[-1])

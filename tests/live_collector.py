"""A real collector for tests: SQLite in a file or PostgreSQL, a real socket, in a thread of this process or
in another process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
import uvicorn

from homecheck.clock import utc_now
from homecheck.collector import administration, keys, setup
from homecheck.collector.app import application
from homecheck.collector.audit import Trusted, audit
from homecheck.collector.bounded_http import BoundedHttp
from homecheck.collector.outside import Network
from homecheck.collector.pace import Pace
from homecheck.collector.passwords import Passwords
from homecheck.collector.store import settings
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.collector.store.users import EVERYWHERE, Role
from homecheck.collector.store.writer import MAX_WAITING, Writer
from homecheck.collector.watch import Watch
from homecheck.policy import parse_policy
from homecheck.signed_note import NoteKey
from tests.people import PASSES, POLICY_TEXT, Character, Worker
from tests.ports import free_port
from tests.postgres import dump

STARTUP_SECONDS = 60.0
PROGRAM = "support"
CHEAP = Passwords(memory_kib=64, passes=1, lanes=1)  # tests of forms hash many passwords


@dataclass(frozen=True)
class Site:
    """A collector that was set up, and how to administer it from beside."""

    url: str
    database: Database
    sign_in_address: str

    @property
    def file(self) -> Path:
        """The file of a collector on SQLite."""
        assert isinstance(self.database, SqliteDatabase)
        return self.database.path

    def invite(self, person: str, valid: timedelta = timedelta(hours=1), program: str = PROGRAM) -> str:
        """Return the code of a new invitation."""
        address = administration.invite(self.database, program, person, valid, "a test", datetime.now(UTC))
        return address.rpartition("/")[2]

    def worker(self, character: Character = PASSES, name: str = "") -> Worker:
        """Return an enrolled home office."""
        worker = Worker(self.url, character)
        answer = worker.enrol(self.invite(name or character.name))
        assert answer.status_code == 201, answer.text
        return worker

    def sign_in_link(self, name: str, role: Role, program: str = EVERYWHERE) -> str:
        """Return a sign-in address of a new user."""
        administration.add_user(self.database, name, role, "a test", datetime.now(UTC), program)
        return administration.sign_in_link(self.database, name, "a test", datetime.now(UTC))

    def everything(self) -> bytes:
        """Return all that is stored, as it lies in the file, or as PostgreSQL dumps it."""
        if isinstance(self.database, SqliteDatabase):
            return b"".join(path.read_bytes() for path in self.file.parent.glob(f"{self.file.name}*"))
        return dump(self.database.url)

    def browse_database(self, sql: str) -> list[object]:
        """Return the first column of a query, read past the collector."""
        with opened(self.database) as db:
            return [row[0] for row in db.execute(sql)]

    def defects(self) -> list[str]:
        """Return what an audit of the log finds wrong, by the collector's own keys."""
        with opened(self.database) as db:
            log_key = settings.read(db).log_key
            assert log_key is not None
            signer = keys.read(settings.read(db).keys_folder(self.database)).signer.public
            trusted = Trusted({signer.kid: signer}, NoteKey.from_vkey(log_key))
            return [one.message for one in audit(db, trusted).defects]

    def browse(self, name: str, role: Role, program: str = EVERYWHERE) -> requests.Session:
        """Return the session of a new user who has signed in."""
        http = requests.Session()
        http.headers["Origin"] = self.url
        answer = http.post(self.sign_in_link(name, role, program), timeout=20)
        assert answer.status_code == 200, answer.text
        return http


def set_up(folder: Path, url: str, database: Database | None = None) -> Site:
    """Make a collector with one program, in a file in `folder` or in another database."""
    database = database or SqliteDatabase(folder / "collector.db")
    made = setup.create(database, "Example Inc.", url, datetime.now(UTC))
    policy = parse_policy(POLICY_TEXT, "test policy")
    administration.add_program(
        database, PROGRAM, "Support line", "To see whether your home is ready.", 180, policy, "a test", utc_now()
    )
    return Site(url, database, made.sign_in)


@contextmanager
def in_thread(
    folder: Path,
    *,
    database: Database | None = None,
    clock: Callable[[], datetime] = utc_now,
    max_waiting: int = MAX_WAITING,
    spare_pages: int = 0,
    passwords: Passwords = CHEAP,
    inside: tuple[Network, ...] = (),
    pace: Pace | None = None,
    watch: Watch | None = None,
    behind_proxy: bool = False,
) -> Iterator[Site]:
    """Serve a new collector from a thread; clock, queue, disk and the costs of passwords can be narrow ones.

    `spare_pages`: how much larger a database in a file may become, as if the disk were full then.
    """
    site = set_up(folder, f"http://127.0.0.1:{free_port()}", database)
    collector = setup.load(site.database)
    stored = site.database
    if isinstance(stored, SqliteDatabase):
        (pages,) = site.browse_database("PRAGMA page_count")
        stored = replace(stored, max_pages=int(str(pages)) + spare_pages if spare_pages else 0)
    writer = Writer(stored.for_uploads(), max_waiting)
    app = application(
        replace(collector, clock=clock, writer=writer, passwords=passwords, inside=inside, pace=pace or Pace()), watch
    )
    port = int(site.url.rpartition(":")[2])
    config = uvicorn.Config(
        app, http=BoundedHttp, port=port, lifespan="on", ws="none", log_config=None, access_log=False,
        server_header=False, proxy_headers=behind_proxy,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started, f"the collector does not serve at {site.url}"
        yield site
    finally:
        server.should_exit = True
        thread.join(STARTUP_SECONDS)


@dataclass
class ServerProcess:
    """A collector in a process of its own, which can be killed and started again on the same port."""

    site: Site
    process: subprocess.Popen[str] | None = None
    arguments: tuple[str, ...] = ()

    def start(self) -> None:
        """Start it and wait for its line."""
        port = self.site.url.rpartition(":")[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "homecheck", "collector", "serve", "--port", port, *self.arguments],
            env={
                **os.environ,
                "HOMECHECK_DATABASE_URL": self.site.database.url,
                "HOMECHECK_HOME": str(self.site.database.folder),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.stop()
            raise AssertionError(f"the collector did not start: {line!r}")

    def kill(self) -> None:
        """End it as a power cut would, as far as a process can tell."""
        assert self.process is not None
        self.process.kill()
        self._wait()

    def stop(self) -> int:
        """End it as its operator would, and return its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self._wait()

    def _wait(self) -> int:
        assert self.process is not None
        process, self.process = self.process, None
        try:
            return process.wait(STARTUP_SECONDS)
        finally:
            process.kill()  # if it did not end by itself; the test fails then
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def as_process(
    folder: Path, database: Database | None = None, arguments: tuple[str, ...] = ()
) -> Iterator[ServerProcess]:
    """Serve a new collector from a process of its own."""
    server = ServerProcess(set_up(folder, f"http://127.0.0.1:{free_port()}", database), arguments=arguments)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None:
            server.stop()


def wait_until(done: Callable[[], bool]) -> None:
    """Return when `done`, at the latest after some seconds; then the test fails by itself."""
    end = time.monotonic() + STARTUP_SECONDS
    while not done() and time.monotonic() < end:
        time.sleep(0.01)

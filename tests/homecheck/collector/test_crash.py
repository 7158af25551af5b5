"""kill -9 under load: nothing that was acknowledged is lost, nothing is there twice, and the log has no gaps.

On SQLite the server is killed; on PostgreSQL one of two workers, and PostgreSQL's own processes, which makes it recover
as after a crash.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from homecheck.checkpoint import Checkpoint
from homecheck.collector import log_memory, setup
from homecheck.collector.audit import Trusted, audit
from homecheck.collector.context import Collector
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.packing import unpacked
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.receipt import verify_receipt
from homecheck.signing import PublicKey, digest, key_set
from tests.live_collector import ServerProcess, as_process, wait_until
from tests.people import Worker
from tests.postgres import PostgresServer, behind_pgbouncer, postgres_server

UPTIME_SECONDS = (0.3, 0.7, 0.2, 0.5)
CLIENTS = 6
ROUNDS = 1  # of one worker and one process of PostgreSQL's each
PATIENCE_SECONDS = 60


def kept_beside_the_keys(collector: Collector) -> dict[str, Checkpoint]:
    kept = log_memory.remembered(collector.keys_folder, collector.log.key)
    assert kept is not None
    return {"beside the keys": kept}


@dataclass
class Load:
    """Home offices that send one evidence after the other, each again and again until there is an answer."""

    workers: list[Worker]
    pinned: dict[str, PublicKey]
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    retried: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def deliver(self, worker: Worker) -> None:
        while not self.over.is_set():
            evidence = worker.evidence()
            envelope = worker.sign(evidence)
            while (answer := self._put(worker, evidence.id, envelope)) is None:
                self.retried.append(evidence.id)
                if self.over.wait(0.05):
                    return  # never acknowledged
            assert answer.status_code in (200, 201), answer.text
            self.acknowledged[digest(envelope)] = answer.content

    def _put(self, worker: Worker, evidence_id: str, envelope: bytes) -> requests.Response | None:
        try:
            answer = worker.put(evidence_id, envelope)
        except requests.RequestException:
            return None
        return None if answer.status_code == 503 else answer  # "come again", as agents understand it

    def has_grown(self, by: int) -> Callable[[], bool]:
        before = len(self.acknowledged)
        return lambda: len(self.acknowledged) >= before + by


@contextmanager
def load_on(server: ServerProcess) -> Iterator[Load]:
    workers = [server.site.worker(name=f"Worker {number}") for number in range(CLIENTS)]
    load = Load(workers, key_set(workers[0].get("/v1/jwks").json()))
    with ThreadPoolExecutor(CLIENTS) as pool:
        deliveries: list[Future[None]] = [pool.submit(load.deliver, worker) for worker in workers]
        try:
            yield load
        finally:
            load.over.set()
        for delivery in deliveries:
            delivery.result(PATIENCE_SECONDS)
    assert load.retried, "no upload was interrupted: this run proved nothing"


def check_nothing_was_lost(database: Database, load: Load) -> None:
    with opened(database) as db:
        rows = db.execute("SELECT position, digest, receipt FROM evidence ORDER BY position").fetchall()
        events = [row[0] for row in db.execute("SELECT position FROM event")]
        collector = setup.load(database)
        found = audit(db, Trusted(collector.public_keys(), collector.log.key, kept_beside_the_keys(collector)))
    # The log verifies, whatever was under way: an entry is there with its row, or neither is.
    assert found.defects == ()
    assert found.counts["receipt"] == len(rows)
    # Everything acknowledged is there, with the very receipt that was handed out.
    stored = {row["digest"]: unpacked(row["receipt"]) for row in rows}
    assert {name: stored.get(name) for name in load.acknowledged} == load.acknowledged
    # Nothing is there twice, and every position is used once, from 0, without gaps.
    assert len(stored) == len(rows)
    assert sorted([row["position"] for row in rows] + events) == list(range(len(rows) + len(events)))
    for row in rows:
        assert verify_receipt(unpacked(row["receipt"]), row["digest"], load.pinned.get).position == row["position"]


def test_killing_the_server_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        with load_on(server) as load:
            for seconds in UPTIME_SECONDS:
                time.sleep(seconds)
                server.kill()
                server.start()
            time.sleep(0.3)
        database = server.site.database
        assert isinstance(database, SqliteDatabase)
        with opened(database) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        check_nothing_was_lost(database, load)


def test_killing_workers_and_postgresql_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with postgres_server() as server:
        kill_both(server, server.new_database(tmp_path), tmp_path)


def test_behind_pgbouncer_in_transaction_mode_nothing_is_lost_either(tmp_path: Path) -> None:
    with postgres_server() as server, behind_pgbouncer(server, tmp_path) as database:
        kill_both(server, database, tmp_path)


def kill_both(server: PostgresServer, database: Database, folder: Path) -> None:
    """Kill a worker, then a process of PostgreSQL's while two workers serve; they recover by themselves."""
    with as_process(folder, database, ("--workers", "2")) as serving:
        assert serving.process is not None
        first = serving.process.pid
        with load_on(serving) as load:
            for _ in range(ROUNDS):
                wait_until(load.has_grown(10))
                workers_of(first)[0].kill()
                wait_until(load.has_grown(10))
                os.kill(server.backends(database.url.rpartition("/")[2])[0], signal.SIGKILL)
                server.wait()
            wait_until(load.has_grown(10))
        wait_until(lambda: len(workers_of(first)) == 2)
        assert len(workers_of(first)) == 2
        assert serving.stop() == 0
        check_nothing_was_lost(database, load)


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the processes that serve; the resource tracker of Python is none of them."""
    found = []
    for one in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # it was killed a moment ago
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found

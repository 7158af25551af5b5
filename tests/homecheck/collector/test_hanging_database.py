"""A PostgreSQL that hangs instead of dying: 503 in bounded time, nobody waits for ever, and it comes back by itself."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from homecheck.collector.store.failures import NotStored
from homecheck.collector.store.postgres import HUNG, STATEMENT_SECONDS, PostgresDatabase
from homecheck.collector.store.pulse import PROBE_SECONDS, Pulse
from homecheck.collector.store.sqlite import SqliteDatabase
from tests.live_collector import in_thread
from tests.needs import need
from tests.postgres import PostgresServer, postgres_server

LIMIT = 1.5  # seconds; a collector that serves has STATEMENT_SECONDS
LONG = 10.0  # more than any answer takes
BOUND = 25.0  # of an answer on a busy machine: the limit, two looks, two probes
PATIENCE = 60.0


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """Stop every process of a server, as if its machine were frozen."""
    need(sys.platform == "linux", "the processes of a server are found under /proc", "Linux")
    stopped = family(server.process.pid)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    found = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(after_name[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def timed(ask: Callable[[], requests.Response]) -> tuple[int, float, str]:
    began = time.monotonic()
    answer = ask()
    return answer.status_code, time.monotonic() - began, answer.headers.get("Retry-After", "")


def test_it_answers_503_and_takes_the_same_bytes_when_the_server_goes_on(tmp_path: Path) -> None:
    with postgres_server() as server:
        database = replace(server.new_database(tmp_path), statement_seconds=LIMIT)
        with in_thread(tmp_path, database=database) as site:
            workers = [site.worker(name=f"Worker {number}") for number in range(4)]
            browser = site.browse("vera", "viewer")
            evidence = [worker.evidence() for worker in workers]
            assert workers[0].check().status_code == 201
            before = threading.active_count()
            asks: list[Callable[[], requests.Response]] = [
                *(lambda at=at: workers[at].upload(evidence[at]) for at in range(4)),
                *(lambda: browser.get(f"{site.url}/", timeout=PATIENCE),) * 4,
            ]
            with frozen(server):
                with ThreadPoolExecutor(len(asks)) as pool:
                    answers = list(pool.map(timed, asks))
                assert {status for status, _, _ in answers} == {503}
                assert all(retry for _, _, retry in answers)
                assert max(seconds for _, seconds, _ in answers) < BOUND
                for ask in asks[::4]:  # whoever comes now is refused at once
                    refused = [timed(ask) for _ in range(3)]
                    assert {status for status, _, _ in refused} == {503}
                    assert statistics.median(seconds for _, seconds, _ in refused) < LIMIT
                assert requests.get(f"{site.url}/healthz", timeout=PATIENCE).status_code == 200
                assert requests.get(f"{site.url}/readyz", timeout=PATIENCE).status_code == 503
            end = time.monotonic() + PATIENCE
            for at in range(4):
                while (answer := workers[at].upload(evidence[at])).status_code == 503 and time.monotonic() < end:
                    time.sleep(0.1)
                assert answer.status_code in (200, 201)  # 200: it was stored, and the answer was cut off
            assert browser.get(f"{site.url}/", timeout=PATIENCE).status_code == 200
            assert site.browse_database("SELECT COUNT(*) FROM evidence") == [5]
            assert threading.active_count() <= before + 3, "threads wait for ever"
            assert site.defects() == []


def test_others_are_answered_while_an_upload_waits_for_a_server_that_hangs(tmp_path: Path) -> None:
    with postgres_server() as server:
        database = replace(server.new_database(tmp_path), statement_seconds=LONG)
        with in_thread(tmp_path, database=database) as site, ThreadPoolExecutor(2) as pool:
            worker = site.worker()
            evidence = worker.evidence()
            assert worker.check().status_code == 201
            with frozen(server):
                uploading, asking = pool.submit(worker.upload, evidence), pool.submit(worker.challenge)
                time.sleep(0.5)  # they are asking now
                for _ in range(5):
                    status, seconds, _ = timed(lambda: requests.get(f"{site.url}/healthz", timeout=PATIENCE))
                    assert status == 200
                    assert seconds < LONG / 3
                assert not uploading.done()
                assert not asking.done()
            assert uploading.result(PATIENCE).status_code == 201


def test_a_statement_that_waits_too_long_for_a_lock_ends_alone_and_others_are_never_refused(tmp_path: Path) -> None:
    with postgres_server() as server:
        database = replace(server.new_database(tmp_path), statement_seconds=LIMIT)
        database.create().close()
        holder, waiter, other = (database.connect() for _ in range(3))
        holder.begin()
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(waiter.begin)
            while not waiting.done():
                assert tuple(other.execute("SELECT 1").fetchone()) == (1,)
                time.sleep(0.01)
            with pytest.raises(NotStored):
                waiting.result()
        assert LIMIT < time.monotonic() - began < BOUND
        assert not waiter.usable
        holder.execute("COMMIT")
        other.begin()
        other.execute("ROLLBACK")
        for one in (holder, waiter, other):
            one.close()


def test_an_address_that_swallows_everything_is_tried_from_beside_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        address = f"postgresql://me:hidden@127.0.0.1:{hole.getsockname()[1]}/x"
        database = PostgresDatabase(address, tmp_path, statement_seconds=LIMIT)
        began = time.monotonic()
        with pytest.raises(NotStored) as caught:
            database.connect()
        assert "hidden" not in caught.value.message
        assert PROBE_SECONDS - 1 < time.monotonic() - began < BOUND
        began = time.monotonic()
        with pytest.raises(NotStored, match=HUNG):
            database.connect()
        assert time.monotonic() - began < PROBE_SECONDS - 1


def test_the_watch_ends_when_there_is_nothing_to_watch() -> None:
    class Quiet:
        since: float | None = None

        def cut_off(self) -> None:
            raise AssertionError

    pulse, one = Pulse(LIMIT, lambda: True), Quiet()
    pulse.watch(one)
    assert pulse._thread is not None
    thread = pulse._thread
    del one
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert pulse._thread is None


def test_a_collector_that_serves_has_a_limit_and_a_command_has_none(tmp_path: Path) -> None:
    database = PostgresDatabase("postgresql://me@127.0.0.1/x", tmp_path)
    assert database.statement_seconds is None
    assert database.for_serving().statement_seconds == STATEMENT_SECONDS
    file = SqliteDatabase(tmp_path / "file.db")
    assert file.for_serving() is file

"""Readiness tells the truth about a database that goes away, and an orderly end under load loses nothing."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from homecheck.collector import readiness
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.database import opened
from homecheck.collector.store.failures import NotStored
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.collector.store.writer import Writer
from tests.live_collector import as_process, in_thread
from tests.people import PASSES, Worker
from tests.postgres import postgres_server, start, stop

PATIENCE_SECONDS = 60.0
AGAIN_SECONDS = 0.2
NOTHING_TAKEN = "the database takes nothing; the collector's log says why"


def readiness_of(url: str) -> tuple[int, str]:
    answer = requests.get(f"{url}/readyz", timeout=30)
    return answer.status_code, answer.json().get("detail", "")


def ready_within(seconds: float, url: str) -> bool:
    end = time.monotonic() + seconds
    while readiness_of(url)[0] != 200:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(autouse=True)
def soon_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here waits for `readiness.AGAIN_SECONDS`."""
    monkeypatch.setattr(readiness, "AGAIN_SECONDS", AGAIN_SECONDS)


def test_a_database_that_went_away_is_told_and_so_is_its_return(tmp_path: Path) -> None:
    with postgres_server() as server, in_thread(tmp_path, database=server.new_database(tmp_path)) as site:
        worker = site.worker(PASSES)
        assert readiness_of(site.url)[0] == 200
        stop(server)
        assert readiness_of(site.url) == (503, NOTHING_TAKEN)  # and not where it is, or what it is called
        page = requests.get(site.url, timeout=30)
        assert page.status_code == 503
        assert "Not possible at the moment" in page.text
        assert f"Try again in {page.headers['Retry-After']} seconds." in page.text  # a person sees no headers
        metrics = requests.get(f"{site.url}/metrics", timeout=30).text
        assert "\nhomecheck_database_up 0.0\n" in metrics
        assert 'homecheck_requests_total{method="GET",route="/readyz",status="503"} 1.0\n' in metrics
        assert requests.get(f"{site.url}/healthz", timeout=30).status_code == 200  # the program itself runs
        assert worker.upload(worker.evidence()).status_code == 503
        start(server)
        server.wait()
        assert ready_within(20, site.url)
        end = time.monotonic() + PATIENCE_SECONDS
        # A thread whose connection broke says once that it cannot; agents come again.
        while (answer := worker.upload(worker.evidence())).status_code == 503 and time.monotonic() < end:
            assert answer.headers["Retry-After"]
        assert answer.status_code == 201


def test_a_disk_that_takes_small_writes_and_no_evidence_is_not_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with in_thread(tmp_path, spare_pages=25) as site:
        worker = site.worker(PASSES)
        with opened(site.database) as db:  # whose connection may write more than the collector's
            db.execute("CREATE TABLE filler (bytes)")
            db.execute("INSERT INTO filler VALUES (zeroblob(400000))")
        for _ in range(60):  # the room that is left in pages that are there
            evidence = worker.evidence()
            status = worker.upload(evidence).status_code
            if status != 201:
                break
        assert status == 503
        assert readiness_of(site.url) == (503, NOTHING_TAKEN)
        assert "not ready: the database cannot do this now: database or disk is full" in caplog.messages
        for _ in range(5):  # however often it is tried, while nobody uploads
            time.sleep(2 * AGAIN_SECONDS)
            assert readiness_of(site.url) == (503, NOTHING_TAKEN)
        with opened(site.database) as db:
            db.execute("DROP TABLE filler")
        assert ready_within(20, site.url)  # without an upload that would tell
        assert worker.upload(evidence).status_code == 201
        assert readiness_of(site.url) == (200, "")
        assert site.browse_database("SELECT COUNT(*) FROM setting WHERE LENGTH(value) > 1000") == [0]


def test_a_failure_counts_until_something_is_stored_that_is_as_large_as_an_upload(tmp_path: Path) -> None:
    writer = Writer(replace(site_database(tmp_path), max_pages=1))
    writer.start()
    try:
        with pytest.raises(NotStored):
            writer.submit(_too_much).result(PATIENCE_SECONDS)
        writer.probe(lambda _: None).result(PATIENCE_SECONDS)
        assert writer.failure is not None
        assert "full" in writer.failure.why
        writer.submit(lambda _: None).result(PATIENCE_SECONDS)  # as an errand does every few seconds
        assert writer.failure is not None
        writer.submit_all(lambda _, items: items, ["an upload"]).result(PATIENCE_SECONDS)
        assert writer.failure is None
    finally:
        writer.stop()


def _too_much(db: Connection) -> None:
    db.execute("CREATE TABLE filler (bytes)")
    db.execute("INSERT INTO filler VALUES (zeroblob(400000))")


def site_database(folder: Path) -> SqliteDatabase:
    database = SqliteDatabase(folder / "x.db")
    database.create().close()
    return database


def test_told_to_stop_under_load_it_ends_in_order_and_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        workers = [server.site.worker(PASSES, f"Person {number}") for number in range(4)]
        acknowledged: list[str] = []

        def upload(worker: Worker) -> None:
            while True:
                evidence = worker.evidence()
                try:
                    answer = worker.upload(evidence)
                except requests.RequestException:
                    return  # nobody listens any more
                if answer.status_code == 201:
                    acknowledged.append(evidence.id)

        threads = [threading.Thread(target=upload, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 20:
            time.sleep(0.01)
        assert server.stop() == 0
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in threads)
        assert set(acknowledged) <= set(server.site.browse_database("SELECT id FROM evidence"))
        assert server.site.defects() == []

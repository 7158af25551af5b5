"""Readiness tells the truth about a database that goes away, and an orderly end under load loses nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import requests

from tests.live_collector import as_process, in_thread
from tests.people import PASSES, Worker
from tests.postgres import postgres_server, start, stop

PATIENCE_SECONDS = 60.0


def readiness_of(url: str) -> tuple[int, str]:
    answer = requests.get(f"{url}/readyz", timeout=30)
    return answer.status_code, answer.json().get("detail", "")


def test_a_database_that_went_away_is_told_and_so_is_its_return(tmp_path: Path) -> None:
    with postgres_server() as server, in_thread(tmp_path, database=server.new_database(tmp_path)) as site:
        worker = site.worker(PASSES)
        assert readiness_of(site.url)[0] == 200
        stop(server)
        status, detail = readiness_of(site.url)
        assert status == 503
        assert detail
        assert server.password not in detail
        assert requests.get(f"{site.url}/healthz", timeout=30).status_code == 200  # the program itself runs
        start(server)
        server.wait()
        end = time.monotonic() + PATIENCE_SECONDS
        while readiness_of(site.url)[0] != 200 and time.monotonic() < end:
            time.sleep(0.1)
        assert readiness_of(site.url)[0] == 200
        # A thread whose connection broke says once that it cannot; agents come again.
        while (answer := worker.upload(worker.evidence())).status_code == 503 and time.monotonic() < end:
            assert answer.headers["Retry-After"]
        assert answer.status_code == 201


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

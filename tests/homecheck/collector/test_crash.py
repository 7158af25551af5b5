"""kill -9 of the server while it takes uploads: nothing that was acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from homecheck.collector.store.database import opened
from homecheck.receipt import verify_receipt
from homecheck.signing import digest, key_set
from tests.live_collector import as_process
from tests.people import Worker

KILLS = 4
WORKERS = 6
UPTIME_SECONDS = (0.3, 0.7, 0.2, 0.5)


def test_killing_the_server_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: dict[str, bytes] = {}
    retried: list[str] = []
    over = threading.Event()

    def deliver(worker: Worker) -> None:
        """Send one evidence after the other, each again and again until there is an answer, as an agent does."""
        while not over.is_set():
            evidence = worker.evidence()
            envelope = worker.sign(evidence)
            while True:
                try:
                    answer = worker.put(evidence.id, envelope)
                except requests.RequestException:
                    retried.append(evidence.id)
                    time.sleep(0.05)
                    continue
                assert answer.status_code in (200, 201), answer.text
                acknowledged[digest(envelope)] = answer.content
                break

    with as_process(tmp_path) as server:
        workers = [server.site.worker(name=f"Worker {number}") for number in range(WORKERS)]
        pinned = key_set(workers[0].get("/v1/jwks").json())
        with ThreadPoolExecutor(WORKERS) as pool:
            deliveries = [pool.submit(deliver, worker) for worker in workers]
            for seconds in UPTIME_SECONDS[:KILLS]:
                time.sleep(seconds)
                server.kill()
                server.start()
            time.sleep(0.3)
            over.set()
            for delivery in deliveries:
                delivery.result(30)
        assert retried, "no upload was interrupted: this run proved nothing"
        with opened(server.site.database) as db:
            rows = db.execute("SELECT position, digest, receipt FROM evidence ORDER BY position").fetchall()
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    # Everything acknowledged is there, with the very receipt that was handed out.
    stored = {row["digest"]: row["receipt"] for row in rows}
    assert {name: stored.get(name) for name in acknowledged} == acknowledged
    # Nothing is there twice, and every position is used once, from 0, without gaps.
    assert len(stored) == len(rows)
    assert [row["position"] for row in rows] == list(range(len(rows)))
    for row in rows:
        assert verify_receipt(row["receipt"], row["digest"], pinned.get).position == row["position"]

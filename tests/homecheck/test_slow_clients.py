"""A crowd that sends a byte a second from many addresses keeps nobody from uploading; memory and files are bounded."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from homecheck.slow_clients import SPARE_FILES, SlowClients, room_for_connections
from tests.homecheck.collector.test_attacks import served_in_thread
from tests.live_collector import as_process
from tests.needs import need
from tests.slow_crowd import BODY, SlowCrowd

CROWD = 500  # bench/slow_clients.py does the same with ten thousand
PER_CONNECTION_MB = 0.05  # and what else an upload takes
PATIENCE = 30.0


def until(done: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < end:
        time.sleep(0.05)
    return done()


def test_five_hundred_slow_clients_do_not_keep_a_worker_from_uploading(tmp_path: Path) -> None:
    need(Path("/proc/self/statm").exists(), "memory and files are read from /proc", "Linux")
    with as_process(tmp_path) as server:
        assert server.process is not None
        process = Path(f"/proc/{server.process.pid}")
        worker = server.site.worker()
        assert worker.check().status_code == 201
        before_mb, before_files = memory_mb(process), files(process)
        with SlowCrowd(int(server.site.url.rpartition(":")[2]), CROWD) as crowd:
            assert until(lambda: crowd.connected >= CROWD)
            for _ in range(5):
                worker.http.close()  # each over a connection of its own
                assert worker.upload(worker.evidence()).status_code == 201
            assert files(process) <= before_files + CROWD + 20
            assert memory_mb(process) - before_mb < CROWD * PER_CONNECTION_MB + 20
        assert until(lambda: files(process) <= before_files + 5), "who has gone holds no file"
        assert worker.check().status_code == 201


def test_more_than_there_are_files_for_make_room_for_those_who_come(tmp_path: Path) -> None:
    with served_in_thread(tmp_path, SlowClients(most_open=40)) as site:
        worker = site.worker()
        with SlowCrowd(int(site.url.rpartition(":")[2]), 120, kinds=(BODY,)) as crowd:
            assert until(lambda: crowd.cut_off >= 80)
            for _ in range(3):
                worker.http.close()
                assert worker.upload(worker.evidence()).status_code == 201
        assert crowd.refused == 0


def test_the_room_for_connections_leaves_files_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, room in ((65_536, 65_536 - SPARE_FILES), (1024, 768), (300, 150), (resource.RLIM_INFINITY, 65_280)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert room_for_connections() == room


def memory_mb(process: Path) -> float:
    return int((process / "statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def files(process: Path) -> int:
    return sum(1 for _ in (process / "fd").iterdir())

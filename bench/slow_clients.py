"""Ten thousand clients that send a byte a second, while an ordinary worker uploads: do answers go on, does memory end?

    .venv/bin/python bench/slow_clients.py [--clients 10000] [--kind mixed|body|head|silence] [--seconds 90]
        [--database postgresql://…]

Of a mixed crowd two thirds have no request under way, of which the collector keeps 2,000 at most: it is never as
large as asked for. A crowd that sends bodies alone is, until the bound of an exchange.
Prints a line every five seconds, then one of JSON. The limit of open files must allow the number (ulimit -Hn).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # `tests` is no package that anybody installs

import requests

from homecheck.collector.store.database import Database
from homecheck.slow_clients import allow_many_connections
from tests.live_collector import as_process
from tests.people import Worker
from tests.slow_crowd import NAMES, Count, elsewhere

SPARE_FILES = 200
PAGE = resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--kind", choices=tuple(NAMES), default="mixed")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--database", help="a database that is empty; else a file")
    chosen = parser.parse_args()
    allow_many_connections()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit < chosen.clients + SPARE_FILES:
        sys.exit(f"this process may open {limit} files, {chosen.clients} clients need more: ulimit -Hn")
    with tempfile.TemporaryDirectory(dir=Path(__file__).parents[1]) as folder:  # /tmp may be memory
        database = Database.at(chosen.database) if chosen.database else None
        with as_process(Path(folder), database) as server:
            assert server.process is not None
            print(json.dumps(run(server.site.url, server.process.pid, server.site.worker(), chosen)))


def run(url: str, pid: int, worker: Worker, chosen: argparse.Namespace) -> dict[str, object]:
    """Return the figures."""
    quiet = [upload(worker)[0] for _ in range(10)]
    before, cpu_before = memory_mb(pid), cpu_seconds(pid)
    seconds: list[float] = []
    failed, most_mb, most_files, most_open, now = 0, before, files(pid), 0, Count(0, 0, 0, 0)
    with elsewhere(int(url.rpartition(":")[2]), chosen.clients, chosen.kind) as crowd:
        began = told = time.monotonic()
        while time.monotonic() < began + chosen.seconds:
            took, status = upload(worker)
            seconds.append(took)
            failed += status != 201
            most_mb, most_files = max(most_mb, memory_mb(pid)), max(most_files, files(pid))
            while crowd.poll():
                now = crowd.recv()
            most_open = max(most_open, now.connected)
            if time.monotonic() > told + 5:
                told = time.monotonic()
                print(
                    f"{told - began:5.0f} s: {now.connected} open, {now.cut_off} cut off, {now.refused} refused,"
                    f" {most_mb:.0f} MB, {files(pid)} files, last upload {took * 1000:.0f} ms ({status})",
                    file=sys.stderr,
                )
            time.sleep(1.0)
    time.sleep(3)
    return {
        "clients": chosen.clients,
        "most_open": most_open,
        "opened": now.opened,
        "cut_off": now.cut_off,
        "refused": now.refused,
        "uploads": len(seconds),
        "uploads_failed": failed,
        "quiet_p50_ms": round(1000 * statistics.median(quiet), 1),
        "p50_ms": round(1000 * statistics.median(seconds), 1),
        "worst_ms": round(1000 * max(seconds), 1),
        "memory_before_mb": round(before, 1),
        "memory_most_mb": round(most_mb, 1),
        "memory_after_mb": round(memory_mb(pid), 1),
        "files_most": most_files,
        "cpu_s": round(cpu_seconds(pid) - cpu_before, 1),
        "seconds": chosen.seconds,
        "load": os.getloadavg()[0],
        "files_after": files(pid),
    }


def upload(worker: Worker) -> tuple[float, int]:
    """Upload a check over a connection of its own, and return how long it took and the status; 0: none came."""
    worker.http.close()
    began = time.perf_counter()
    try:
        status = worker.upload(worker.evidence()).status_code
    except requests.RequestException:
        status = 0
    return time.perf_counter() - began, status


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def cpu_seconds(pid: int) -> float:
    """Return how long a process has computed."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def files(pid: int) -> int:
    """Return how many files a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


if __name__ == "__main__":
    main()

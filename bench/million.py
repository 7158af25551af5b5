"""Every page of the dashboard with a million reports behind it, and how long a month takes to drop.

.venv/bin/python bench/million.py [--engine sqlite|postgresql] [--reports N] [--people N]

The rows are those of tests/many_people.py: half a year, twenty findings to a report, envelopes of 1,900 bytes; on top
of them one person whose thirty checks are signed and real. A time is the shortest of five over HTTP on one connection,
after one that fills the caches: everything between the question and the last byte of the page. Beside it stands how
much of a processor was used meanwhile, by the collector with its visitor and by PostgreSQL: on a busy machine the time
alone says little. Then the first bytes of each export, and the oldest whole month.
A million reports need about 12 GB in the temporary folder. The exit status is 1 where a limit is not kept.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
import requests

from homecheck.collector import export, monthly, tokens
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.sqlite import SqliteDatabase
from tests.desk import EVERY_SCOPE
from tests.live_collector import Site, in_thread
from tests.many_people import DAYS, Many, add_programs, addresses, fill, real_person, requests_of_programs
from tests.postgres import PostgresServer, postgres_server

RUNS: Final = 5
SECONDS: Final = 300
LIMIT_MS: Final = 200.0
MONTH_MS: Final = 1_000.0
MOST_OF_API: Final = 500  # entries in one answer: the most that it gives


@dataclass(frozen=True)
class Taken:
    """How long something took, and how much of a processor it used, in milliseconds."""

    wall: float
    processor: float

    def line(self, name: str, limit: float) -> str:
        """Return a line of the table."""
        late = "  LATE" if self.wall > limit else ""
        return f"{name:36} {self.wall:9.1f} ms {self.processor:9.1f} ms of a processor, limit {limit:5.0f} ms{late}"


def main() -> int:
    """Make the rows, ask for every page, drop a month, and print one line for each."""
    options = argparse.ArgumentParser()
    options.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    options.add_argument("--reports", type=int, default=1_000_000)
    options.add_argument("--people", type=int, default=300_000)
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres_server()) if chosen.engine == "postgresql" else None
        database: Database = server.new_database(folder) if server else SqliteDatabase(folder / "collector.db")
        site = stack.enter_context(in_thread(folder, database=database))
        person, now = real_person(site), datetime.now(UTC)
        begun = time.monotonic()
        with opened(database) as db:
            fill(db, Many(chosen.people, chosen.reports, now, add_programs(site)))
            made = f"{chosen.reports} reports of {chosen.people} people, {size(db)} bytes"
        print(f"{chosen.engine}: {made}, made in {time.monotonic() - begun:.0f} s", flush=True)
        return measure(site, person, now, processor_time(server))


def measure(site: Site, person: str, now: datetime, processor: Callable[[], float]) -> int:
    """Print how long everything takes; return 1 where a limit is not kept."""
    late = 0

    def tell(name: str, limit: float, work: Callable[[], object], runs: int = RUNS) -> None:
        nonlocal late
        taken = best(work, processor, runs)
        late |= taken.wall > limit
        print(taken.line(name, limit), flush=True)

    browser = site.browse("ada", "admin")
    token = tokens.add_at_command_line(site.database, "ada", "bench", EVERY_SCOPE, "", timedelta(days=1), "a bench")
    browser.headers["Authorization"] = f"Bearer {token}"
    pages = {**addresses(site, browser, person), **requests_of_programs(person, MOST_OF_API)}
    for name, address in pages.items():
        tell(name, LIMIT_MS, lambda address=address: shown(browser, site.url + address))  # type: ignore[misc]  # mypy cannot infer its default
    with opened(site.database) as db:
        for kind in export.TABLES:
            tell(f"first rows of the export of {kind}", LIMIT_MS, lambda kind=kind: first_rows(db, kind, now))  # type: ignore[misc]
    oldest = now - timedelta(days=DAYS - 31)
    found = monthly.look(site.database, oldest.year * 100 + oldest.month)
    month = f"a month of {found.total} checks"
    tell(month, MONTH_MS, lambda: monthly.purge(site.database, found, "a bench", datetime.now(UTC)), runs=0)
    return int(late)


def best(work: Callable[[], object], processor: Callable[[], float], runs: int) -> Taken:
    """Return the shortest of `runs` times after one that does not count, each with what it used; 0: the only one."""
    taken = []
    for _ in range(runs + 1):
        used, begun = processor(), time.perf_counter()
        work()
        taken.append(Taken((time.perf_counter() - begun) * 1000, (processor() - used) * 1000))
    return min(taken[min(runs, 1) :], key=lambda one: one.wall)


def shown(browser: requests.Session, url: str) -> None:
    """Ask for a page, to its last byte."""
    browser.get(url, timeout=SECONDS).raise_for_status()


def first_rows(db: Connection, kind: str, now: datetime) -> None:
    """Write what a table begins with, as CSV."""
    rows = export.TABLES[kind].rows(db, "", now)
    export.write_csv(export.TABLES[kind], iter([next(rows)]), io.BytesIO())


def processor_time(server: PostgresServer | None) -> Callable[[], float]:
    """Return what tells how many seconds this process and the server's have used of a processor."""

    def used() -> float:
        total = time.process_time()
        for process in psutil.Process(server.process.pid).children() if server else ():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    return used


def size(db: Connection) -> int:
    """Return how much room the database takes, in bytes."""
    sql = {
        "SqliteConnection": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "PostgresConnection": "SELECT pg_database_size(current_database())",
    }
    return int(db.execute(sql[type(db).__name__]).fetchone()[0])


if __name__ == "__main__":
    raise SystemExit(main())

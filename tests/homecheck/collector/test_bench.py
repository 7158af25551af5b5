"""The bench measures a real collector, verifies what it was told, counts as strace does, and touches nobody's data."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homecheck.cli import run as command
from homecheck.collector.bench.engines import temporary
from homecheck.collector.bench.load import closed_loop
from homecheck.collector.bench.reports import ROWS
from homecheck.collector.bench.run import Wanted, _enrolled, _quantile, _signed, _site, run
from homecheck.collector.bench.served import serving
from homecheck.collector.store.database import Database
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import SetupError
from homecheck.evidence import Evidence
from homecheck.signing import Verified, decode_base64url
from tests.live_collector import set_up, wait_until
from tests.needs import missing
from tests.postgres import PostgresServer, postgres_server

KEYS = {"engine", "reports", "reports_per_s", "cpu_us_per_report", "p50_ms", "p99_ms", "fsyncs_per_report"}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """PostgreSQL that waits for the disk: how often it does is counted here."""
    with postgres_server() as running:
        yield running


def test_a_bench_on_either_engine_measures_and_leaves_nothing(
    new_database: Callable[[Path], Database], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    database = new_database(tmp_path)
    before = sorted(tmp_path.iterdir())
    # So many that the server's processes use more than the tick in which the system counts their time (10 ms).
    counts = ["--reports", "300", "--devices", "6", "--rate", "100"]
    options = ["--database", database.url, *counts, "--output", "json"]
    assert command(["collector", "bench", *options]) == 0
    printed = capfd.readouterr()
    assert printed.err.splitlines()[1:] == [
        "300 reports, as fast as 64 clients get their answers",
        "300 reports at 100 a second",
    ]
    found = json.loads(printed.out)
    assert found.keys() >= KEYS
    assert found["engine"] == ("sqlite" if isinstance(database, SqliteDatabase) else "postgresql")
    assert (found["reports"], found["refused"]) == (300, 0)
    assert found["verified"] == 300 + 300
    assert 0 < found["fsyncs_per_report"] <= 2
    assert found["cpu_us_per_report"] > found["database_cpu_us_per_report"] >= 0
    assert (found["database_cpu_us_per_report"] > 0) == (found["engine"] == "postgresql")
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert sorted(tmp_path.iterdir()) == before


def test_when_a_bench_fails_the_log_of_its_collector_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    database = Database.at(f"sqlite:///{tmp_path / 'x.db'}")

    def fail() -> None:
        with temporary(database) as bench, _site(bench, print) as (served, url):
            _enrolled(bench, served.address, url, 1)
            raise SetupError("no rate")

    with pytest.raises(SetupError, match="no rate"):
        fail()
    (log,) = tmp_path.iterdir()
    assert capsys.readouterr().out == f"What the collector that was measured wrote is kept in {log}\n"
    assert "POST /v1/enrolments 201" in log.read_text()


def test_a_collector_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(SetupError) as error, serving(f"sqlite:///{home / 'none.db'}", str(home), 0, print):
        pass
    assert "there is no database" in error.value.advice


def test_a_database_that_is_in_use_is_refused(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(SetupError, match="never runs on one that is in use"):
        run(Wanted(site.database, reports=1), print)


def test_too_few_devices_are_told_before_anything_is_made() -> None:
    with pytest.raises(SetupError, match="5 devices cannot send that much") as error:
        run(Wanted(reports=5_000, devices=5, rate=10), print)
    assert error.value.advice.startswith("Give --devices 28 or more")  # (302 + 5000 + 150) / 198, rounded up


def test_syncs_are_counted_as_strace_counts_them(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        missing("strace is not installed", "apt-get install strace")
    database = Database.at(f"sqlite:///{tmp_path / 'x.db'}")
    with temporary(database) as bench, _site(bench, print) as (served, url):
        offices = _enrolled(bench, served.address, url, 4)
        reports = _signed(served.address, offices, 160)
        trace = tmp_path / "trace"
        watch = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace, "-p", str(served.process.pid)]
        )
        wait_until(lambda: _is_traced(served.process.pid))
        before = bench.syncs()
        outcome = asyncio.run(closed_loop(served.address, reports, 8))
        counted = bench.syncs() - before
        watch.terminate()
        watch.wait(20)
    assert len(outcome.receipts) == 160
    # A call that others overtake stands in two lines, of which one is "resumed".
    seen = [line for line in trace.read_text().splitlines() if re.search(r"\d +(fsync|fdatasync)\(", line)]
    assert counted >= 160 / 8  # no commit holds more than are under way at once
    assert abs(counted - len(seen)) <= 3 + len(seen) / 50  # what the journal was in the middle of, and the log's memory


def _is_traced(pid: int) -> bool:
    """Tell whether somebody traces every thread of a process (proc(5))."""
    states = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return not any("TracerPid:\t0\n" in state for state in states)


def test_the_evidence_is_what_its_description_says(tmp_path: Path) -> None:
    from homecheck.clock import utc_now
    from homecheck.collector.bench.reports import Office

    made = Office("http://127.0.0.1:9", subject="x" * 22, nonce="y" * 75).report(utc_now())
    payload = decode_base64url(made.envelope.split(b".")[1].decode())
    assert 7_500 < len(payload) < 9_500
    assert len(list(Evidence.from_bytes(Verified(payload)).measurements())) == len(ROWS) == 34


def test_the_quantile_is_that_of_the_nearest_rank() -> None:
    assert [_quantile([3.0, 1.0, 2.0, 4.0], share) for share in (0.25, 0.5, 0.99, 1.0)] == [1.0, 2.0, 4.0, 4.0]

"""What the log costs, and whether Go's own checksum database verifies it.

    .venv/bin/python bench/log.py cost [--reports 3000]    what one report costs, and without the log and the result
    .venv/bin/python bench/log.py audit [--reports 2000]   how long verify-log takes
    .venv/bin/python bench/log.py go [--reports 300]       checkpoints and proofs, checked by golang.org/x/mod/sumdb

`go` wants Go and its x/mod sources as Debian packages them: apt-get install golang-go golang-golang-x-mod-dev.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import cast
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))  # `tests` is no package that anybody installs

from homecheck.clock import utc_now
from homecheck.collector import enrolment, intake, results, setup
from homecheck.collector.context import Collector
from homecheck.collector.intake import Upload
from homecheck.collector.log import Log
from homecheck.collector.reception import MOST_TOGETHER
from homecheck.collector.store import log
from homecheck.collector.store import results as result_store
from homecheck.collector.store.arrivals import Waiting, append_all
from homecheck.collector.store.database import Connection, opened
from homecheck.collector.store.log import Appended
from homecheck.collector.store.results import StoredResult
from homecheck.collector.store.writer import MAX_BATCH
from homecheck.evidence import Evidence
from tests.live_collector import Site, set_up
from tests.people import Worker

GOPATH = "/usr/share/gocode"
HERE = Path(__file__).parent


@contextmanager
def collector() -> Iterator[tuple[Site, Collector]]:
    with tempfile.TemporaryDirectory(dir=HERE.parent) as folder:  # /tmp may be memory, whose commits cost nothing
        site = set_up(Path(folder), "http://127.0.0.1:9")
        served = setup.load(site.database)
        served.writer.start()
        try:
            yield site, served
        finally:
            served.writer.stop()
            served.readers.close()


def enrolled(site: Site, served: Collector) -> Worker:
    """Return a worker whose key is enrolled without a socket."""
    intake.MOST_IN_A_SPAN = 10**9  # type: ignore[misc]  # one person sends everything here
    worker = Worker(site.url)
    wanted = enrolment.read_request(worker.enrolment(site.invite("Bench")), site.url)
    done = served.writer.submit(
        lambda db: enrolment.redeem(db, request=wanted, now=utc_now(), source_address="")
    ).result()
    assert isinstance(done, enrolment.Enrolled)
    return worker


def envelopes(worker: Worker, number: int) -> list[tuple[Evidence, bytes]]:
    made = [worker.evidence() for _ in range(number)]
    return [(one, worker.sign(one)) for one in made]


def take_all(served: Collector, uploads: list[tuple[Evidence, bytes]]) -> float:
    """Take uploads in groups as the server does, and return the process's CPU seconds for one of them."""
    begin = time.process_time()
    for at in range(0, len(uploads), MOST_TOGETHER):
        served.writer.submit_all(append_all, waiting(served, uploads[at : at + MOST_TOGETHER])).result()
    return (time.process_time() - begin) / len(uploads)


def waiting(served: Collector, uploads: list[tuple[Evidence, bytes]]) -> list[Waiting]:
    """Return what there is to store of uploads, none of which is refused."""
    found = intake.take_all(served, [Upload(envelope, one.id, "", utc_now()) for one, envelope in uploads])
    assert all(isinstance(one, Waiting) for one in found)
    return cast(list[Waiting], found)


def cost(reports: int) -> None:
    """Print what one report costs, without HTTP and the disk, and the same without the log and without the result.

    The ways take turns, report by report, in one thread and one database: the least of many is what the work takes,
    and the processor's own time is counted, whatever else the machine does.
    """
    with collector() as (site, served), opened(site.database) as db:
        uploads = envelopes(enrolled(site, served), reports * len(WAYS))
        seconds: dict[str, list[float]] = {name: [] for name in WAYS}
        for at in range(0, len(uploads), MAX_BATCH):
            db.execute("BEGIN IMMEDIATE")
            for number, one in enumerate(uploads[at : at + MAX_BATCH], start=at):
                name = list(WAYS)[number % len(WAYS)]
                with WAYS[name]():
                    begin = time.thread_time()
                    append_all(db, waiting(served, [one]))
                    seconds[name].append(time.thread_time() - begin)
            db.execute("COMMIT")
    print("| one report | least | tenth | half | more than that, by the half |\n|---|---|---|---|---|")
    whole = statistics.median(seconds["as it is"])
    for name, found in seconds.items():
        tenths = statistics.quantiles(found, n=10)
        numbers = " | ".join(f"{value * 1e6:.0f} µs" for value in (min(found), tenths[0], tenths[4]))
        more = f"{(whole / tenths[4] - 1) * 100:.1f} %" if name != "as it is" else ""
        print(f"| {name} | {numbers} | {more} |")


@contextmanager
def as_it_is() -> Iterator[None]:
    yield


@contextmanager
def without_log() -> Iterator[None]:
    """Store no entry, prove and sign nothing: receipts as they were before there was a log."""
    with (
        patch.object(log, "append", lambda *_: Appended(next(PLACES), b"", (), b"")),
        patch.object(Log, "proof", lambda *_: None),
        patch.object(intake, "seal", lambda statement, *_: statement[:-1] + b',"log":{"index":1}}'),
    ):
        yield


@contextmanager
def without_result() -> Iterator[None]:
    """Make, sign and store no result beside the receipt."""
    with (
        patch.object(results, "sign", lambda _collector, _db, found: StoredResult(0, found.at, b"")),
        patch.object(result_store, "add", lambda *_: None),
    ):
        yield


PLACES = count(10**9)
WAYS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "as it is": as_it_is, "without the log": without_log, "without the signed result": without_result,
}  # fmt: skip


def walk(reports: int) -> None:
    """Print how long an audit takes."""
    from homecheck.collector.audit import Trusted, audit  # here: `cost` runs where there is no log

    with collector() as (site, served):
        take_all(served, envelopes(enrolled(site, served), reports))
        with opened(site.database) as db:
            begin = time.process_time()
            found = audit(db, Trusted(served.public_keys(), served.log.key))
            seconds = time.process_time() - begin
    assert found.defects == ()
    print(f"{found.size} entries in {seconds:.1f} s of CPU, {seconds / found.size * 1e3:.2f} ms each")


def go(reports: int) -> None:
    """Have Go verify every checkpoint and every entry, under its own checkpoint and under the last."""
    with collector() as (site, served):
        take_all(served, envelopes(enrolled(site, served), reports))
        with opened(site.database) as db:
            given = for_go(db, served)
    done = subprocess.run(
        ["go", "run", str(HERE / "log_go" / "main.go")],
        env={**os.environ, "GO111MODULE": "off", "GOPATH": GOPATH, "GOCACHE": "/tmp/go-cache"},
        input=json.dumps(given),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )
    print(done.stdout, end="")


def for_go(db: Connection, served: Collector) -> dict[str, object]:
    """Return what the program in log_go reads."""
    from homecheck.collector.log import proof_of_growth
    from homecheck.receipt import Receipt, entry_of
    from homecheck.signing import RECEIPT, verify
    from homecheck.tlog_proof import salted_leaf

    keys = served.public_keys().get
    checkpoints, entries, growth = [served.log.checkpoint(db)], [], []
    last = int(checkpoints[0].split("\n")[1])
    for row in db.execute("SELECT position, receipt FROM evidence ORDER BY position").fetchall():
        logged = Receipt.from_bytes(verify(row["receipt"], RECEIPT, keys)).logged
        later = served.log.later_proof(db, row["position"])
        assert logged is not None
        assert later is not None
        leaf = salted_leaf(later.salt, entry_of(row["receipt"], keys))
        for proof, number in ((logged.proof, len(checkpoints)), (later, 0)):
            entries.append(
                {"Checkpoint": number, "Index": proof.index, "Leaf": text(leaf), "Path": [*map(text, proof.path)]}
            )
        path = proof_of_growth(db, logged.checkpoint.size, last)
        assert path is not None
        growth.append({"From": len(checkpoints), "To": 0, "Path": path.split()})
        checkpoints.append(logged.proof.checkpoint)
    return {"Key": served.log.key.vkey, "Checkpoints": checkpoints, "Entries": entries, "Growth": growth}


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "audit", "go"])
    parser.add_argument("--reports", type=int, default=None)
    chosen = parser.parse_args()
    run, reports = {"cost": (cost, 3000), "audit": (walk, 2000), "go": (go, 180)}[chosen.what]
    run(chosen.reports or reports)

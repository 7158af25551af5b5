"""What trying a policy, exporting and inviting cost, on a database made for it: python -m bench.changes PEOPLE

A thousand people at most have a check of their own, with the quantities of the preset voice-standard; the rows of the
others are copies of theirs, for exports alone. Prints time of the clock and of the processor, and memory, of each step.
"""

from __future__ import annotations

import io
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from homecheck.collector import export, mass_invitation, setup
from homecheck.collector.context import Collector
from homecheck.collector.enrolment import Enrolled, read_request, redeem
from homecheck.collector.intake import Upload, take_all
from homecheck.collector.invitation_list import read
from homecheck.collector.mass_invitation import Order, new_token
from homecheck.collector.publishing import publish
from homecheck.collector.store.arrivals import Waiting, append_all
from homecheck.collector.store.database import Connection, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Device
from homecheck.collector.what_if import what_if
from homecheck.evidence import ProbeRun
from homecheck.keys import SoftwareKey
from homecheck.measurement import Measurement, Quantity
from homecheck.policy import load_policy, parse_policy
from homecheck.report.limits import UNITS
from tests.live_collector import PROGRAM, set_up
from tests.people import PASSES, Worker

REAL = 1000
NEAR = {"network.download": 24.0, "network.rtt": 80.0, "network.mos": 4.0}


@contextmanager
def timed(what: str, number: int) -> Iterator[None]:
    begin, cpu = time.perf_counter(), time.process_time()
    yield
    seconds, used = time.perf_counter() - begin, time.process_time() - cpu
    each = f"{1e6 * used / number:8.0f} µs each"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:32}{number:8}  {seconds:8.2f} s  {used:8.2f} s CPU  {each}  {memory:6.0f} MB")


def runs(at: datetime, shift: float) -> tuple[ProbeRun, ...]:
    asked = load_policy("voice-standard").requirements
    numbers = [one.quantity for one in asked if one.quantity in UNITS]
    found = tuple(
        Measurement(
            Quantity(name, UNITS[name], "made up for a bench"), NEAR.get(name, 1.0) * shift, 1.0, details={"n": 9}
        )
        for name in dict.fromkeys(numbers)
    )
    return (ProbeRun("network", "1", at, 16.2, found),)


def main(number: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="homecheck-bench-"))
    site = set_up(folder, "http://127.0.0.1:1")
    collector = setup.load(site.database)
    now = datetime.now(UTC)
    policy = load_policy("voice-standard")
    with opened(site.database) as db, transaction(db):
        publish(db, PROGRAM, policy, "", by=By("bench", ""), now=now)
    lines = "".join(f"Jürgen Müller {one},j{one}@example.com,+4930{one:07},{PROGRAM},de\r\n" for one in range(number))
    data = ("name,email,phone,program,language\r\n" + lines).encode()
    with timed("list read", number):
        found = read(data, [PROGRAM])
    codes: dict[int, str] = {}
    longest = 0.0
    with timed("list invited", number), opened(site.database) as db:
        for step in mass_invitation.steps(found.entries, Order(new_token(), By("bench"), now, timedelta(hours=1))):
            begin = time.perf_counter()
            with transaction(db):
                codes |= step(db)
            longest = max(longest, time.perf_counter() - begin)
    print(f"{'longest transaction of it':32}{'':8}  {longest:8.3f} s")
    with timed("list with addresses", number):
        sum(len(line) for line in mass_invitation.as_csv(found.entries, codes, site.url, now))
    collector.writer.start()
    try:
        real = min(number, REAL)
        with timed("checks taken (for what follows)", real):
            for one, code in enumerate(islice(codes.values(), real)):
                check(collector, code, now, 0.6 + 0.8 * one / real)
    finally:
        collector.writer.stop()
    new = parse_policy(_stricter(), "stricter")
    with opened(site.database) as db:
        with timed("what-if", real):
            print(what_if(collector, db, PROGRAM, policy, new).headline)
        with transaction(db):
            copy(db)
        for kind, form in (("people", "csv"), ("people", "jsonl"), ("people", "parquet"), ("evidence", "csv")):
            file = io.BytesIO()
            with timed(f"export {kind} {form}", number):
                export.write(db, kind, form, file, now=now)
            print(f"{'':34}{len(file.getvalue()) / 1e6:.1f} MB written")


def check(collector: Collector, code: str, now: datetime, shift: float) -> None:
    """Take an enrolment and a check without a socket in between."""
    worker = Worker("http://127.0.0.1:1", PASSES, SoftwareKey.generate())
    request = read_request(worker.enrolment(code), worker.url)
    enrolled = collector.writer.submit(lambda db: redeem(db, request, now=now, source_address="192.0.2.1")).result()
    assert isinstance(enrolled, Enrolled)
    device: Device = enrolled.device
    worker.subject = device.person.id
    evidence = replace(worker.evidence(now=now), runs=runs(now, shift))
    (waiting,) = take_all(collector, [Upload(worker.sign(evidence), evidence.id, "192.0.2.1", now)])
    assert isinstance(waiting, Waiting)
    collector.writer.submit_all(append_all, [waiting]).result()


def copy(db: Connection) -> None:
    """Give everybody without a check copies of somebody else's rows, under positions and digests of their own."""
    columns = (
        "kid, program, seq, received_at, iat, clock_skew, finished_at, freshness, source_address, policy_digest,"
        " policy_name, policy_version, verdict, envelope, receipt"
    )
    others = [row[0] for row in db.execute("SELECT id FROM person WHERE latest IS NULL").fetchall()]
    known = [row[0] for row in db.execute("SELECT position FROM evidence ORDER BY position").fetchall()]
    rows = [
        (10_000_000 + one, f"copy-{one}", f"copy-{one}", person, known[one % len(known)])
        for one, person in enumerate(others)
    ]
    db.executemany(
        f"INSERT INTO evidence (position, digest, id, person, {columns})"
        f" SELECT ?, ?, ?, ?, {columns} FROM evidence WHERE position = ?",
        rows,
    )
    finding = "ordinal, quantity, verdict, severity, explanation, advice, reason, at_fault, trust"
    db.executemany(
        f"INSERT INTO finding (position, {finding}) SELECT ?, {finding} FROM finding WHERE position = ?",
        [(row[0], row[4]) for row in rows],
    )
    db.executemany("UPDATE person SET latest = ? WHERE id = ?", [(row[0], row[3]) for row in rows])


def _stricter() -> str:
    from homecheck.cli.policy import policy_source

    return policy_source("voice-standard").replace("at_least = 10", "at_least = 25", 1)


if __name__ == "__main__":
    main(int(sys.argv[1]))

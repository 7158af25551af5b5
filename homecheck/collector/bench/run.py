"""One bench, step by step, and what it found."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homecheck.clock import utc_now
from homecheck.collector import administration, enrolment, setup
from homecheck.collector.bench.engines import Bench, temporary
from homecheck.collector.bench.load import Address, Outcome, ask, closed_loop, open_loop
from homecheck.collector.bench.reports import PRESET, Office, Report
from homecheck.collector.bench.served import HOST, Served, serving
from homecheck.collector.intake import MOST_IN_A_SPAN
from homecheck.collector.store import evidence
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.errors import HomecheckError, SetupError
from homecheck.listening import listen
from homecheck.policy import load_policy
from homecheck.strict_json import parse_object, serialize

PROGRAM: Final = "bench"
WAVE: Final = 10_000  # reports signed at a time: they are kept in memory, and their challenges end after ten minutes
WARM_UP: Final = 300
OPEN_SECONDS: Final = 15.0
LEAST_OPEN: Final = 150  # reports at a fixed rate: fewer tell nothing about one in a hundred
MOST_OPEN: Final = 20_000
USUAL_DEVICES: Final = 500
LEAST_TIMED: Final = 100
UNIT_LOOPS: Final = 500

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is to be measured. `rate` is that of the open loop in reports a second; None: half of what was found.

    `devices` None: as many as it takes, since a collector takes `MOST_IN_A_SPAN` reports of one in an hour.
    """

    database: Database | None = None
    reports: int = 20_000
    devices: int | None = None
    clients: int = 64
    rate: float | None = None

    def offices(self) -> int:
        """Return how many devices send. SetupError when those that were asked for are too few."""
        total = WARM_UP + 2 + self.reports + self.timed(self.rate or math.inf)
        needed = total // (MOST_IN_A_SPAN - 2) + 1
        if self.devices is not None and self.devices < needed:
            raise SetupError(
                f"{self.devices} devices cannot send that much: a collector takes {MOST_IN_A_SPAN} reports of one in"
                " an hour",
                f"Give --devices {needed} or more, or leave it away.",
            )
        return self.devices or max(needed, min(USUAL_DEVICES, self.reports))

    def timed(self, rate: float) -> int:
        """Return how many reports are sent at a fixed rate."""
        return max(LEAST_OPEN, int(min(MOST_OPEN, self.reports, rate * OPEN_SECONDS)))


@dataclass(frozen=True)
class Measured:
    """What a bench found; times in the names' units.

    `unit_us` is what one Ed25519 check of 10.5 kB and one SHA-256 of 8 kB cost this machine in the same minute:
    `cpu_us_per_report` divided by it can be compared between machines, and between noisy hours of one.
    """

    engine: str
    reports: int
    reports_per_s: float
    cpu_us_per_report: float
    p50_ms: float
    p99_ms: float
    fsyncs_per_report: float
    database_cpu_us_per_report: float
    unit_us: float
    rate: float  # of the open loop
    delivered_per_s: float  # in it
    refused: int
    verified: int  # acknowledged, and found stored once with the same receipt
    memory_mib: tuple[float, float]  # of the collector, before and after the closed loop

    def members(self) -> dict[str, Any]:
        """Return them rounded, as JSON members."""
        return {name: _rounded(value) for name, value in vars(self).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(one) for one in value]
    return round(value, 2) if isinstance(value, float) else value


@dataclass(frozen=True)
class _Saturation:
    outcome: Outcome
    cpu_us: float  # for one report, the database's included
    database_cpu_us: float
    fsyncs: float
    memory_mib: tuple[float, float]

    @property
    def reports_per_s(self) -> float:
        """How many were acknowledged."""
        return len(self.outcome.receipts) / self.outcome.elapsed


def run(wanted: Wanted, say: Say) -> Measured:
    """Measure, verify what was acknowledged, and remove everything again. SetupError names what is in the way."""
    number = wanted.offices()
    with temporary(wanted.database) as bench, _site(bench, say) as (served, url):
        say(f"{bench.engine}: enrolling {number} devices")
        offices = _enrolled(bench, served.address, url, number)
        say(f"{wanted.reports} reports, as fast as {wanted.clients} clients get their answers")
        fast = _saturate(bench, served, offices, wanted, say)
        rate = wanted.rate or fast.reports_per_s / 2
        reports = _signed(served.address, offices, wanted.timed(rate))
        say(f"{len(reports)} reports at {rate:.0f} a second")
        timed = asyncio.run(open_loop(served.address, reports, rate))
        if len(timed.seconds) < LEAST_TIMED:
            raise SetupError(f"the collector took {len(timed.seconds)} reports at that rate", "Choose a lower --rate.")
        verified = _verify(bench, fast.outcome.receipts | timed.receipts)
        return _measured(bench.engine, fast, timed, rate, verified)


def _measured(engine: str, fast: _Saturation, timed: Outcome, rate: float, verified: int) -> Measured:
    half, last = (_quantile(timed.seconds, share) * 1e3 for share in (0.50, 0.99))
    return Measured(
        engine=engine,
        reports=len(fast.outcome.receipts),
        reports_per_s=fast.reports_per_s,
        cpu_us_per_report=fast.cpu_us,
        p50_ms=half,
        p99_ms=last,
        fsyncs_per_report=fast.fsyncs,
        database_cpu_us_per_report=fast.database_cpu_us,
        unit_us=unit_us(),
        rate=rate,
        delivered_per_s=len(timed.receipts) / timed.elapsed,
        refused=fast.outcome.refused.total() + timed.refused.total(),
        verified=verified,
        memory_mib=fast.memory_mib,
    )


def _quantile(seconds: list[float], share: float) -> float:
    """Return the smallest of `seconds` that at least `share` of them do not exceed (nearest rank)."""
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]


@contextmanager
def _site(bench: Bench, say: Say) -> Iterator[tuple[Served, str]]:
    """Set a collector up, as an operator does, and serve it."""
    with listen(HOST, 0, 1) as probe:
        port = probe.getsockname()[1]
    url = f"http://{HOST}:{port}"
    setup.create(bench.database, "Bench", url, utc_now())
    policy = load_policy(PRESET)
    administration.add_program(bench.database, PROGRAM, "Bench", "A measurement.", 180, policy, "bench", utc_now())
    with serving(bench.database.url, str(bench.home), port, say) as served:
        yield served, url


def _enrolled(bench: Bench, address: Address, url: str, number: int) -> list[Office]:
    """Invite and enrol so many home offices, over HTTP as everybody."""
    offices = [Office(url) for _ in range(number)]
    now = utc_now()
    with opened(bench.database) as db, transaction(db):
        codes = [
            enrolment.invite(db, PROGRAM, f"Person {at}", timedelta(hours=1), now=now, by=By("bench"))
            for at in range(number)
        ]
    pairs = zip(offices, codes, strict=True)
    documents = [office.enrolment(code, now) for office, code in pairs]
    requests = [address.request("POST", "/v1/enrolments", "application/jose", one) for one in documents]
    for office, body in zip(offices, _asked(address, requests, 201), strict=True):
        office.subject = parse_object(body)["subject"]
    return offices


def _signed(address: Address, offices: list[Office], number: int) -> list[Report]:
    """Return so many reports, each under a challenge of its device's that was fetched just now."""
    used = offices[: min(number, len(offices))]
    asked = [serialize({"device": office.key.public.kid}) for office in used]
    requests = [address.request("POST", "/v1/challenge", "application/json", one) for one in asked]
    for office, body in zip(used, _asked(address, requests, 200), strict=True):
        office.nonce = parse_object(body)["nonce"]
    made = [used[at % len(used)].report(utc_now()) for at in range(number)]
    offices[:] = offices[len(used) :] + used  # so that all send the same number in the end
    return made


def _asked(address: Address, requests: list[bytes], status: int) -> list[bytes]:
    answers = asyncio.run(ask(address, requests, clients=32))
    if refused := [answer for answer in answers if answer[0] != status]:
        raise SetupError(f"the collector to be measured refused its set-up: {refused[0][1].decode()[:300]}")
    return [body for _, body in answers]


def _saturate(bench: Bench, served: Served, offices: list[Office], wanted: Wanted, say: Say) -> _Saturation:
    """Send all reports in waves; the clocks stand still while a wave is signed."""
    asyncio.run(closed_loop(served.address, _signed(served.address, offices, WARM_UP), wanted.clients))
    outcome, cpu, database_cpu = Outcome(), 0.0, 0.0
    syncs, memory = _syncs(bench, served, offices), served.memory_mib()
    while (left := wanted.reports - outcome.answers) > 0:
        reports = _signed(served.address, offices, min(left, WAVE))
        before, before_database = served.cpu_seconds(), bench.cpu_seconds()
        outcome.add(asyncio.run(closed_loop(served.address, reports, wanted.clients)))
        cpu += served.cpu_seconds() - before
        database_cpu += bench.cpu_seconds() - before_database
        if wanted.reports > WAVE:
            say(f"{len(outcome.receipts)} stored, the collector uses {served.memory_mib():.0f} MiB")
    number = len(outcome.receipts)
    if number == 0:
        raise SetupError("the collector took none of the reports", f"It answered {dict(outcome.refused)}.")
    memory_after = served.memory_mib()
    per_report = (_syncs(bench, served, offices) - syncs) / (number + 1)
    microseconds = [seconds / number * 1e6 for seconds in (cpu + database_cpu, database_cpu)]
    return _Saturation(outcome, microseconds[0], microseconds[1], per_report, (memory, memory_after))


def _syncs(bench: Bench, served: Served, offices: list[Office]) -> int:
    """Return the count of the disk's turns, after one more report that makes a server tell it."""
    bench.settle()
    asyncio.run(closed_loop(served.address, _signed(served.address, offices, 1), 1))
    return bench.syncs()


def _verify(bench: Bench, receipts: dict[str, bytes]) -> int:
    """Return how many of the acknowledged reports are stored, each once and with the receipt that was given for it."""
    with opened(bench.database) as db:
        total, different = db.execute("SELECT COUNT(*), COUNT(DISTINCT digest) FROM evidence").fetchone()
        lost = [name for name, receipt in receipts.items() if evidence.receipt_of(db, name) != receipt]
    if lost or total != different:
        raise HomecheckError(
            f"{len(lost)} acknowledged reports are not stored with their receipts, {total - different} stand twice",
            "That is a defect of homecheck: please report it, with this database engine and disk.",
        )
    return len(receipts)


def unit_us() -> float:
    """Return the processor time of a fixed unit of work: OpenSSL's Ed25519 check of 10.5 kB, a SHA-256 of 8 kB."""
    key, message, payload = Ed25519PrivateKey.generate(), bytes(10_500), bytes(8_000)
    public, signature = key.public_key(), key.sign(message)
    begin = time.process_time()
    for _ in range(UNIT_LOOPS):
        public.verify(signature, message)
        hashlib.sha256(payload).digest()
    return (time.process_time() - begin) / UNIT_LOOPS * 1e6

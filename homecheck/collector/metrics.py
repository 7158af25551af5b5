"""Numbers for Prometheus: what this process has done, and what the database holds at the moment of the question.

Of a request, only the pattern of its address is counted (``/invite/{code}``), never the address: no secret and no
person can stand in a metric. With several processes, prometheus-client's folder PROMETHEUS_MULTIPROC_DIR joins them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector as Source

from homecheck.collector.certificate import days_left
from homecheck.collector.metrics_joined import FOLDER
from homecheck.collector.store import figures
from homecheck.collector.store.database import Connection
from homecheck.collector.store.failures import NotStored
from homecheck.errors import SetupError

UPLOAD: Final = "/v1/evidence/{id}"
OUTCOMES: Final = {201: "stored", 200: "known"}
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCHES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
STALE: Final = "stale-nonce"
TOO_MANY: Final = 429


@dataclass
class Metrics:
    """What one process counts; each has a registry of its own, so that two collectors in one process do not mix."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        mine = self.registry
        self._counters: dict[tuple[str, str, int, str], Callable[[float], None]] = {}
        self._requests = Counter(
            "homecheck_requests", "Requests by address pattern.", ("method", "route", "status"), registry=mine
        )
        self._seconds = Histogram(
            "homecheck_request_seconds", "Time to the answer.", ("route",), buckets=SECONDS, registry=mine
        )
        self._uploads = Counter(
            "homecheck_uploads", "Uploads: stored, known, refused (and why).", ("outcome", "reason"), registry=mine
        )
        self._stale = Counter(
            "homecheck_challenge_failures", "Requests whose challenge was too old or not theirs.", registry=mine
        )
        self._slowed = Counter("homecheck_slowed", "Requests answered with 429.", ("reason",), registry=mine)
        self._batch = Histogram("homecheck_commit_batch", "Pieces in one commit.", buckets=BATCHES, registry=mine)
        self._commit = Histogram("homecheck_commit_seconds", "Time of one commit.", buckets=SECONDS, registry=mine)

    def request(self, method: str, route: str, status: int, reason: str, seconds: float) -> None:
        """Count one request that was answered; `reason` names the problem, empty for none."""
        key = method, route, status, reason
        count = self._counters.get(key)
        if count is None:
            count = self._counters[key] = self._counter(*key)
        count(seconds)
        if reason == STALE:
            self._stale.inc()

    def _counter(self, method: str, route: str, status: int, reason: str) -> Callable[[float], None]:
        """Return what counts requests like this one: finding it by its labels takes longer than counting."""
        counters = [self._requests.labels(method, route, status)]
        if route == UPLOAD:
            outcome = OUTCOMES.get(status, "refused" if status < 500 else "failed")
            why = "" if outcome in OUTCOMES.values() else reason or str(status)
            counters.append(self._uploads.labels(outcome, why))
        if status == TOO_MANY:
            counters.append(self._slowed.labels(reason))
        taken = self._seconds.labels(route)

        def count(seconds: float) -> None:
            for counter in counters:
                counter.inc()
            taken.observe(seconds)

        return count

    def commit(self, pieces: int, seconds: float) -> None:
        """Count one commit of the writer."""
        self._batch.observe(pieces)
        self._commit.observe(seconds)

    def text(self, now: State) -> bytes:
        """Return everything in Prometheus' text format."""
        joined = self.registry
        if os.environ.get(FOLDER):
            joined = CollectorRegistry()
            MultiProcessCollector(joined)  # type: ignore[no-untyped-call] # the package leaves it untyped
        return generate_latest(joined) + generate_latest(now)


@dataclass
class State(Source):
    """What is so at the moment of the question: `waiting` tells how many pieces wait for the writer.

    While the database is away its numbers are left out and all others told: that is when somebody looks at them.
    """

    connect: Callable[[], Connection]
    now: datetime
    waiting: Callable[[], int]
    certificate: Path | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics, as prometheus-client asks for them."""
        yield GaugeMetricFamily("homecheck_waiting_writes", "Pieces that wait for the writer.", self.waiting())
        if self.certificate is not None:
            yield self._certificate(self.certificate)
        stored: list[GaugeMetricFamily] = []
        with suppress(NotStored):
            stored = list(_stored(self.connect(), self.now))
        up = GaugeMetricFamily("homecheck_database_up", "Whether the database told the numbers of it.", bool(stored))
        yield from (up, *stored)

    def _certificate(self, file: Path) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily("homecheck_certificate_days", "Days until the TLS certificate ends.")
        with suppress(SetupError):  # a metric that is absent raises the alarm; a number that is not so would hide it
            gauge.add_metric((), days_left(file, self.now))
        return gauge


def _stored(db: Connection, now: datetime) -> Iterator[GaugeMetricFamily]:
    people = GaugeMetricFamily("homecheck_people", "People by latest verdict.", labels=("program", "verdict"))
    for program, verdict, number in figures.people(db):
        people.add_metric((program, verdict), number)
    yield people
    overdue = GaugeMetricFamily("homecheck_overdue_rechecks", "People whose check is due.", labels=("program",))
    for program, number in figures.overdue(db, now):
        overdue.add_metric((program,), number)
    yield overdue
    yield GaugeMetricFamily("homecheck_log_entries", "Entries of the log.", figures.log_size(db))
    done = GaugeMetricFamily("homecheck_last_done_seconds", "When it was last done (Unix).", labels=("what",))
    for what, at in figures.last_done(db):
        done.add_metric((what,), at)
    yield done

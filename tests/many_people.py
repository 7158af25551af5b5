"""Rows of very many people, made without measuring or signing anything: for how long pages take, and how they look up.

Everything is drawn from the number of a report, so that each run makes the same: its person, its home, its findings.
Receipts and envelopes are bytes of the usual length and nothing else; the log is a real one, of made-up statements.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import requests

from homecheck.collector import administration, list_place
from homecheck.collector.store import log, months, tally
from homecheck.collector.store.connection import Connection, marks, transaction
from homecheck.collector.store.database import opened
from homecheck.collector.store.events import Event, add_all
from homecheck.collector.store.months import month_of
from homecheck.collector.store.postgres import PostgresConnection
from homecheck.collector.store.roster import ORDERS
from homecheck.keys import SoftwareKey
from homecheck.policy import load_policy
from homecheck.standards.rfc_3339 import to_text
from tests.live_collector import PROGRAM, Site

DAYS: Final = 180  # over which the reports lie
DAY: Final = 86_400
FINDINGS: Final = 20
PERIOD: Final = 1_000  # after so many reports verdicts repeat
ENVELOPE_BYTES: Final = 1_900  # compressed
RECEIPT_BYTES: Final = 1_000
AT_ONCE: Final = 10_000
CHECKS: Final = 30  # of the person who is real
PROGRAMS: Final = 8
RETENTION_DAYS: Final = 400
SECONDS: Final = 300
REGIONS: Final = [f"{country}-{part}" for country in ("SE", "ES", "US", "PH", "IN", "ZA") for part in range(12)]
SYSTEMS: Final = ("Windows 11", "Windows 10", "Darwin 24.6.0", "Darwin 23.5.0", "Linux 6.8.0", "Linux 6.1.0")
VERSIONS: Final = ("1.4.0", "1.3.2", "1.2.0", "1.1.0")
LINKS: Final = ("ethernet", "ethernet", "wifi", "cellular")
WORDS: Final = ("fail", "inconclusive", "warn", "pass")
FAR: Final = 104_729  # primes: they part the findings of a report, and the reports
NEAR: Final = 7_919

_FINDINGS: Final = f"""
INSERT INTO finding
    (position, ordinal, quantity, verdict, severity, explanation, advice, reason, at_fault, trust, month)
SELECT position, ordinal, quantity, CASE WHEN drawn < 5 THEN 'fail' WHEN drawn < 15 THEN 'inconclusive'
    WHEN drawn < 40 THEN 'warn' ELSE 'pass' END, 'required', explanation, advice, reason, NULL, 'self-reported', ?
FROM (SELECT evidence.position, model.*, (evidence.seq * {NEAR} + model.ordinal * {FAR}) % {PERIOD} AS drawn
      FROM evidence CROSS JOIN model WHERE evidence.position BETWEEN ? AND ?) AS made
"""
_CONCERNS: Final = """
INSERT INTO concern (person, program, received, quantity, verdict, margin)
SELECT person.id, person.program, person.received, quantity, verdict,
    CASE WHEN verdict = 'pass' OR (position + ordinal) % 5 = 0 THEN 0.05 END
FROM person JOIN finding ON finding.position = person.latest
WHERE person.folded LIKE 'made-up %' AND (verdict <> 'pass' OR (position + ordinal) % 25 = 0)
"""


@dataclass(frozen=True)
class Many:
    """So many people, and checks of theirs up to `end`; a tenth more people are invited and were never checked."""

    people: int
    reports: int
    end: datetime
    programs: Sequence[str]

    @cached_property
    def worst(self) -> list[int]:
        """The rank of each report, by its number within the period."""
        return [
            min(_rank((number * NEAR + ordinal * FAR) % PERIOD) for ordinal in range(FINDINGS))
            for number in range(PERIOD)
        ]

    def received(self, report: int) -> datetime:
        """Return when a report came: they are spread evenly."""
        return self.end - timedelta(days=DAYS) * ((self.reports - report) / self.reports)

    def program(self, person: int) -> str:
        """Return the program of a person."""
        return self.programs[person % len(self.programs)]

    def last(self, person: int) -> int:
        """Return the number of somebody's last report."""
        return person + (self.reports - 1 - person) // self.people * self.people

    def evidence(self, report: int, position: int) -> tuple[object, ...]:
        """Return the row of a report."""
        at, person = self.received(report), report % self.people
        milliseconds = f"{int(at.timestamp() * 1000):012x}"
        digest = hashlib.sha256(b"%d" % report)
        envelope = digest.digest() * (ENVELOPE_BYTES // 32)
        return (
            position, f"sha256:{digest.hexdigest()}", f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-{report:012x}",
            f"key-{person}", self.program(person), f"person-{person}", report, to_text(at), int(at.timestamp()), 0.2,
            to_text(at), "measured", "192.0.2.1", "sha256:0", "voice", "1", WORDS[self.worst[report % PERIOD]],
            envelope, envelope[:RECEIPT_BYTES],
        )  # fmt: skip

    def person(self, person: int, first: int) -> tuple[object, ...]:
        """Return the row of a person; `first` is the place in the log of the first report."""
        name, number = f"Made-up {person:07}", person * NEAR
        common = (f"person-{person}", self.program(person), name, name.casefold(), to_text(self.received(0)))
        if person >= self.people:
            return (*common, None, 4, None, None, None, "", "", "", "", None)
        last = self.last(person)
        rank, at = self.worst[last % PERIOD], int(self.received(last).timestamp())
        return (
            *common, first + last, rank, at, at + 30 * DAY, None if rank else at, LINKS[number % 4],
            REGIONS[number % 71], SYSTEMS[number % 6], VERSIONS[number % 3], number % 24,
        )  # fmt: skip


def _rank(drawn: int) -> int:
    return 0 if drawn < 5 else 1 if drawn < 15 else 2 if drawn < 40 else 3


class _Copying(PostgresConnection):
    """Takes rows by COPY: many times as fast as a statement for each, or for some."""

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Copy what a plain INSERT would insert."""
        found = re.fullmatch(r"INSERT INTO (\w+(?: \([\w, ]+\))?) VALUES \([?, ]+\)", sql)
        if found is None:
            super().executemany(sql, rows)
            return
        with self.raw.cursor() as cursor, cursor.copy(f"COPY {found[1]} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)


def _insert(db: Connection, into: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        db.executemany(f"INSERT INTO {into} VALUES ({marks(rows[0])})", rows)


def fill(db: Connection, many: Many) -> None:
    """Make all rows, in transactions of some thousand."""
    if isinstance(db, PostgresConnection):
        db = _Copying(db.raw, db.pulse)
        db.execute("SET session_replication_role = replica")  # each row's keys are there: nobody looks them up again
        db.execute("SET synchronous_commit = off")  # the last statement waits for the disk
    _fill(db, many)
    if isinstance(db, PostgresConnection):
        db.execute("RESET session_replication_role")
        db.execute("RESET synchronous_commit")
        db.execute("VACUUM ANALYZE")  # as the server does by itself; of SQLite nobody asks it in service


def _fill(db: Connection, many: Many) -> None:
    first = log.state(db)[0]
    everybody = range(many.people + many.people // 10)
    _model(db)
    _months(db, many)
    jwk = SoftwareKey.generate().public.jwk()
    for some in _some(everybody):
        with transaction(db):
            _insert(db, f"person ({_PERSON})", [many.person(one, first) for one in some])
            _insert(db, f"device ({_DEVICE})", [_device(many, one, str(jwk).replace("'", '"')) for one in some])
            invited = [one for one in some if one >= many.people]
            _insert(db, f"invite ({_INVITE})", [_invite(many, one) for one in invited])
            excepted = [one for one in some if one % 20 == 0]
            _insert(db, f"waiver ({_WAIVER})", [_waiver(many, one) for one in excepted])
    for some in _some(range(many.reports)):
        with transaction(db):
            _reports(db, many, some)
    for some in _some(range(many.reports // 5)):
        with transaction(db):
            add_all(db, [_event(many, one) for one in some])
    with transaction(db):
        db.execute(_CONCERNS)
        db.execute(_LATEST)
        tally.recount(db)


_LATEST: Final = "INSERT INTO device_latest SELECT kid, MAX(position) FROM evidence WHERE kid LIKE 'key-%' GROUP BY kid"
_PERSON: Final = (
    "id, program, name, folded, created_at, latest, rank, received, due, failing_since, link, region, system,"
    " software, hour"
)
_DEVICE: Final = "kid, jwk, program, person, software, key_store, enrolment, enrolled_at, source_address"
_INVITE: Final = "code_sha256, program, person, created_at, created_by, expires_at"
_WAIVER: Final = "id, program, person, quantity, reason, approved_by, approved_at, starts_at, expires_at"


def _model(db: Connection) -> None:
    """Make the table of what each report is asked: the first requirements of a shipped policy."""
    asked = {one.quantity: one for one in load_policy("voice-standard").requirements}
    rows = [
        (ordinal, quantity, f"{quantity} is as it should be, within its uncertainty", "Ask IT.", "Calls need it.")
        for ordinal, quantity in enumerate(list(asked)[:FINDINGS])
    ]
    assert len(rows) == FINDINGS
    db.execute("CREATE TEMP TABLE model (ordinal bigint, quantity text, explanation text, advice text, reason text)")
    _insert(db, "model", rows)


def _months(db: Connection, many: Many) -> None:
    if isinstance(db, PostgresConnection):
        moments = [many.end - timedelta(days=day) for day in range(DAYS + 1)]
        for month in sorted({moment.year * 100 + moment.month for moment in moments}):
            with transaction(db):
                months.make(db.execute, month)


def _reports(db: Connection, many: Many, some: range) -> None:
    first = log.append_all(db, log.RECEIPT, [b"%d" % report for report in some])
    rows = [many.evidence(report, first + number) for number, report in enumerate(some)]
    _insert(db, "evidence", rows)
    by_month: dict[int, list[Any]] = {}
    for row in rows:
        by_month.setdefault(month_of(str(row[2])), []).append(row[0])
    for month, positions in by_month.items():
        db.execute(_FINDINGS, (month, positions[0], positions[-1]))


def _device(many: Many, person: int, jwk: str) -> tuple[object, ...]:
    at = to_text(many.received(0))
    return (f"key-{person}", jwk, many.program(person), f"person-{person}", "homecheck", "file", b"", at, "192.0.2.1")


def _invite(many: Many, person: int) -> tuple[object, ...]:
    ends = many.end + timedelta(days=3 if person % 2 else -3)
    return (f"code-{person}", many.program(person), f"person-{person}", to_text(many.end), "ada", to_text(ends))


def _waiver(many: Many, person: int) -> tuple[object, ...]:
    at, ends = to_text(many.received(0)), to_text(many.end + timedelta(days=person % 60 - 30))
    return (
        f"waiver-{person}", many.program(person), f"person-{person}", "network.loss", "a test", "ada", at, at, ends,
    )  # fmt: skip


def _event(many: Many, number: int) -> Event:
    at = many.received(number * 5)
    kind = ("invited", "phone-changed", "waiver-added", "key-revoked")[number % 4]
    person = number % many.people
    return Event(
        at, kind, False, "ada", "192.0.2.1", f"about-{number}", "a test", many.program(person), f"person-{person}"
    )


def _some(numbers: range) -> Iterator[range]:
    return (numbers[at : at + AT_ONCE] for at in range(0, len(numbers), AT_ONCE))


def add_programs(site: Site) -> list[str]:
    """Add some programs and return the ids of all."""
    policy = load_policy("voice-standard")
    ids = [f"line-{number}" for number in range(PROGRAMS - 1)]
    for one in ids:
        administration.add_program(
            site.database, one, one, "To see.", RETENTION_DAYS, policy, "a test", datetime.now(UTC)
        )
    with opened(site.database) as db:
        db.execute("UPDATE program SET retention_days = ?", (RETENTION_DAYS,))
    return [PROGRAM, *ids]


def real_person(site: Site) -> str:
    """Return the id of somebody whose checks are signed."""
    worker = site.worker()
    for number in range(CHECKS):
        moment = datetime.now(UTC) - timedelta(seconds=CHECKS - number)
        worker.upload(worker.evidence(worker.challenge(), now=moment)).raise_for_status()
    return str(worker.subject)


def addresses(site: Site, browser: requests.Session, person: str) -> dict[str, str]:
    """Return the address of every page that reads what grows."""
    html = browser.get(f"{site.url}/people/{person}", timeout=SECONDS).text
    digest = re.search(r'href="(/evidence/sha256:[0-9a-f]+)"', html)
    device = re.search(r'href="(/devices/[^"/]+)"', html)
    following = re.search(r'<a href="([^"]+)" rel="next">', browser.get(site.url, timeout=SECONDS).text)
    assert digest
    assert device
    assert following
    lists = {
        "verdict": "verdict=fail", "program": f"program={PROGRAM}", "both": f"program={PROGRAM}&verdict=fail",
        "unchecked": "verdict=none", "passed": "verdict=pass", "overdue": "state=overdue", "waiting": "state=waiting",
        "lapsed": "state=lapsed", "waived": "state=waived", "overdue and failed": "state=overdue&verdict=fail",
        "name": "name=0001234", "name of many": "name=made-up",
        "quantity": "quantity=network.loss&outcome=fail", "warned": "quantity=network.loss&outcome=warn",
        "near": "quantity=network.loss&outcome=near",
        "region": "region=SE", "part of a region": "region=SE-3", "link": "link=wifi", "hour": "hour=9",
        "system": "system=Linux+6.1.0", "version": "software=1.3.2", "link and region": "link=wifi&region=SE",
        "days": "days=7", "90 days": "days=90", "by name": "sort=name", "by failing": "sort=failing",
        "by due": "sort=due", "by latest": "sort=latest", "program by due": f"program={PROGRAM}&sort=due",
        "program by name": f"program={PROGRAM}&sort=name", "program by latest": f"program={PROGRAM}&sort=latest",
        "program by failing": f"program={PROGRAM}&sort=failing", "verdict by due": "verdict=fail&sort=due",
        "region by due": "region=SE&sort=due", "link by name": "link=cellular&sort=name",
    }  # fmt: skip
    return {
        "people": "/",
        "people, the next page": following[1].replace("&amp;", "&"),
        "people, a page in the middle": f"/?sort=name&behind={_middle(site, 'name')}",
        "people, by due, in the middle": f"/?sort=due&behind={_middle(site, 'due')}",
        **{f"people, {name}": f"/?{query}" for name, query in lists.items()},
        "fleet": "/fleet",
        "fleet of a program": f"/fleet?program={PROGRAM}",
        **{f"fleet of {days} days": f"/fleet?days={days}" for days in (7, 30, 90)},
        "fleet of a program, 90 days": f"/fleet?program={PROGRAM}&days=90",
        "a person": f"/people/{person}",
        "a person of many": "/people/person-5",
        "a person's waivers": f"/people/{person}/waivers",
        "a check": digest[1],
        "a check's proof": f"{digest[1]}/proof",
        "a device key": device[1],
        "events": "/events",
        "events, in the middle": "/events?before=100000",
        "events of a kind": "/events?kind=invited",
        "events of a program": f"/events?program={PROGRAM}",
        "events of a program and kind": f"/events?program={PROGRAM}&kind=phone-changed",
        "events of an actor": "/events?actor=nobody",
        "events of a day": f"/events?since={_days_ago(60)}&until={_days_ago(59)}",
        "events before all": "/events?until=2001-01-01",
        "security events": "/events?security=1",
        "waivers": "/waivers",
        "all waivers": "/waivers?all=1",
        "calls": "/calls",
        "programs": "/programs",
        "a program": f"/programs/{PROGRAM}",
        "metrics": "/metrics",
    }


def requests_of_programs(person: str, limit: int) -> dict[str, str]:
    """Return the addresses of the administration API that read what grows."""
    return {
        "API: people": f"/v1/admin/people?limit={limit}",
        "API: people by due": f"/v1/admin/people?sort=due&limit={limit}",
        "API: people of a program": f"/v1/admin/people?program={PROGRAM}&limit={limit}",
        "API: counts": "/v1/admin/counts",
        "API: counts of a link": "/v1/admin/counts?link=wifi",
        "API: evidence": f"/v1/admin/evidence?limit={limit}",
        "API: evidence of a program": f"/v1/admin/evidence?program={PROGRAM}&limit={limit}",
        "API: evidence, in the middle": f"/v1/admin/evidence?program={PROGRAM}&before=500000&limit={limit}",
        "API: evidence of a person": f"/v1/admin/evidence?person={person}&limit={limit}",
        "API: fleet": "/v1/admin/fleet?days=30",
        "API: events": f"/v1/admin/events?limit={limit}",
        "API: waivers": f"/v1/admin/waivers?limit={limit}",
        "API: invites": f"/v1/admin/invites?limit={limit}",
    }


def _middle(site: Site, sort: str) -> str:
    """Return where a page in the middle of the list begins."""
    columns = ", ".join(ORDERS[sort].columns)
    with opened(site.database) as db:
        (many,) = db.execute("SELECT COUNT(*) FROM person").fetchone()
        sql = f"SELECT {columns} FROM person WHERE {ORDERS[sort].known} ORDER BY {columns} LIMIT 1 OFFSET ?"
        return list_place.to_text(tuple(db.execute(sql, (many // 2,)).fetchone()))


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()

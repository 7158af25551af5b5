"""Judging once more: the latest evidence of everybody in a program, by the policy of today.

The envelope and its receipt stay as they are. A new signed result is put beside the older ones, and lists show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from homecheck.appraisal import Verdict
from homecheck.collector import results, setup
from homecheck.collector.context import Collector
from homecheck.collector.intake import judge
from homecheck.collector.overview import overview
from homecheck.collector.results import Appraised
from homecheck.collector.store import events, people, programs
from homecheck.collector.store import evidence as evidence_store
from homecheck.collector.store import results as store
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import Event
from homecheck.collector.store.people import Person
from homecheck.receipt import Freshness
from homecheck.result import verify_result


@dataclass(frozen=True)
class Rejudged:
    """What became of one person's latest evidence; `before` and `after` are equal where something else changed."""

    person: Person
    before: Verdict
    after: Verdict
    changed: bool


def reappraise(database: Database, program: str, by: str, now: datetime) -> Iterator[Rejudged]:
    """Judge the latest evidence of each person of `program`, one transaction each, so that nobody waits for all.

    SetupError when there is no such program; Refused for evidence that is no longer what was received.
    """
    collector = setup.load(database)
    with opened(database) as db:
        programs.get(db, program)
        for person, digest in people.with_evidence(db, program):
            with transaction(db):
                found = _again(collector, db, digest, by, now)
            yield Rejudged(person, *found)


def _again(collector: Collector, db: Connection, digest: str, by: str, now: datetime) -> tuple[Verdict, Verdict, bool]:
    stored = evidence_store.find(db, digest)
    if stored is None:
        raise LookupError(f"the evidence {digest} has gone meanwhile")
    latest = results.current(db, collector, stored)
    before = verify_result(latest.document, collector.public_keys().get)
    evidence = results.evidence_in(db, stored)
    judged = judge(collector, db, evidence, stored.person.program, digest)
    found = judged.result
    if found == before.findings:
        return before.findings.verdict, found.verdict, False
    freshness = cast(Freshness, stored.summary.freshness)
    appraised = Appraised(evidence, stored.person, before.received_at, freshness, found, latest.number + 1, now)
    store.add(db, stored.summary.position, results.sign(collector, db, appraised))
    shown = overview(evidence, judged.policy, judged.verdicts, before.received_at, judged.seen)
    evidence_store.judged_again(db, stored, found, judged.checks, shown)
    detail = f"{before.findings.verdict.word} to {found.verdict.word}, by {found.policy_name} {found.policy_version}"
    who = stored.person
    events.add(db, Event(now, "judged-again", False, by, "", digest, detail, who.program, who.id))
    return before.findings.verdict, found.verdict, True

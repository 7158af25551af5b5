"""Having people whose last check was deleted stand by the newest that is left, as its envelope tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from homecheck.collector.overview import Overview, overview
from homecheck.collector.results import evidence_in
from homecheck.collector.store import evidence as evidence_store
from homecheck.collector.store import findings as signed_findings
from homecheck.collector.store import overview as overviews
from homecheck.collector.store import people, programs, tally
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import with_other_checks
from homecheck.founded import observed

__all__ = ["stand_by_what_is_left", "with_other_checks"]


def stand_by_what_is_left(db: Connection, whose: Sequence[str]) -> None:
    """Have people stand by the checks that are left, inside a transaction; as never checked, where none is."""
    tally.leave(db, whose)
    overviews.forget_all(db, whose)
    checked = people.checked(db, whose)
    with tally.kept(db, checked):
        for one in checked:
            _stand_again(db, one)


def _stand_again(db: Connection, person_id: str) -> None:
    digest = people.latest_evidence(db, person_id)
    who = people.person(db, person_id)
    if digest is None or who is None:
        return
    shown = _shown(db, digest)
    for verdict, received_at in evidence_store.verdicts_of(db, person_id):  # in all of them: since when somebody fails
        overviews.put(db, who, replace(shown, verdict=verdict, received_at=received_at))


def _shown(db: Connection, digest: str) -> Overview:
    """Return what lists show of evidence, by the policy that it was judged by. Refused where it is not as received."""
    stored = evidence_store.find(db, digest)
    if stored is None:
        raise LookupError(f"the evidence {digest} has gone meanwhile")
    program = stored.person.program
    now = programs.get(db, program).policy
    policy = programs.policy_by_digest(db, program, stored.policy_digest) or now
    evidence = evidence_in(db, stored)
    result = signed_findings.newest(db, stored.summary.position)
    verdicts = [(one.quantity, one.verdict) for one in result.findings]
    responders = {one.key.kid: one.key for one in programs.responders(db)}
    found = overview(evidence, policy, verdicts, stored.summary.received_at, observed(evidence, responders.get))
    return replace(found, recheck=now.recheck_every())

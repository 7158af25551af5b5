"""Waivers and proposals against the events in the log: who has only the database can except nobody unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector import proposals, waivers
from homecheck.collector.audit_defect import Defect
from homecheck.collector.store import proposals as proposal_store
from homecheck.collector.store import waivers as store
from homecheck.collector.store.database import Connection, Row
from homecheck.collector.store.people import Person
from homecheck.collector.store.proposals import Proposal
from homecheck.collector.store.waivers import Waiver
from homecheck.standards.rfc_3339 import to_text

_EVENTS: Final = "SELECT about, actor, at, program, person, detail FROM event WHERE kind = ? AND position IS NOT NULL"


@dataclass(frozen=True)
class _Standing:
    """A row as events should tell of it: by whom and when it was made, about whom, what it says, and how it ended."""

    id: str
    who: Person
    by: str
    at: datetime
    statement: str
    end: str


def unlike_their_events(db: Connection) -> Iterator[Defect]:
    """Yield the waivers that no event tells of, that say something else than theirs, and those that are gone."""
    revoked = _told(db, "waiver-revoked")
    rows = (
        _Standing(one.id, one.person, one.approved_by, one.approved_at, waivers.statement(one), _end(one))
        for one in store.each(db)
    )
    ends = ("revoked", lambda name: _end_told(revoked.get(name)))
    yield from _unlike("waiver", "approved", rows, _told(db, "waiver-granted"), ends)


def proposals_unlike_their_events(db: Connection) -> Iterator[Defect]:
    """Yield the proposals that no event tells of, that say something else than theirs, and those that are gone."""
    declined, granted = _told(db, proposals.DECLINED), _told(db, "waiver-granted")
    rows = (
        _Standing(one.id, one.person, one.proposed_by, one.proposed_at, proposals.statement(one), _decision(one))
        for one in proposal_store.each(db)
    )
    ends = ("decided", lambda name: _decision_told(granted.get(name), declined.get(name)))
    yield from _unlike("proposal", "proposed", rows, _told(db, proposals.PROPOSED), ends)


def _told(db: Connection, kind: str) -> dict[str, Row]:
    return {row["about"]: row for row in db.execute(_EVENTS, (kind,))}


def _unlike(
    kind: str, verb: str, rows: Iterable[_Standing], made: dict[str, Row], ends: tuple[str, Callable[[str], str]]
) -> Iterator[Defect]:
    ended, end_told = ends
    for one in rows:
        name = f"{kind} {one.id}"
        event = made.pop(one.id, None)
        if event is None:
            yield Defect("inserted", name, f"no event in the log tells that anybody {verb} it")
            continue
        said = (event["actor"], event["at"], event["program"], event["person"], event["detail"])
        if said != (one.by, to_text(one.at), one.who.program, one.who.id, one.statement):
            yield Defect("changed", name, f"the event in the log says: {event['detail']}, by {event['actor']}")
        if one.end != (told := end_told(one.id)):
            yield Defect("changed", name, f"{ended}: the row says {one.end}, the log says {told}")
    for missing in made:
        yield Defect("removed", f"{kind} {missing}", "an event tells of it, and it is not there")


def _decision(one: Proposal) -> str:
    if one.decision is None or one.decided_at is None:
        return "not yet"
    reason = f", {one.quantity}: {one.decision_reason}" if one.decision == "declined" else ""
    return f"{one.decision}, {to_text(one.decided_at)}, by {one.decided_by}{reason}"


def _decision_told(granted: Row | None, declined: Row | None) -> str:
    if granted is not None:
        return f"approved, {granted['at']}, by {granted['actor']}"
    return (
        "not yet" if declined is None else f"declined, {declined['at']}, by {declined['actor']}, {declined['detail']}"
    )


def _end(one: Waiver) -> str:
    if one.revoked_at is None:
        return "never"
    return f"{to_text(one.revoked_at)}, by {one.revoked_by}, {one.quantity}: {one.revoked_reason}"


def _end_told(event: Row | None) -> str:
    return "never" if event is None else f"{event['at']}, by {event['actor']}, {event['detail']}"

"""The table of proposed exceptions. A proposal changes nothing about any verdict: only a waiver does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from homecheck.collector.store.connection import Connection, Row, one_or_none
from homecheck.collector.store.people import Person
from homecheck.collector.store.scope import Scope
from homecheck.standards.rfc_3339 import from_text, to_text

Decision = Literal["approved", "declined"]
State = Literal["waiting", "approved", "declined", "lapsed"]


@dataclass(frozen=True)
class Proposal:
    """What somebody has proposed, and what became of it."""

    id: str
    person: Person
    quantity: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    starts_at: datetime
    expires_at: datetime
    decision: Decision | None = None
    decided_by: str = ""
    decided_at: datetime | None = None
    decision_reason: str = ""

    def state(self, now: datetime) -> State:
        """Return what became of it; one that nobody has decided lapses when it would have ended."""
        if self.decision is not None:
            return self.decision
        return "waiting" if now < self.expires_at else "lapsed"

    @property
    def last_day(self) -> date:
        """The last day on which it would count, in UTC."""
        return (self.expires_at - timedelta(milliseconds=1)).date()


_PROPOSAL: Final = (
    "SELECT proposal.*, person.name AS person_name FROM proposal JOIN person ON person.id = proposal.person"
)


def add(db: Connection, one: Proposal) -> None:
    """Store a new proposal."""
    db.execute(
        "INSERT INTO proposal (id, program, person, quantity, reason, proposed_by, proposed_at, starts_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.person.program, one.person.id, one.quantity, one.reason, one.proposed_by,
            to_text(one.proposed_at), to_text(one.starts_at), to_text(one.expires_at),
        ),
    )  # fmt: skip


def decide(db: Connection, proposal_id: str, decision: Decision, by: str, reason: str, now: datetime) -> bool:
    """Decide about a proposal; tell whether it was still undecided."""
    sql = (
        "UPDATE proposal SET decision = ?, decided_by = ?, decided_at = ?, decision_reason = ?"
        " WHERE id = ? AND decision = ''"
    )
    return db.execute(sql, (decision, by, to_text(now), reason, proposal_id)).rowcount > 0


def find(db: Connection, proposal_id: str) -> Proposal | None:
    """Return the proposal, or None."""
    row = one_or_none(db, f"{_PROPOSAL} WHERE proposal.id = ?", proposal_id)
    return None if row is None else _proposal(row)


def of_person(db: Connection, person_id: str) -> list[Proposal]:
    """Return all proposals for a person, the newest first."""
    sql = f"{_PROPOSAL} WHERE proposal.person = ? ORDER BY proposal.proposed_at DESC, proposal.id"
    return [_proposal(row) for row in db.execute(sql, (person_id,))]


def oldest_first(
    db: Connection, scope: Scope, now: datetime | None, *, program: str = "", after: str = "", limit: int
) -> list[Proposal]:
    """Return proposals in a scope in the order in which they were made; with `now` those that wait then.

    `after` is the id of the last one of the page before.
    """
    within, values = scope.condition("proposal.program")
    waiting, at = ("proposal.decision = '' AND proposal.expires_at > ?", (to_text(now),)) if now else ("1 = 1", ())
    asked = {"proposal.program = ?": program, _BEHIND: after}
    more = {condition: value for condition, value in asked.items() if value}
    order = "ORDER BY proposal.proposed_at, proposal.id LIMIT ?"
    sql = f"{_PROPOSAL} WHERE {' AND '.join([within, waiting, *more])} {order}"
    return [_proposal(row) for row in db.execute(sql, (*values, *at, *more.values(), limit))]


_BEHIND: Final = "(proposal.proposed_at, proposal.id) > (SELECT proposed_at, id FROM proposal WHERE id = ?)"


def count_waiting(db: Connection, scope: Scope, now: datetime) -> int:
    """Return how many proposals wait for a decision in a scope."""
    within, values = scope.condition("program")
    sql = f"SELECT COUNT(*) FROM proposal WHERE decision = '' AND expires_at > ? AND {within}"  # noqa: S608 - marks only
    return int(db.execute(sql, (to_text(now), *values)).fetchone()[0])


def each(db: Connection) -> Iterator[Proposal]:
    """Yield all proposals."""
    for row in db.execute(f"{_PROPOSAL} ORDER BY proposal.id"):
        yield _proposal(row)


def _proposal(row: Row) -> Proposal:
    return Proposal(
        id=row["id"],
        person=Person(row["person"], row["program"], row["person_name"]),
        quantity=row["quantity"],
        reason=row["reason"],
        proposed_by=row["proposed_by"],
        proposed_at=from_text(row["proposed_at"]),
        starts_at=from_text(row["starts_at"]),
        expires_at=from_text(row["expires_at"]),
        decision=row["decision"] or None,
        decided_by=row["decided_by"],
        decided_at=None if row["decided_at"] is None else from_text(row["decided_at"]),
        decision_reason=row["decision_reason"],
    )

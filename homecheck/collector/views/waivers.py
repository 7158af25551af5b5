"""Waivers of one person, and of everybody: proposed, approved, declined and revoked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import proposals, waivers
from homecheck.collector.access import ADMINISTER, APPROVE
from homecheck.collector.problems import Problem
from homecheck.collector.store import evidence, people, programs
from homecheck.collector.store import proposals as stored_proposals
from homecheck.collector.store import waivers as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Person
from homecheck.collector.store.proposals import Proposal
from homecheck.collector.store.waivers import Waiver
from homecheck.collector.views.site import Site, Visit, see_other
from homecheck.collector.waivers import Asked, effective
from homecheck.errors import SetupError
from homecheck.measurement import EARLIER

MOST_SHOWN: Final = 500


class Work(Protocol):
    """Approving at once, or proposing."""

    def __call__(self, db: Connection, asked: Asked, *, by: By, now: datetime) -> object:
        """Do it, inside a transaction."""


@dataclass(frozen=True)
class WaiverPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/waivers", self.everybody),
            self.site.read("/people/{id}/waivers", self.person),
            self.site.write("/people/{id}/waivers", self.grant, APPROVE),
            self.site.write("/people/{id}/waiver-proposals", self.propose, APPROVE),
            self.site.write("/waivers/{id}/revoke", self.revoke, APPROVE),
            self.site.write("/waiver-proposals/{id}/approve", self.approve, ADMINISTER),
            self.site.write("/waiver-proposals/{id}/decline", self.decline, APPROVE),
        ]

    def everybody(self, visit: Visit) -> Response:
        """List the waivers that wait, count or will count; with ``?all=1`` also those that are over."""
        db, now, everything = self.site.db(), self.site.collector.clock(), visit.query.get("all") == "1"
        found = store.ending_first(db, visit.scope, None if everything else now, limit=MOST_SHOWN + 1)
        asked = stored_proposals.oldest_first(db, visit.scope, None if everything else now, limit=MOST_SHOWN + 1)
        return self.site.html(
            "waivers.html",
            visit,
            waivers=found[:MOST_SHOWN],
            more=len(found) > MOST_SHOWN,
            everything=everything,
            proposals=asked[:MOST_SHOWN],
            more_proposals=len(asked) > MOST_SHOWN,
            may_decide=self._may_decide(visit),
        )

    def person(self, visit: Visit, error: str = "") -> Response:
        """Show one person's waivers, what their verdict comes to, and a form to approve another."""
        db, now = self.site.db(), self.site.collector.clock()
        who = self._person(visit)
        found = store.of_person(db, who.id)
        latest = evidence.of_person(db, who.id, limit=1)
        unmet = dict(latest[0].unmet) if latest else {}
        program = programs.get(db, who.program)
        asked = program.policy.quantities()
        return self.site.html(
            "person_waivers.html",
            visit,
            status=400 if error else 200,
            who=who,
            waivers=found,
            latest=latest[0] if latest else None,
            standing=effective(latest[0].verdict, latest[0].unmet, found, now) if latest else None,
            unmet=unmet,
            quantities=sorted(one for one in asked if not one.endswith(EARLIER) and one not in unmet),
            may_approve=visit.may(APPROVE, who.program),
            four_eyes=program.four_eyes,
            proposals=stored_proposals.of_person(db, who.id),
            may_decide=self._may_decide(visit),
            error=error,
            form=visit.form,
        )

    def grant(self, visit: Visit) -> Response:
        """Approve a waiver at once; who does is recorded as its approver."""
        return self._ask(visit, waivers.grant)

    def propose(self, visit: Visit) -> Response:
        """Propose a waiver; somebody who administers the program decides."""
        return self._ask(visit, proposals.propose)

    def _ask(self, visit: Visit, work: Work) -> Response:
        who, now, by = self._person(visit), self.site.collector.clock(), visit.by
        visit.check(APPROVE, who.program)
        try:
            begin = waivers.read_start(visit.form.get("from", ""), now)
            end = waivers.read_end(visit.form.get("until", ""), begin)
            quantity, reason = visit.form.get("quantity", ""), visit.form.get("reason", "")
            asked = Asked(who.program, who.name, quantity, reason, begin, end)
            self.site.collector.writer.submit(lambda db: work(db, asked, by=by, now=now)).result()
        except SetupError as error:
            return self.person(visit, error=f"{error.message}. {error.advice}")
        return see_other(f"/people/{who.id}/waivers")

    def approve(self, visit: Visit) -> Response:
        """Make a waiver of a proposal."""
        one, now, by = self._proposal(visit), self.site.collector.clock(), visit.by
        visit.check(ADMINISTER, one.person.program)
        if not proposals.may_approve(self.site.db(), one, by.name):
            raise Problem("four-eyes", f"{by.name} has proposed it")
        return self._decide(one, lambda db: proposals.approve(db, one.id, by=by, now=now))

    def decline(self, visit: Visit) -> Response:
        """Decline a proposal, or take back one's own."""
        one, now, by = self._proposal(visit), self.site.collector.clock(), visit.by
        reason = visit.form.get("reason", "")
        visit.check(APPROVE if one.proposed_by == by.name else ADMINISTER, one.person.program)
        return self._decide(one, lambda db: proposals.decline(db, one.id, reason, by=by, now=now))

    def _decide(self, one: Proposal, work: Callable[[Connection], object]) -> Response:
        try:
            self.site.collector.writer.submit(work).result()
        except SetupError as error:
            raise Problem("bad-request", error.message, advice=error.advice) from None
        return see_other(f"/people/{one.person.id}/waivers")

    def _may_decide(self, visit: Visit) -> Callable[[Proposal], tuple[bool, bool]]:
        """Return what tells whether the visitor may approve a proposal, and whether they may decline it."""
        db = self.site.db()

        def may(one: Proposal) -> tuple[bool, bool]:
            administers, own = visit.may(ADMINISTER, one.person.program), one.proposed_by == visit.user.name
            approves = administers and proposals.may_approve(db, one, visit.user.name)
            return approves, administers or (own and visit.may(APPROVE, one.person.program))

        return may

    def revoke(self, visit: Visit) -> Response:
        """End a waiver now."""
        one, now = self._waiver(visit), self.site.collector.clock()
        reason, by = visit.form.get("reason", ""), visit.by
        visit.check(APPROVE, one.person.program)
        try:
            self.site.collector.writer.submit(lambda db: waivers.revoke(db, one.id, reason, by=by, now=now)).result()
        except SetupError as error:
            raise Problem("bad-request", error.message, advice=error.advice) from None
        return see_other(f"/people/{one.person.id}/waivers")

    def _person(self, visit: Visit) -> Person:
        who = people.person(self.site.db(), visit.path["id"])
        if who is None or not visit.sees(who.program):
            raise Problem("not-found", "there is no such person here")
        return who

    def _waiver(self, visit: Visit) -> Waiver:
        one = store.find(self.site.db(), visit.path["id"])
        if one is None or not visit.sees(one.person.program):
            raise Problem("not-found", "there is no such waiver here")
        return one

    def _proposal(self, visit: Visit) -> Proposal:
        one = stored_proposals.find(self.site.db(), visit.path["id"])
        if one is None or not visit.sees(one.person.program):
            raise Problem("not-found", "there is no such proposal here")
        return one

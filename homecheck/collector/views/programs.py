"""Programs, their policies, and inviting somebody to one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import enrolment, program_changes
from homecheck.collector.access import ADMINISTER, INVITE
from homecheck.collector.problems import Problem
from homecheck.collector.store import figures, programs
from homecheck.collector.store.users import EVERYWHERE
from homecheck.collector.views.site import Site, Visit, see_other
from homecheck.errors import SetupError
from homecheck.policy_difference import Change, difference

INVITE_LIFE: Final = timedelta(hours=72)


@dataclass(frozen=True)
class ProgramPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/programs", self.programs),
            self.site.read("/programs/{id}", self.program),
            self.site.read("/programs/{id}/policies/{old}/{new}", self.compare),
            self.site.write("/programs/{id}/invitations", self.invite, INVITE),
            self.site.write("/programs/{id}/four-eyes", self.four_eyes, ADMINISTER),
        ]

    def programs(self, visit: Visit) -> Response:
        """List the programs with their policies, and how their people stand."""
        db, counts = self.site.db(), defaultdict[str, Counter[str]](Counter)
        for program, verdict, number in figures.checked(db):
            counts[program][verdict] += number
        return self.site.html(
            "programs.html",
            visit,
            programs=programs.within(db, visit.scope),
            counts=counts,
            may_add=visit.may(ADMINISTER, EVERYWHERE),
        )

    def program(self, visit: Visit, address: str = "", invited: str = "", error: str = "") -> Response:
        """Show one program: every limit of its policy, the versions it has had, and a form to invite somebody."""
        db = self.site.db()
        found = programs.find(db, visit.path["id"])
        if found is None or not visit.sees(found.id):
            raise Problem("not-found", "there is no such program here")
        history = programs.history(db, found.id)
        number = visit.query.get("policy", "")
        chosen = next((version for version in history if str(version.number) == number), found.current)
        return self.site.html(
            "program.html",
            visit,
            status=400 if error else 200,
            program=found,
            chosen=chosen,
            history=history,
            may_invite=visit.may(INVITE, found.id),
            may_administer=visit.may(ADMINISTER, found.id),
            invitation=address,
            invited=invited,
            error=error,
        )

    def compare(self, visit: Visit) -> Response:
        """Show what differs between two policies of a program."""
        db = self.site.db()
        found = programs.find(db, visit.path["id"]) if visit.sees(visit.path["id"]) else None
        history = {str(version.number): version for version in programs.history(db, found.id)} if found else {}
        old, new = (history.get(visit.path[name]) for name in ("old", "new"))
        if found is None or old is None or new is None:
            raise Problem("not-found", "there are no such two policies here")
        changes = difference(old.policy, new.policy)
        return self.site.html("compare.html", visit, program=found, old=old, new=new, subjects=_by_subject(changes))

    def invite(self, visit: Visit) -> Response:
        """Make an invitation and show its address, once."""
        name, phone, now = visit.form.get("person", ""), visit.form.get("phone", ""), self.site.collector.clock()
        program, by = visit.path["id"], visit.by
        if not visit.sees(program):
            raise Problem("not-found", "there is no such program here")
        visit.check(INVITE, program)
        try:
            work = self.site.collector.writer.submit(
                lambda db: enrolment.invite(db, program, name, INVITE_LIFE, now=now, by=by, phone=phone)
            )
            address = f"{self.site.collector.url}{enrolment.PATH}{work.result()}"
        except SetupError as error:
            return self.program(visit, error=f"{error.message}. {error.advice}")
        return self.program(visit, address=address, invited=" ".join(name.split()))

    def four_eyes(self, visit: Visit) -> Response:
        """Say whether one proposes a waiver and another approves it."""
        program, by, now = visit.path["id"], visit.by, self.site.collector.clock()
        if not visit.sees(program) or programs.find(self.site.db(), program) is None:
            raise Problem("not-found", "there is no such program here")
        visit.check(ADMINISTER, program)
        wanted = visit.form.get("wanted") == "1"
        work = self.site.collector.writer.submit(
            lambda db: program_changes.set_four_eyes(db, program, wanted, by=by, now=now)
        )
        work.result()
        return see_other(f"/programs/{program}")


def _by_subject(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """Return the changes of each requirement together, in their order."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.subject, []).append(change)
    return found

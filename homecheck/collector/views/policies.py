"""Editing a program's policy: mistakes by line, tried on stored checks before it counts, published once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector.access import ADMINISTER
from homecheck.collector.problems import Problem
from homecheck.collector.publishing import Draft, publish, read_draft, text_of
from homecheck.collector.store import programs
from homecheck.collector.store.programs import PolicyVersion, Program
from homecheck.collector.views.site import Site, Visit, see_other
from homecheck.collector.what_if import WhatIf, one_trial, what_if
from homecheck.policy import MAX_TEXT
from homecheck.policy_difference import Change, difference

LIMIT: Final = 9 * MAX_TEXT  # bytes of the form, where a character takes up to nine: %E2%80%A6


@dataclass(frozen=True)
class PolicyPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/programs/{id}/policy", self.edit, ADMINISTER),
            self.site.write("/programs/{id}/policy/try", self.attempt, ADMINISTER, limit=LIMIT),
            self.site.write("/programs/{id}/policy/publish", self.publish, ADMINISTER, limit=LIMIT),
        ]

    def edit(self, visit: Visit) -> Response:
        """Show the text of the policy that counts now, or of an older one to go back to."""
        program = self.site.program(visit, ADMINISTER)
        number = visit.query.get("from", "")
        history = programs.history(self.site.db(), program.id)
        chosen = next((one for one in history if str(one.number) == number), program.current)
        return self._page(visit, program, Draft(text_of(chosen), None), program.current.number)

    def attempt(self, visit: Visit) -> Response:
        """Say what is wrong with a text; without mistakes, what differs and whom it would change."""
        program = self.site.program(visit, ADMINISTER)
        draft, base = read_draft(visit.form.get("text", "")), _base(visit, program)
        if draft.policy is None:
            return self._page(visit, program, draft, base, status=400)
        history = programs.history(self.site.db(), program.id)
        with one_trial():
            found = what_if(self.site.collector, self.site.db(), program.id, program.policy, draft.policy)
        return self._page(visit, program, draft.after(history), base, found=found, tried=True)

    def publish(self, visit: Visit) -> Response:
        """Publish a text; when another policy counts meanwhile, show the difference and keep the text."""
        program, now = self.site.program(visit, ADMINISTER), self.site.collector.clock()
        draft, base = read_draft(visit.form.get("text", "")), _base(visit, program)
        if draft.policy is None:
            return self._page(visit, program, draft, base, status=400)
        policy, by = draft.policy, visit.by
        try:
            self.site.collector.writer.submit(
                lambda db: publish(db, program.id, policy, draft.text, by=by, now=now, base=base)
            ).result()
        except Problem as problem:
            if problem.reason not in ("policy-conflict", "policy-same"):
                raise
            return self._refused(visit, draft, base, problem)
        return see_other(f"/programs/{program.id}")

    def _refused(self, visit: Visit, draft: Draft, base: int, problem: Problem) -> Response:
        """Show why nothing was published, with the text as it was typed. A conflict is looked at and sent again."""
        program = self.site.program(visit, ADMINISTER)  # as it is now
        others = None
        if problem.reason == "policy-conflict":
            began = _version(programs.history(self.site.db(), program.id), base)
            others = difference(began.policy, program.policy) if began else None
        return self._page(
            visit, program, draft, program.current.number, status=problem.status, problem=problem, others=others
        )

    def _page(
        self,
        visit: Visit,
        program: Program,
        draft: Draft,
        base: int,
        *,
        status: int = 200,
        found: WhatIf | None = None,
        tried: bool = False,
        problem: Problem | None = None,
        others: tuple[Change, ...] | None = None,
    ) -> Response:
        changes = difference(program.policy, draft.policy) if draft.policy else ()
        return self.site.html(
            "policy.html",
            visit,
            status=status,
            program=program,
            draft=draft,
            base=base,
            changes=changes,
            tried=tried,
            found=found,
            problem=problem,
            others=others,
            rows=max(12, min(40, draft.text.count("\n") + 2)),
        )


def _base(visit: Visit, program: Program) -> int:
    """Return the number of the version that the text was made from."""
    text = visit.form.get("base", "")
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 7):
        raise Problem("bad-request", "the form does not say which version it was made from")
    return min(int(text), program.current.number)


def _version(history: list[PolicyVersion], number: int) -> PolicyVersion | None:
    return next((one for one in history if one.number == number), None)

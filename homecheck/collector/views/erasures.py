"""Erasing a person, asked for on a page of its own; and the signed proof, which names nobody and stays."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector.access import ADMINISTER
from homecheck.collector.enrolment import clean_name
from homecheck.collector.erasing import erase_while_serving, proven
from homecheck.collector.problems import Problem
from homecheck.collector.store import evidence, people, programs
from homecheck.collector.store.people import Person
from homecheck.collector.views.site import Site, Visit, download, see_other
from homecheck.erasure import Erasure
from homecheck.errors import SetupError


@dataclass(frozen=True)
class ErasurePages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/people/{id}/erase", self.ask, ADMINISTER),
            self.site.write("/people/{id}/erase", self.erase, ADMINISTER),
            self.site.read("/people/{id}/erasure", self.erasure, ADMINISTER),
            self.site.read("/people/{id}/erasure/proof", self.proof, ADMINISTER),
        ]

    def ask(self, visit: Visit) -> Response:
        """Say what erasing takes away, and ask for the person's name."""
        return self._page(visit, self._person(visit), None)

    def erase(self, visit: Visit) -> Response:
        """Erase a person whose name was typed as it stands there, and show the proof."""
        who, typed = self._person(visit), visit.form.get("typed", "")
        if _as_stored(typed) != who.name:
            return self._page(visit, who, typed)
        erase_while_serving(self.site.collector, who, visit.by, self.site.collector.clock())
        return see_other(f"/people/{who.id}/erasure")

    def erasure(self, visit: Visit) -> Response:
        """Show that somebody was erased, with the proof."""
        found, signed = self._proven(visit)
        title = next((one.title for one in programs.within(self.site.db(), visit.scope) if one.id == found.program), "")
        return self.site.html("erasure.html", visit, erasure=found, proof=signed.decode(), title=title or found.program)

    def proof(self, visit: Visit) -> Response:
        """Hand out the signed proof."""
        found, signed = self._proven(visit)
        return download(signed, f"erasure-{found.person}.jws")

    def _page(self, visit: Visit, who: Person, typed: str | None) -> Response:
        db = self.site.db()
        return self.site.html(
            "erase.html",
            visit,
            status=200 if typed is None else 400,
            who=who,
            program=programs.get(db, who.program),
            typed=typed,
            checks=evidence.count_of_person(db, who.id),
            devices=len(people.devices_of(db, who.id)),
        )

    def _person(self, visit: Visit) -> Person:
        who = people.person(self.site.db(), visit.path["id"])
        if who is None or not visit.sees(who.program):
            raise Problem("not-found", "there is no such person here")
        visit.check(ADMINISTER, who.program)
        return who

    def _proven(self, visit: Visit) -> tuple[Erasure, bytes]:
        found = proven(self.site.collector, visit.path["id"])
        if found is None or not visit.sees(found[0].program):
            raise Problem("not-found", "no such erasure is here")
        visit.check(ADMINISTER, found[0].program)
        return found


def _as_stored(typed: str) -> str:
    try:
        return clean_name(typed)
    except SetupError:
        return ""

"""Who is ready and who is not, and one person's checks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import list_place
from homecheck.collector.access import ADMINISTER, INVITE
from homecheck.collector.changes import changes
from homecheck.collector.course import LATEST, course
from homecheck.collector.devices import accepted_until
from homecheck.collector.erasing import proven
from homecheck.collector.onboarding import BEGINNING, since_onboarding
from homecheck.collector.plots import plots
from homecheck.collector.problems import Problem
from homecheck.collector.rights import may_somewhere
from homecheck.collector.store import callbacks, events, people, programs, roster
from homecheck.collector.store import evidence as store
from homecheck.collector.store.roster import ORDERS, Filter
from homecheck.collector.store.users import EVERYWHERE
from homecheck.collector.views.site import Site, Visit, page_number, see_other
from homecheck.collector.waivers import of_check, on_list
from homecheck.measurement import clean_text

PEOPLE_PER_PAGE: Final = 100
CHECKS_PER_PAGE: Final = 50
MAX_FILTER: Final = 200  # characters
# What the form does not ask for and other pages link to: shown as what the list is narrowed to.
NARROWING: Final = ("quantity", "region", "link", "system", "software", "hour", "days")
CALLS_SHOWN: Final = 20


@dataclass(frozen=True)
class PeoplePages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/", self.people),
            self.site.read("/people/{id}", self.person),
        ]

    def people(self, visit: Visit) -> Response:
        """List people: how they stand, since when, and when the next check is due. Every filter is in the address."""
        given = {part.name: visit.query.get(part.name, "")[:MAX_FILTER] for part in fields(Filter)}
        wanted = Filter(**{name: clean_text(text) for name, text in given.items()})
        sort = visit.query.get("sort", "")
        order = ORDERS.get(sort, ORDERS["worst"])
        db, now = self.site.db(), self.site.collector.clock()
        behind = list_place.from_text(visit.query.get("behind", ""), order)
        seen = programs.within(db, visit.scope)
        rows = roster.people(db, visit.scope, wanted, now, order, behind=behind, limit=PEOPLE_PER_PAGE + 1)

        def address(**changes: object) -> str:
            values = {**asdict(wanted), "sort": sort, **changes}
            query = urlencode({name: value for name, value in values.items() if value})
            return f"/?{query}" if query else "/"

        return self.site.html(
            "people.html",
            visit,
            rows=rows[:PEOPLE_PER_PAGE],
            waived=on_list(db, rows[:PEOPLE_PER_PAGE], now),
            following=list_place.to_text(rows[PEOPLE_PER_PAGE - 1].place) if len(rows) > PEOPLE_PER_PAGE else "",
            first=not behind,
            sort=sort if sort in ORDERS else "worst",
            wanted=wanted,
            chosen=[name for name in NARROWING if getattr(wanted, name)],
            counts=roster.counts(db, visit.scope, wanted, now),
            programs=seen,
            titles={program.id: program.title for program in seen},
            address=address,
            may_add=visit.may(ADMINISTER, EVERYWHERE),
        )

    def person(self, visit: Visit) -> Response:
        """Show one person: checks, devices, invitations, and what looked odd."""
        db = self.site.db()
        who = people.person(db, visit.path["id"])
        if who is None and self._was_erased(visit):
            return see_other(f"/people/{visit.path['id']}/erasure")
        if who is None or not visit.sees(who.program):
            raise Problem("not-found", "there is no such person here")
        page = page_number(visit.query)
        checks = store.of_person(db, who.id, limit=CHECKS_PER_PAGE + 1, offset=(page - 1) * CHECKS_PER_PAGE)
        program = programs.get(db, who.program)
        way = course(db, who.id, limit=LATEST)
        return self.site.html(
            "person.html",
            visit,
            who=who,
            program=program,
            plots=plots(way, program.policy),
            drawn=len(way.steps),
            deadlines=roster.deadlines(db, who.id),
            damaged=way.damaged,
            compared=len(way.steps) > 1,
            changed=changes(*way.steps[-2:]) if len(way.steps) > 1 else [],
            since_first=since_onboarding(course(db, who.id, limit=BEGINNING, earliest=True).steps, way.steps),
            checks=checks[:CHECKS_PER_PAGE],
            standing=of_check(db, who.id, checks[0], self.site.collector.clock()) if checks and page == 1 else None,
            more=len(checks) > CHECKS_PER_PAGE,
            page=page,
            devices=people.devices_of(db, who.id),
            last_of=people.latest_checks_of(db, who.id),
            until=accepted_until,
            invites=people.invites_of(db, who.id),
            alarms=events.security_of_person(db, who.id),
            phone=people.phone(db, who.id),
            calls=callbacks.of_person(db, who.id, limit=CALLS_SHOWN),
            may_call=visit.may(INVITE, who.program),
            pages=lambda number: f"/people/{who.id}?page={number}",
            may_revoke=visit.may(ADMINISTER, who.program),
        )

    def _was_erased(self, visit: Visit) -> bool:
        """Tell whether somebody of this id was erased, to those who could have done it; to others nobody was here."""
        found = proven(self.site.collector, visit.path["id"]) if may_somewhere(visit.user, ADMINISTER) else None
        return found is not None and visit.may(ADMINISTER, found[0].program)

"""The record of what was changed and what looks like an attack: filters that are addresses, and the whole as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector.access import WATCH
from homecheck.collector.rights import scope_of
from homecheck.collector.store import events, people, programs
from homecheck.collector.store.events import Wanted
from homecheck.collector.views.site import Site, Visit
from homecheck.measurement import clean_text

EVENTS_PER_PAGE: Final = 200
FIELDS: Final = ("kind", "actor", "program", "since", "until")
MAX_FIELD: Final = 200  # characters of one filter


@dataclass(frozen=True)
class EventPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/events", self.events, WATCH),
        ]

    def events(self, visit: Visit) -> Response:
        """List what was changed and what looks like an attack, in the programs that the visitor watches."""
        db, scope, wanted = self.site.db(), scope_of(visit.user, WATCH), _wanted(visit)
        before = visit.query.get("before", "")
        number = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
        found = events.numbered(db, scope, wanted, limit=EVENTS_PER_PAGE + 1, before=number)
        last = found[EVENTS_PER_PAGE - 1][0] if len(found) > EVENTS_PER_PAGE else None
        shown = [event for _, event in found[:EVENTS_PER_PAGE]]
        return self.site.html(
            "events.html",
            visit,
            events=shown,
            names=people.names(db, [event.person for event in shown if event.person]),
            wanted=wanted,
            kinds=events.kinds(db, scope),
            programs=programs.within(db, scope),
            newest=number is None,
            first=_address(wanted),
            older=None if last is None else _address(wanted, before=last),
        )


def _wanted(visit: Visit) -> Wanted:
    fields = {name: clean_text(visit.query.get(name, "").strip()[:MAX_FIELD]) for name in FIELDS}
    return Wanted(**fields, security=visit.query.get("security") == "1")


def _address(wanted: Wanted, **more: int) -> str:
    values = {**{name: getattr(wanted, name) for name in FIELDS}, "security": "1" if wanted.security else "", **more}
    query = urlencode({name: value for name, value in values.items() if value})
    return f"/events?{query}" if query else "/events"

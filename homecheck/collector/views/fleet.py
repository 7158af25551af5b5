"""What keeps people from working: which requirement, where, and on what; every number leads to the people behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector.store import programs, roster
from homecheck.collector.store.fleet import fleet
from homecheck.collector.store.roster import Filter
from homecheck.collector.views.site import Site, Visit
from homecheck.measurement import clean_text

PERIODS: Final = (7, 30, 90)  # days


@dataclass(frozen=True)
class FleetPages:
    """The page."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [self.site.read("/fleet", self.fleet)]

    def fleet(self, visit: Visit) -> Response:
        """Show how everybody stands, by requirement and by what homes have in common."""
        program = clean_text(visit.query.get("program", ""))
        days = visit.query.get("days", "")
        period = int(days) if days in map(str, PERIODS) else 0
        db, now = self.site.db(), self.site.collector.clock()

        def people(**changes: object) -> str:
            values = {"program": program, "days": period, **changes}
            return "/?" + urlencode({name: value for name, value in values.items() if value not in ("", 0)})

        return self.site.html(
            "fleet.html",
            visit,
            found=fleet(db, visit.scope, now, program, period),
            waived=roster.waived(db, visit.scope, Filter(program, days=str(period)), now),
            program=program,
            period=period,
            periods=PERIODS,
            programs=programs.within(db, visit.scope),
            people=people,
        )

"""The way to what only administrators do: programs, users, webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector.access import ADMINISTER
from homecheck.collector.rights import scope_of
from homecheck.collector.store import programs, users, webhooks
from homecheck.collector.store.users import EVERYWHERE
from homecheck.collector.views.site import Site, Visit


@dataclass(frozen=True)
class AdministrationPages:
    """The page."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [self.site.read("/administration", self.administration, ADMINISTER)]

    def administration(self, visit: Visit) -> Response:
        """Show the ways that the visitor may go, each with what needs a look."""
        db, everywhere = self.site.db(), visit.may(ADMINISTER, EVERYWHERE)
        hooks = [one for one in webhooks.every(db) if visit.may(ADMINISTER, one.program or EVERYWHERE)]
        people = users.every(db) if everywhere else []
        return self.site.html(
            "administration.html",
            visit,
            everywhere=everywhere,
            programs=programs.within(db, scope_of(visit.user, ADMINISTER)),
            users=len(people),
            locked=sum(not one.roles for one in people),
            webhooks=len(hooks),
            failing=sum(webhooks.outstanding(db, one.id).refused > 0 for one in hooks),
            gone=sum(one.standing == "gone" for one in hooks),
        )

"""One device key: whose place it took, what it signed; revoking it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import administration
from homecheck.collector.access import ADMINISTER
from homecheck.collector.devices import accepted_until, chain
from homecheck.collector.problems import Problem
from homecheck.collector.store import events, people
from homecheck.collector.store import evidence as store
from homecheck.collector.views.site import Site, Visit, see_other
from homecheck.errors import SetupError

CHECKS_SHOWN: Final = 50


@dataclass(frozen=True)
class DevicePages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/devices/{kid}", self.device),
            self.site.write("/devices/{kid}/revoke", self.revoke, ADMINISTER),
        ]

    def device(self, visit: Visit) -> Response:
        """Show one device key: its state, whose place it took and who took its own, what it signed, what looked odd."""
        db, kid = self.site.db(), visit.path["kid"]
        device = people.find_device(db, kid)
        if device is None or not visit.sees(device.person.program):
            raise Problem("not-found", "there is no such device key here")
        return self.site.html(
            "device.html",
            visit,
            device=device,
            chain=chain(db, device),
            heir=people.heir_of(db, kid),
            accepted_until=accepted_until,
            checks=store.of_device(db, kid, limit=CHECKS_SHOWN),
            most=CHECKS_SHOWN,
            alarms=events.security_of_device(db, kid),
            may_revoke=visit.may(ADMINISTER, device.person.program),
        )

    def revoke(self, visit: Visit) -> Response:
        """Revoke a device key."""
        kid, now, reason = visit.path["kid"], self.site.collector.clock(), visit.form.get("reason", "")
        device = people.find_device(self.site.db(), kid)
        if device is None or not visit.sees(device.person.program):
            raise Problem("not-found", "there is no such device key here")
        visit.check(ADMINISTER, device.person.program)
        by = visit.by
        try:
            self.site.collector.writer.submit(
                lambda db: administration.revoke(db, kid, by=by, now=now, reason=reason)
            ).result()
        except SetupError as error:
            raise Problem("bad-request", error.message, advice=error.advice) from None
        return see_other(f"/people/{device.person.id}")

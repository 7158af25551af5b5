"""Who waits to be called, and the code to play."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import code_sound, operators
from homecheck.collector.access import INVITE
from homecheck.collector.callbacks import ATTEMPTS
from homecheck.collector.problems import Problem
from homecheck.collector.rights import scope_of
from homecheck.collector.views.site import Site, Visit, download


@dataclass(frozen=True)
class CallPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/calls", self.calls, INVITE),
            self.site.read("/calls/{id}/code.wav", self.code_sound, INVITE),
        ]

    def calls(self, visit: Visit) -> Response:
        """List who waits to be called, with number and code."""
        waiting = operators.waiting(
            self.site.db(),
            self.site.collector.keys.challenge_secret,
            self.site.collector.clock(),
            scope_of(visit.user, INVITE),
        )
        return self.site.html("calls.html", visit, calls=waiting, attempts=ATTEMPTS)

    def code_sound(self, visit: Visit) -> Response:
        """Hand out the code of one call as sound."""
        secret, now = self.site.collector.keys.challenge_secret, self.site.collector.clock()
        found = operators.find(self.site.db(), secret, visit.path["id"], now)
        if found is None or not visit.may(INVITE, found.callback.person.program):
            raise Problem("not-found", "nobody waits for this call any more")
        return download(code_sound.wav(found.code), "code.wav", "audio/wav")

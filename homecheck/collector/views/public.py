"""Pages for everybody: an invitation, what a problem means, static files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import enrolment
from homecheck.collector.pages import static
from homecheck.collector.problems import PROBLEMS, TO_THE_INVITED, Problem
from homecheck.collector.store import programs
from homecheck.collector.views.site import INVITATIONS, Site, in_their_language

STATIC: Final = {"site.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml"}


@dataclass(frozen=True)
class PublicPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{INVITATIONS}{{code}}", self.invitation),
            Route("/problems/{reason}", self.explain),
            Route("/static/{name}", self.file),
        ]

    def invitation(self, request: Request) -> Response:
        """Tell the invited what the invitation is for and what to type, in the language that their browser asks for."""
        db, code = self.site.db(), request.path_params["code"]
        found = enrolment.open_invite(db, code, self.site.collector.clock())
        program = programs.get(db, found.person.program)
        words = in_their_language(request)
        return self.site.html("invite.html", None, found=found, program=program, code=code, **words)

    def explain(self, request: Request) -> Response:
        """Explain the reason of a problem document."""
        reason = request.path_params["reason"]
        kind = PROBLEMS.get(reason)
        if kind is None:
            raise Problem("not-found", "no problem of this collector has this name")
        words = in_their_language(request) if reason in TO_THE_INVITED else {}
        return self.site.html("reason.html", None, reason=reason, kind=kind, **words)

    def file(self, request: Request) -> Response:
        """Return a static file; its address changes when it does."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise Problem("not-found", "there is no such file")
        keep = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(static(name), headers=keep, media_type=STATIC[name])

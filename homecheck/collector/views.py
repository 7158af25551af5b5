"""The dashboard: pages for people, rendered here, that work without scripts. Nobody sees data without a session.

/                    people with verdict, filters as addresses     /people/{id}      one person's checks
/evidence/{digest}   everything about one evidence                 /programs[/{id}]  programs, policies, invitations
/events              what was changed, what looks like an attack   /invite/{code}    for the invited, no session
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from homecheck.collector import administration, enrolment, exhibit
from homecheck.collector.access import ADMINISTER, INVITE, READ, SESSION_LIFE, WATCH, Access, check_role
from homecheck.collector.body import JOSE, read_body
from homecheck.collector.context import Collector
from homecheck.collector.pages import render, static
from homecheck.collector.problems import PROBLEMS, Problem
from homecheck.collector.store import events, people, programs, users
from homecheck.collector.store import evidence as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.evidence import Filter, Stored
from homecheck.collector.store.users import Role, User
from homecheck.errors import SetupError

FORM: Final = "application/x-www-form-urlencoded"
MAX_FORM: Final = 8_192
PEOPLE_PER_PAGE: Final = 100
CHECKS_PER_PAGE: Final = 50
EVENTS_SHOWN: Final = 200
INVITE_LIFE: Final = timedelta(hours=72)
STATIC: Final = {"site.css": "text/css; charset=utf-8", "favicon.svg": "image/svg+xml"}


@dataclass(frozen=True)
class Visit:
    """One request by somebody who has signed in."""

    user: User
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    source_address: str


View = Callable[[Visit], Response]


@dataclass(frozen=True)
class Dashboard:
    """The pages."""

    collector: Collector

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self._read("/", self.people),
            self._read("/people/{id}", self.person),
            self._read("/evidence/{digest}", self.evidence),
            self._read("/evidence/{digest}/envelope", self.envelope),
            self._read("/evidence/{digest}/receipt", self.receipt),
            self._read("/programs", self.programs),
            self._read("/programs/{id}", self.program),
            self._read("/events", self.events, WATCH),
            self._write("/programs/{id}/invitations", self.invite, INVITE),
            self._write("/devices/{kid}/revoke", self.revoke, ADMINISTER),
            Route("/sign-in/{token}", self.sign_in_page),
            Route("/sign-in/{token}", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/invite/{code}", self.invitation),
            Route("/problems/{reason}", self.explain),
            Route("/static/{name}", self.file),
        ]

    # Pages for those who have signed in

    def people(self, visit: Visit) -> Response:
        """List people with their latest verdict."""
        wanted = Filter(*(visit.query.get(name, "")[:200] for name in ("program", "verdict", "name")))
        page = _page_number(visit.query)
        db = self._db()
        rows = store.people(db, wanted, limit=PEOPLE_PER_PAGE + 1, offset=(page - 1) * PEOPLE_PER_PAGE)
        counts = store.count_people(db, wanted)

        def address(**changes: object) -> str:
            values = {"program": wanted.program, "verdict": wanted.verdict, "name": wanted.name, **changes}
            query = urlencode({name: value for name, value in values.items() if value})
            return f"/?{query}" if query else "/"

        return self._html(
            "people.html",
            visit,
            rows=rows[:PEOPLE_PER_PAGE],
            more=len(rows) > PEOPLE_PER_PAGE,
            page=page,
            wanted=wanted,
            counts=counts,
            total=sum(counts.values()),
            programs=programs.every(db),
            address=address,
            pages=lambda number: address(page=number),
        )

    def person(self, visit: Visit) -> Response:
        """Show one person: checks, devices, invitations, and what looked odd."""
        db = self._db()
        who = people.person(db, visit.path["id"])
        if who is None:
            raise Problem("not-found", "there is no such person here")
        page = _page_number(visit.query)
        checks = store.of_person(db, who.id, limit=CHECKS_PER_PAGE + 1, offset=(page - 1) * CHECKS_PER_PAGE)
        return self._html(
            "person.html",
            visit,
            who=who,
            program=programs.get(db, who.program),
            checks=checks[:CHECKS_PER_PAGE],
            more=len(checks) > CHECKS_PER_PAGE,
            page=page,
            devices=people.devices_of(db, who.id),
            invites=people.invites_of(db, who.id),
            alarms=events.security_of_person(db, who.id),
            pages=lambda number: f"/people/{who.id}?page={number}",
            may_revoke=visit.user.role in ADMINISTER,
        )

    def evidence(self, visit: Visit) -> Response:
        """Show everything about one evidence, its signatures checked once more."""
        db = self._db()
        stored = self._stored(db, visit)
        return self._html("evidence.html", visit, stored=stored, exhibit=exhibit.prepare(self.collector, db, stored))

    def envelope(self, visit: Visit) -> Response:
        """Hand out the envelope as it was received."""
        stored = self._stored(self._db(), visit)
        return _download(stored.envelope, f"{_hex(stored)}.jws")

    def receipt(self, visit: Visit) -> Response:
        """Hand out the receipt as it was answered."""
        stored = self._stored(self._db(), visit)
        return _download(stored.receipt, f"{_hex(stored)}.receipt.jws")

    def programs(self, visit: Visit) -> Response:
        """List the programs with their policies."""
        return self._html("programs.html", visit, programs=programs.every(self._db()))

    def program(self, visit: Visit, address: str = "", invited: str = "", error: str = "") -> Response:
        """Show one program: every limit of its policy, the versions it has had, and a form to invite somebody."""
        db = self._db()
        found = programs.find(db, visit.path["id"])
        if found is None:
            raise Problem("not-found", "there is no such program here")
        history = programs.history(db, found.id)
        number = visit.query.get("policy", "")
        chosen = next((version for version in history if str(version.number) == number), found.current)
        return self._html(
            "program.html",
            visit,
            status=400 if error else 200,
            program=found,
            chosen=chosen,
            history=history,
            may_invite=visit.user.role in INVITE,
            invitation=address,
            invited=invited,
            error=error,
        )

    def events(self, visit: Visit) -> Response:
        """List what was changed and what looks like an attack."""
        security = visit.query.get("security") == "1"
        found = events.recent(self._db(), limit=EVENTS_SHOWN, security_only=security)
        return self._html("events.html", visit, events=found, security=security, most=EVENTS_SHOWN)

    # Changes

    def invite(self, visit: Visit) -> Response:
        """Make an invitation and show its address, once."""
        name, now = visit.form.get("person", ""), self.collector.clock()
        program = visit.path["id"]
        try:
            work = self.collector.writer.submit(
                lambda db: enrolment.invite(db, program, name, INVITE_LIFE, now=now, by=visit.user.name)
            )
            address = f"{self.collector.url}{enrolment.PATH}{work.result()}"
        except SetupError as error:
            return self.program(visit, error=f"{error.message}. {error.advice}")
        return self.program(visit, address=address, invited=" ".join(name.split()))

    def revoke(self, visit: Visit) -> Response:
        """Revoke a device key."""
        kid, now = visit.path["kid"], self.collector.clock()
        device = people.find_device(self._db(), kid)
        if device is None:
            raise Problem("not-found", "there is no such device key here")
        self.collector.writer.submit(
            lambda db: administration.revoke(db, kid, by=visit.user.name, source_address=visit.source_address, now=now)
        ).result()
        return _see_other(f"/people/{device.person.id}")

    # Pages without a session

    def sign_in_page(self, request: Request) -> Response:
        """Ask whether to sign in: opening a link must not use it up, for programs open links too."""
        user = users.link_owner(self._db(), request.path_params["token"], self.collector.clock())
        if user is None:
            raise Problem("link-used", "this sign-in link is unknown, was used, or is too old")
        return self._html("sign_in.html", None, who=user, token=request.path_params["token"])

    async def sign_in(self, request: Request) -> Response:
        """Use the link up and open a session."""
        self._access.check_same_origin(request.headers)
        session = await run_in_threadpool(self._access.sign_in, request.path_params["token"])
        if session is None:
            raise Problem("link-used", "this sign-in link is unknown, was used, or is too old")
        response = _see_other("/")
        response.set_cookie(
            self._access.cookie,
            session,
            max_age=int(SESSION_LIFE.total_seconds()),
            path="/",
            secure=self.collector.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        self._access.check_same_origin(request.headers)
        await run_in_threadpool(self._access.sign_out, request.cookies)
        response = _see_other("/")
        response.delete_cookie(
            self._access.cookie, path="/", secure=self.collector.secure, httponly=True, samesite="lax"
        )
        return response

    def invitation(self, request: Request) -> Response:
        """Tell the invited what the invitation is for and what to type."""
        db, code = self._db(), request.path_params["code"]
        found = enrolment.open_invite(db, code, self.collector.clock())
        program = programs.get(db, found.person.program)
        return self._html("invite.html", None, found=found, program=program, code=code)

    def explain(self, request: Request) -> Response:
        """Explain the reason of a problem document."""
        reason = request.path_params["reason"]
        kind = PROBLEMS.get(reason)
        if kind is None:
            raise Problem("not-found", "no problem of this collector has this name")
        return self._html("reason.html", None, reason=reason, kind=kind)

    def file(self, request: Request) -> Response:
        """Return a static file; its address changes when it does."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise Problem("not-found", "there is no such file")
        keep = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(static(name), headers=keep, media_type=STATIC[name])

    def problem(self, request: Request, problem: Problem) -> Response:
        """Show a refusal to a person."""
        # When something is broken here, the database that would tell who this is may be what is broken.
        user = self._access.user(request.cookies) if problem.status < 500 else None
        page = self._html(
            "problem.html", _visit(request, user, {}) if user else None, status=problem.status, problem=problem
        )
        page.headers.update(problem.headers)
        return page

    # What they have in common

    @property
    def _access(self) -> Access:
        return Access(self.collector)

    def _db(self) -> Connection:
        return self.collector.readers()

    def _stored(self, db: Connection, visit: Visit) -> Stored:
        stored = store.find(db, visit.path["digest"])
        if stored is None:
            raise Problem("not-found", "no evidence of this digest was received here")
        return stored

    def _read(self, path: str, view: View, roles: tuple[Role, ...] = READ) -> Route:
        def endpoint(request: Request) -> Response:
            user = self._access.user(request.cookies)
            if user is None:
                return self._html("stranger.html", None, status=401)
            check_role(user, roles)
            return view(_visit(request, user, {}))

        return Route(path, endpoint)

    def _write(self, path: str, view: View, roles: tuple[Role, ...]) -> Route:
        def change(request: Request, form: Mapping[str, str]) -> Response:
            user = self._access.user(request.cookies)
            if user is None:
                return self._html("stranger.html", None, status=401)
            self._access.check_same_origin(request.headers)
            check_role(user, roles)
            return view(_visit(request, user, form))

        async def endpoint(request: Request) -> Response:
            form = _form(await read_body(request, FORM, MAX_FORM))
            return await run_in_threadpool(change, request, form)

        return Route(path, endpoint, methods=["POST"])

    def _html(self, template: str, visit: Visit | None, *, status: int = 200, **values: Any) -> HTMLResponse:
        page = render(
            template,
            collector=self.collector,
            user=visit.user if visit else None,
            may_watch=visit is not None and visit.user.role in WATCH,
            now=self.collector.clock(),
            **values,
        )
        return HTMLResponse(page, status)


def _visit(request: Request, user: User, form: Mapping[str, str]) -> Visit:
    source = request.client.host if request.client else ""
    return Visit(user, request.path_params, request.query_params, form, source)


def _form(body: bytes) -> dict[str, str]:
    try:
        parsed = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    except ValueError as error:
        raise Problem("bad-request", f"this is no form of ours: {error}") from None
    return {name: values[0] for name, values in parsed.items()}


def _page_number(query: Mapping[str, str]) -> int:
    text = query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 7 else 1


def _download(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, headers=headers, media_type=JOSE)


def _hex(stored: Stored) -> str:
    return stored.summary.digest.removeprefix("sha256:")


def _see_other(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)

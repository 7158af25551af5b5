"""What all pages share: who visits, how a page is made, and who may see it or change something with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from homecheck.collector import etags
from homecheck.collector.access import (
    ADMINISTER,
    INVITE,
    READ,
    SESSION_LIFE,
    WATCH,
    Access,
    Visitor,
    check_right,
    not_allowed,
)
from homecheck.collector.body import JOSE, read_body
from homecheck.collector.context import Collector
from homecheck.collector.pages import render, spoken
from homecheck.collector.problems import TO_THE_INVITED, Problem
from homecheck.collector.rights import Right, may, may_somewhere, scope_of
from homecheck.collector.store import callbacks, programs, proposals, sign_on
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.programs import Program
from homecheck.collector.store.scope import Scope
from homecheck.collector.store.sessions import Session
from homecheck.collector.store.users import User
from homecheck.collector.views.fields import FORM, MAX_FORM, MULTIPART, read_form, read_parts
from homecheck.errors import SetupError
from homecheck.locale import preferred, translator

WANTED: Final = "homecheck-wanted"  # the cookie with the page that somebody asked for before they signed in
WANTED_SECONDS: Final = 900  # as long as a link to sign in counts
WANTED_FORM: Final = re.compile(r"/[A-Za-z0-9?][!-\[\]-~]{0,1000}")  # of this site: no second slash, no backslash
INVITATIONS: Final = "/invite/"
FILE_SECONDS: Final = 120.0  # in which a file of some megabytes arrives over a home line


@dataclass(frozen=True)
class Visit:
    """One request by somebody who has signed in."""

    user: User
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    source_address: str
    session: Session

    @property
    def scope(self) -> Scope:
        """The programs that the visitor sees."""
        return scope_of(self.user)

    @property
    def by(self) -> By:
        """Who changes something, for the record."""
        return By(self.user.name, self.source_address)

    def may(self, right: Right, program: str) -> bool:
        """Tell whether the visitor has a right in a program."""
        return may(self.user, right, program)

    def sees(self, program: str) -> bool:
        """Tell whether the visitor sees a program. What they do not see is answered as if it were not there."""
        return self.may(READ, program)

    def check(self, right: Right, program: str) -> None:
        """Raise Problem unless the visitor has a right in a program that they see."""
        if not self.may(right, program):
            raise not_allowed(self.user, right)

    def check_as_it_was(self, tag: str) -> None:
        """Raise Problem unless the form was made from the state that has this entity tag now, inside the change."""
        etags.check(self.form.get("state", ""), tag)


View = Callable[[Visit], Response]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Site:
    """The dashboard of one collector, as its pages see it."""

    collector: Collector

    @property
    def access(self) -> Access:
        """Who has signed in."""
        return Access(self.collector)

    def db(self) -> Connection:
        """Return a connection that reads."""
        return self.collector.readers()

    def do(self, work: Callable[[Connection], Result]) -> Result:
        """Do `work` in a transaction and return its result. Problem for what was wrong with what was asked."""
        try:
            return self.collector.writer.submit(work).result()
        except SetupError as error:
            raise Problem("bad-request", error.message, advice=error.advice) from None

    def program(self, visit: Visit, right: Right) -> Program:
        """Return the program of an address, for who sees it and has the right there. Problem for everybody else."""
        found = programs.find(self.db(), visit.path["id"])
        if found is None or not visit.sees(found.id):
            raise Problem("not-found", "there is no such program here")
        visit.check(right, found.id)
        return found

    def read(self, path: str, view: View, right: Right = READ) -> Route:
        """Return the route of a page for those who have signed in and have a right somewhere.

        The view asks once more for the program that it shows something of.
        """

        return self._page(path, view, right)

    def own(self, path: str, view: View) -> Route:
        """Return the route of a page about the visitor's own account; no right is needed."""
        return self._page(path, view, None)

    def own_change(self, path: str, view: View) -> Route:
        """Return the route of a form about the visitor's own account; no right is needed."""
        return self._form(path, view, None)

    def _page(self, path: str, view: View, right: Right | None) -> Route:
        def endpoint(request: Request) -> Response:
            visitor = self.access.visitor(request.cookies)
            if visitor is None:
                return self._stranger(wanted=request.url.path + (f"?{request.url.query}" if request.url.query else ""))
            if right is not None:
                check_right(visitor.user, right)
            return view(_visit(request, visitor, {}))

        return Route(path, endpoint)

    def write(self, path: str, view: View, right: Right, *, limit: int = MAX_FORM, files: bool = False) -> Route:
        """Return the route of a form of ours that changes something, for those who have a right somewhere.

        It has at most `limit` bytes, and comes in parts where it has `files`.
        """
        return self._form(path, view, right, limit, files=files)

    def _form(self, path: str, view: View, right: Right | None, limit: int = MAX_FORM, *, files: bool = False) -> Route:
        def admit(request: Request) -> Visitor | None:
            visitor = self.access.visitor(request.cookies)
            if visitor is not None:
                self.access.check_same_origin(request.headers)
                if right is not None:
                    check_right(visitor.user, right)
            return visitor

        async def endpoint(request: Request) -> Response:
            visitor = await run_in_threadpool(admit, request)  # before the body: a stranger's is never read
            if visitor is None:
                return await run_in_threadpool(self._stranger)
            if files:
                parts = await read_body(request, MULTIPART, limit, seconds=FILE_SECONDS)
                form = await run_in_threadpool(read_parts, parts, request.headers["content-type"])
            else:
                form = await run_in_threadpool(read_form, await read_body(request, FORM, limit))
            return await run_in_threadpool(view, _visit(request, visitor, form))

        return Route(path, endpoint, methods=["POST"])

    def _stranger(self, wanted: str = "") -> HTMLResponse:
        """Say that one must sign in; afterwards the page that was `wanted` is shown."""
        page = self.html("stranger.html", None, status=401, sign_on=self.sign_on_label())
        if WANTED_FORM.fullmatch(wanted):
            page.set_cookie(
                self._wanted, quote(wanted, safe=""), max_age=WANTED_SECONDS, path="/",
                secure=self.collector.secure, httponly=True, samesite="lax",
            )  # fmt: skip
        return page

    @property
    def _wanted(self) -> str:
        return f"__Host-{WANTED}" if self.collector.secure else WANTED

    def html(self, template: str, visit: Visit | None, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page; `visit` is None on the pages for everybody."""
        callers = scope_of(visit.user, INVITE) if visit else Scope.of(())
        may_call = visit is not None and may_somewhere(visit.user, INVITE)
        deciders, now = scope_of(visit.user, ADMINISTER) if visit else Scope.of(()), self.collector.clock()
        page = render(
            template,
            may_place_calls=may_call,
            waiting_calls=callbacks.count_waiting(self.db(), callers, now) if may_call else 0,
            waiting_proposals=proposals.count_waiting(self.db(), deciders, now) if visit else 0,
            collector=self.collector,
            user=visit.user if visit else None,
            may_watch=visit is not None and may_somewhere(visit.user, WATCH),
            administers=visit is not None and may_somewhere(visit.user, ADMINISTER),
            now=now,
            **values,
        )
        return HTMLResponse(page, status)

    def signed_in(self, request: Request, secret: str) -> Response:
        """Return the answer to who has signed in: the cookie of the session, and the way to the page they wanted."""
        wanted = unquote(request.cookies.get(self._wanted, ""))
        response = see_other(wanted if WANTED_FORM.fullmatch(wanted) else "/")
        if wanted:
            response.delete_cookie(self._wanted, path="/", secure=self.collector.secure, httponly=True, samesite="lax")
        response.set_cookie(
            self.access.cookie,
            secret,
            max_age=int(SESSION_LIFE.total_seconds()),
            path="/",
            secure=self.collector.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    def sign_on_label(self) -> str:
        """Return what the button of company sign-on says; empty where there is none."""
        chosen = sign_on.read(self.db())
        return chosen.label if chosen else ""

    def problem(self, request: Request, problem: Problem) -> Response:
        """Show a refusal to a person."""
        # When something is broken here, the database that would tell who this is may be what is broken.
        visitor = self.access.visitor(request.cookies) if problem.status < 500 else None
        visit = _visit(request, visitor, {}) if visitor else None
        invited = request.url.path.startswith(INVITATIONS) and problem.reason in TO_THE_INVITED
        words = in_their_language(request) if invited else {}
        page = self.html("problem.html", visit, status=problem.status, problem=problem, **words)
        page.headers.update(problem.headers)
        return page


def in_their_language(request: Request) -> dict[str, Any]:
    """Return what a page for the invited says things with: in the language that their browser asks for."""
    return spoken(translator(preferred(request.headers.get("accept-language", ""))))


def page_number(query: Mapping[str, str]) -> int:
    """Return which page of a list is wanted; what is no number is the first."""
    text = query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 7 else 1


def download(data: bytes, name: str, media_type: str = JOSE) -> Response:
    """Return bytes that a browser saves under `name`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, headers=headers, media_type=media_type)


def see_other(address: str) -> RedirectResponse:
    """Return the way to the page that follows a change."""
    return RedirectResponse(address, 303)


def source_address(request: Request) -> str:
    """Return where a request came from, as far as the connection (or our own proxy) tells."""
    return request.client.host if request.client else ""


def _visit(request: Request, visitor: Visitor, form: Mapping[str, str]) -> Visit:
    source = source_address(request)
    return Visit(visitor.user, request.path_params, request.query_params, form, source, visitor.session)

"""Signing in with a link or a password, and signing out."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector.accounts import Accounts, Attempt
from homecheck.collector.body import read_body
from homecheck.collector.problems import Problem
from homecheck.collector.store import users
from homecheck.collector.views.fields import FORM, MAX_FORM, read_form
from homecheck.collector.views.site import Site, see_other, source_address


@dataclass(frozen=True)
class SessionPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/sign-in", self.form),
            Route("/sign-in", self.with_password, methods=["POST"]),
            Route("/sign-in/{token}", self.sign_in_page),
            Route("/sign-in/{token}", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
        ]

    def sign_in_page(self, request: Request) -> Response:
        """Ask whether to sign in: opening a link must not use it up, for programs open links too."""
        user = users.link_owner(self.site.db(), request.path_params["token"], self.site.collector.clock())
        if user is None:
            raise Problem("link-used", "this sign-in link is unknown, was used, or is too old")
        return self.site.html("sign_in.html", None, who=user, token=request.path_params["token"])

    async def sign_in(self, request: Request) -> Response:
        """Use the link up and open a session."""
        self.site.access.check_same_origin(request.headers)
        session = await run_in_threadpool(
            self.site.access.sign_in, request.path_params["token"], request.cookies, source_address(request)
        )
        if session is None:
            raise Problem("link-used", "this sign-in link is unknown, was used, or is too old")
        return self.site.signed_in(request, session)

    def form(self, _: Request) -> Response:
        """Ask for name, password and code."""
        return self.site.html("password.html", None, error="", name="", sign_on=self.site.sign_on_label())

    async def with_password(self, request: Request) -> Response:
        """Open a session for who knows the password, and the code where one is needed."""
        self.site.access.check_same_origin(request.headers)
        form = read_form(await read_body(request, FORM, MAX_FORM))
        name, password, code = (form.get(field, "") for field in ("name", "password", "code"))
        attempt = Attempt(name, password, code, source_address(request))
        accounts = Accounts(self.site.access)
        try:
            session = await run_in_threadpool(accounts.sign_in, attempt, request.cookies)
        except Problem as problem:
            return await run_in_threadpool(self._again, attempt.name, problem)
        return self.site.signed_in(request, session)

    def _again(self, name: str, problem: Problem) -> Response:
        error = f"{problem.title}: {problem.message}. {problem.advice}"
        label = self.site.sign_on_label()
        page = self.site.html("password.html", None, status=problem.status, error=error, name=name, sign_on=label)
        page.headers.update(problem.headers)
        return page

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        self.site.access.check_same_origin(request.headers)
        await run_in_threadpool(self.site.access.sign_out, request.cookies, source_address(request))
        response = see_other("/")
        response.delete_cookie(
            self.site.access.cookie, path="/", secure=self.site.collector.secure, httponly=True, samesite="lax"
        )
        return response

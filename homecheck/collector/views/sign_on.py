"""Company sign-on: to the provider, and back from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import sign_on
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.sign_on_accounts import admit, client_secret
from homecheck.collector.store import sign_on as store
from homecheck.collector.store.database import Connection
from homecheck.collector.views.site import Site, see_other, source_address
from homecheck.errors import SetupError

COOKIE: Final = "homecheck-sign-on"
MOST_AT_ONCE: Final = 4  # sign-ons that ask the provider something: each holds a thread until it answers
THREADS: Final = MOST_AT_ONCE + 2  # of their own, so that pages have theirs; two tell those who find no place
RETRY_SECONDS: Final = 15


@dataclass(frozen=True)
class SignOnPages:
    """The pages."""

    site: Site
    places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_AT_ONCE))
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/oidc/begin", self.begin), Route(sign_on.CALLBACK_PATH, self.callback)]

    async def begin(self, _: Request) -> Response:
        """Send the browser to the provider."""
        return await to_thread.run_sync(self._begin, limiter=self.threads)

    def _begin(self) -> Response:
        chosen, collector = self._chosen(), self.site.collector
        root = collector.keys.challenge_secret
        try:
            secret = client_secret(collector.keys_folder)
            with self._place():
                begun = sign_on.begin(chosen, secret, collector.url, root, collector.clock())
        except SetupError as error:
            raise Problem("sign-on-failed", error.message, advice=error.advice) from None
        response = see_other(begun.address)
        response.set_cookie(
            self._cookie, begun.cookie, max_age=int(sign_on.LIFE.total_seconds()), path="/",
            secure=collector.secure, httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    async def callback(self, request: Request) -> Response:
        """Open a session for who was vouched for and has a role here."""
        secret = await to_thread.run_sync(self._finish, request, limiter=self.threads)
        response = self.site.signed_in(request, secret)
        response.delete_cookie(self._cookie, path="/", secure=self.site.collector.secure, httponly=True, samesite="lax")
        return response

    def _finish(self, request: Request) -> str:
        chosen, collector, access = self._chosen(), self.site.collector, self.site.access
        now, source = collector.clock(), source_address(request)
        try:
            client = client_secret(collector.keys_folder)
            with self._place():
                who = sign_on.finish(
                    chosen, client, collector.url, collector.keys.challenge_secret, now,
                    request.cookies.get(self._cookie, ""), request.query_params,
                )  # fmt: skip
        except SetupError as error:
            raise Problem("sign-on-failed", error.message, advice=error.advice) from None

        def begin(db: Connection) -> str | None:
            name = admit(db, chosen, who, source, now)
            return access.begin(db, name, "oidc", request.cookies, source, now) if name else None

        secret = collector.writer.submit(begin).result()
        if secret is None:
            raise Problem("no-role", "your company vouches for you, and none of your groups has a role here")
        return secret

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Have one of the places for those who ask the provider something. Problem slow-down when all are taken.

        Anybody may begin. If a provider that is slow held every thread, no page would open any more for anybody.
        """
        if not self.places.acquire(blocking=False):
            raise retry_later("slow-down", "too many people sign in with their company at the moment", RETRY_SECONDS)
        try:
            yield
        finally:
            self.places.release()

    def _chosen(self) -> store.SignOn:
        chosen = store.read(self.site.db())
        if chosen is None:
            raise Problem("not-found", "company sign-on is not set up here")
        return chosen

    @property
    def _cookie(self) -> str:
        return f"__Host-{COOKIE}" if self.site.collector.secure else COOKIE

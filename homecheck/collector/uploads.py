"""The one route that is asked thousands of times a second, past the router, with a bound on what is under way.

Whoever comes when too much is under way is told at once to come later: those who are taken do not wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from homecheck.collector.store.failures import Busy

PREFIX: Final = "/v1/evidence/"
MOST_UNDER_WAY: Final = 1_000

Refuse = Callable[[Request, Exception], Awaitable[Response]]


@dataclass
class Gate:
    """Counts the uploads that have arrived completely and have no answer yet."""

    most: int = MOST_UNDER_WAY
    under_way: int = 0

    def is_full(self) -> bool:
        """Tell whether one more would be too many."""
        return self.under_way >= self.most

    async def through(self, work: Callable[[], Awaitable[Response]]) -> Response:
        """Do `work`, or raise Busy."""
        self.under_way += 1
        try:
            await asyncio.sleep(0)  # all that arrived at the same moment are counted before the first is looked at
            if self.under_way > self.most:
                raise Busy(f"{self.most} uploads are under way")
            return await work()
        finally:
            self.under_way -= 1


def past_the_router(
    app: ASGIApp,
    upload: Callable[[Request], Awaitable[Response]],
    refuse: Refuse,
    gone: Refuse,
    known: tuple[type[Exception], ...],
) -> ASGIApp:
    """Return `app` behind the route ``PUT /v1/evidence/{id}``: `refuse` answers `known` errors, `gone` who has left."""

    async def put(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await upload(request)
        except known as error:
            response = await refuse(request, error)
        except ClientDisconnect as error:
            response = await gone(request, error)
        await response(scope, receive, send)

    guarded = ServerErrorMiddleware(put, handler=refuse)  # what nobody expected, as in `app`

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "PUT" and scope["path"].startswith(PREFIX):
            name = scope["path"].removeprefix(PREFIX)
            if name and "/" not in name:
                scope["path_params"] = {"id": name}  # as the router would
                await guarded(scope, receive, send)
                return
        await app(scope, receive, send)

    return route

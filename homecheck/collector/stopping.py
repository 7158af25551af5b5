"""Requests that are under way when the collector is stopped, and take longer than it waits: each gets an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homecheck.collector.problems import retry_later

AGAIN_SECONDS: Final = 10  # until it has been started again

Refuse = Callable[[Request, Exception], Awaitable[Response]]


def answered_when_stopped(app: ASGIApp, refuse: Refuse) -> ASGIApp:
    """Return `app`, where what is cancelled before it has begun to answer is refused with 503.

    Only the server cancels requests, when its patience with them ends; it would answer 500, with a trace in the log.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        answering = scope["type"] != "http"

        async def send_and_see(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await app(scope, receive, send_and_see)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if answering or task is None:
                raise
            task.uncancel()
            problem = retry_later("not-stored", "the collector is being stopped", AGAIN_SECONDS)
            response = await refuse(Request(scope), problem)
            await response(scope, receive, send)

    return call

"""Who is in the middle of a request when the collector's patience ends is told to come again."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from homecheck.collector.stopping import answered_when_stopped

SCOPE = {"type": "http", "method": "PUT", "path": "/v1/evidence/x", "headers": []}


async def refuse(_: Request, error: Any) -> Response:
    return Response(error.message, error.status, dict(error.headers))


async def cancelled(begun: bool) -> list[Message]:
    """Return what is sent by a request that is cancelled while it waits."""
    sent: list[Message] = []
    waiting = asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        waiting.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    task = asyncio.ensure_future(answered_when_stopped(app, refuse)(SCOPE, receive, send))
    await waiting.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=begun)
    return sent


def test_a_request_without_an_answer_gets_one() -> None:
    start, body = asyncio.run(cancelled(begun=False))
    assert start["status"] == 503
    assert (b"retry-after", b"10") in start["headers"]
    assert body["body"] == b"the collector is being stopped"


def test_an_answer_that_has_begun_is_not_followed_by_another() -> None:
    assert [one["status"] for one in asyncio.run(cancelled(begun=True))] == [200]

"""Every operation in one list, as routes. A token is asked for before anything else of a request is read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector.access import check_right, not_allowed
from homecheck.collector.api import (
    calls,
    changes,
    devices,
    evidence,
    fleet,
    invites,
    letters,
    machine,
    openapi,
    people,
    programs,
    proposals,
    record,
    tokens,
    users,
    waivers,
    webhooks,
)
from homecheck.collector.api.operation import Call, Operation, Reply
from homecheck.collector.bearer import authenticated
from homecheck.collector.body import JSON, read_body
from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.rights import may
from homecheck.collector.store.users import EVERYWHERE, User
from homecheck.errors import Refused
from homecheck.strict_json import Record, parse_object, serialize

OPERATIONS: Final = (
    *people.OPERATIONS, *changes.OPERATIONS, *devices.OPERATIONS, *evidence.OPERATIONS, *invites.OPERATIONS,
    *fleet.OPERATIONS, *programs.OPERATIONS, *waivers.OPERATIONS, *proposals.OPERATIONS, *users.OPERATIONS,
    *tokens.OPERATIONS, *webhooks.OPERATIONS, *letters.OPERATIONS, *calls.OPERATIONS, *record.OPERATIONS,
)  # fmt: skip


def routes(collector: Collector) -> list[Route]:
    """Return the routes of the administration API, and of the document that describes them and those of agents."""
    by_path: dict[str, dict[str, Operation]] = {}
    for one in OPERATIONS:
        by_path.setdefault(one.path, {})[one.method] = one
    found = [_route(collector, path, by_method) for path, by_method in by_path.items()]
    return [*found, Route("/openapi.json", partial(_document, collector))]


async def _document(collector: Collector, _: Request) -> Response:
    return Response(serialize(openapi.document(OPERATIONS, machine.MACHINE, collector.url)), media_type=JSON)


def _route(collector: Collector, path: str, by_method: Mapping[str, Operation]) -> Route:
    """Return the route of an address: one for all methods, so that a refusal names each of them in `Allow`."""

    async def endpoint(request: Request) -> Response:
        operation = by_method["GET" if request.method == "HEAD" else request.method]
        user = await run_in_threadpool(authenticated, collector, request.headers)
        _check_right(user, operation)
        operation.check(request.path_params, request.query_params.multi_items())
        raw = b""
        if operation.body is not None:
            raw = await read_body(request, operation.body_type, operation.most, seconds=operation.seconds)
        return await run_in_threadpool(_run, collector, operation, request, user, raw)

    return Route(path, endpoint, methods=list(by_method))


def _check_right(user: User, operation: Operation) -> None:
    """Raise Problem for who could do this nowhere, before their body is read."""
    check_right(user, operation.right)
    if operation.everywhere and not may(user, operation.right, EVERYWHERE):
        raise not_allowed(user, operation.right)


def _run(collector: Collector, operation: Operation, request: Request, user: User, raw: bytes) -> Response:
    source = request.client.host if request.client else ""
    is_json = operation.body is not None and operation.body_type == JSON
    try:
        body = Record(parse_object(raw) if is_json else {}, "body", "bad-request")
        call = Call(
            collector, collector.readers(), user, source, request.path_params, request.query_params, body, raw,
            request.headers.get("if-match", ""), request.headers.get("idempotency-key", ""),
        )  # fmt: skip
        found = operation.run(call)
    except Refused as error:  # what was sent here is no agent's: its advice would be to update
        advice = error.advice or f"What is taken here stands in /openapi.json, under {operation.name}."
        raise Problem(error.reason, error.message, advice=advice) from None
    reply = found if isinstance(found, Reply) else Reply(found)
    headers = {"ETag": reply.etag} if reply.etag else {}
    status = reply.status or operation.status
    if operation.answer is None:
        return Response(status_code=status, headers=headers)
    content = reply.raw if reply.members is None else serialize(reply.members)
    return Response(content, status, headers, operation.media_type)

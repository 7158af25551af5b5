"""The application: routes for agents, and around them what every answer has in common.

    GET  /.well-known/homecheck · GET /v1/jwks
    GET  /v1/invites/{code}          POST /v1/enrolments
    GET  /v1/policies/{program}      POST /v1/challenge      PUT /v1/evidence/{id}
    GET  /healthz · GET /readyz

Everything that is refused is a problem document (RFC 9457). The routes for people are those of `views`.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from homecheck.collector import enrolment, intake
from homecheck.collector.body import JOSE, JSON, read_body
from homecheck.collector.context import Collector
from homecheck.collector.headers import SecurityHeaders
from homecheck.collector.problems import MEDIA_TYPE, PROBLEMS, Problem, retry_later
from homecheck.collector.readiness import Readiness
from homecheck.collector.store import programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.writer import Busy, NotStored
from homecheck.collector.views import Dashboard
from homecheck.errors import KeyStoreError, Refused
from homecheck.signing import MAX_ENVELOPE, jwks
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
MAX_JSON: Final = 4_096  # bytes of a JSON request
MAX_ENROLMENT: Final = 16_384  # bytes; it is read before it is known who signed it
MACHINE_PATHS: Final = ("/v1/", "/.well-known/", "/healthz", "/readyz")
BUSY_SECONDS: Final = 5
NOT_STORED_SECONDS: Final = 60
REASONS: Final = {404: "not-found", 405: "method"}

log = logging.getLogger("homecheck.collector")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Machine:
    """The handlers for agents."""

    collector: Collector
    readiness: Readiness

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/.well-known/homecheck", self.well_known),
            Route("/v1/jwks", self.keys),
            Route("/v1/invites/{code}", self.invite),
            Route("/v1/enrolments", self.enrol, methods=["POST"]),
            Route("/v1/policies/{program}", self.policy),
            Route("/v1/challenge", self.challenge, methods=["POST"]),
            Route("/v1/evidence/{id}", self.evidence, methods=["PUT"]),
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
        ]

    async def well_known(self, _: Request) -> Response:
        """Say who this is and where its parts are."""
        return json_response(
            {
                "v": VERSION,
                "role": "collector",
                "name": self.collector.name,
                "url": self.collector.url,
                "jwks_uri": f"{self.collector.url}/v1/jwks",
                "responders": enrolment.responders(self._db()),
            }
        )

    async def keys(self, _: Request) -> Response:
        """Return the public keys as a JWK set (RFC 7517)."""
        return json_response(jwks(self.collector.public_keys()))

    async def invite(self, request: Request) -> Response:
        """Say what an invitation is for, before anything is sent."""
        db = self._db()
        found = enrolment.open_invite(db, request.path_params["code"], self.collector.clock())
        return json_response(enrolment.describe(self.collector, db, found))

    async def enrol(self, request: Request) -> Response:
        """Enrol a device key."""
        envelope = await read_body(request, JOSE, MAX_ENROLMENT)
        wanted = enrolment.read_request(envelope, self.collector.url)
        work = partial(
            enrolment.redeem, request=wanted, now=self.collector.clock(), source_address=source_address(request)
        )
        outcome = await self._write(work)
        if isinstance(outcome, Problem):
            raise outcome
        document = enrolment.answer(self.collector, self._db(), outcome.device)
        return json_response(document, 201 if outcome.created else 200)

    async def policy(self, request: Request) -> Response:
        """Return a program's policy, signed."""
        program = programs.find(self._db(), request.path_params["program"])
        if program is None:
            raise Problem("not-found", "there is no such program")
        return jose_response(enrolment.signed_policy(self.collector, program))

    async def challenge(self, request: Request) -> Response:
        """Return a fresh challenge for a device that is enrolled."""
        record = Record(parse_object(await read_body(request, JSON, MAX_JSON)), "challenge", "bad-request")
        kid = record.text("device", max_length=100)
        record.done()
        intake.check_not_revoked(intake.find_device(self._db(), kid), self.collector.clock())
        fresh = intake.new_challenge(self.collector, kid)
        return json_response({"nonce": fresh.nonce, "expires_at": to_text(fresh.expires_at)})

    async def evidence(self, request: Request) -> Response:
        """Take evidence and answer with its receipt: 201 for new bytes, 200 for bytes that are known."""
        envelope = await read_body(request, JOSE, MAX_ENVELOPE)
        upload = intake.Upload(envelope, request.path_params["id"], source_address(request), self.collector.clock())
        outcome = intake.take(self.collector, upload)
        if isinstance(outcome, bytes):
            return jose_response(outcome, 200)
        kept = await durable(outcome)
        return jose_response(intake.receipt_or_conflict(kept), 201 if kept.created else 200)

    async def health(self, _: Request) -> Response:
        """Say that the event loop turns."""
        return json_response({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Say whether evidence could be taken now: the database takes writes and the key can be read."""
        await self.readiness.check()
        return json_response({"status": "ready"})

    def _db(self) -> Connection:
        return self.collector.readers()

    async def _write(self, work: Callable[[Connection], Result]) -> Result:
        return await durable(self.collector.writer.submit(work))


async def durable(future: Future[Result]) -> Result:
    """Wait until the writer has committed."""
    return await asyncio.wrap_future(future)


def source_address(request: Request) -> str:
    """Return where the request came from, as far as the connection (or our own proxy) tells."""
    return request.client.host if request.client else ""


def json_response(document: dict[str, Any], status: int = 200) -> Response:
    """Return `document` as JSON."""
    return Response(serialize(document), status, media_type=JSON)


def jose_response(envelope: bytes, status: int = 200) -> Response:
    """Return a signed document."""
    return Response(envelope, status, media_type=JOSE)


def application(collector: Collector) -> ASGIApp:
    """Return the application. Its writer starts and ends with it."""
    dashboard = Dashboard(collector)

    async def refuse(request: Request, error: Exception) -> Response:
        problem = as_problem(error)
        if request.url.path.startswith(MACHINE_PATHS):
            return Response(serialize(problem.members()), problem.status, dict(problem.headers), MEDIA_TYPE)
        return await run_in_threadpool(dashboard.problem, request, problem)

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        collector.writer.start()
        try:
            yield
        finally:
            # In a thread: what waits is written first, and its answers still have to leave through this loop.
            await asyncio.to_thread(collector.writer.stop)
            collector.readers.close()

    app = Starlette(
        routes=[*Machine(collector, Readiness(collector)).routes(), *dashboard.routes()],
        exception_handlers={
            **dict.fromkeys((Problem, Refused, Busy, NotStored, KeyStoreError, sqlite3.Error, HTTPException), refuse),
            ClientDisconnect: gone,
            Exception: refuse,  # the last resort; Starlette raises the error again behind it, and uvicorn logs it
        },
        lifespan=running,
    )
    app.router.redirect_slashes = False  # an address has one spelling; agents follow no redirect
    return SecurityHeaders(app, collector.secure)  # around everything, the last resort included


def as_problem(error: Exception) -> Problem:
    """Return what the client is told about an error; nothing internal is in it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return Problem.of(error)
    if isinstance(error, Busy):
        return retry_later("slow-down", error.message, BUSY_SECONDS)
    if isinstance(error, NotStored | sqlite3.Error):
        log.error("nothing can be stored: %s", error)
        return retry_later("not-stored", "the collector cannot store anything at the moment", NOT_STORED_SECONDS)
    if isinstance(error, HTTPException):
        reason = REASONS.get(error.status_code, "bad-request")
        return Problem(reason, PROBLEMS[reason].title, status=error.status_code, headers=error.headers)
    return Problem("internal", "an error that nobody expected; it was logged")

"""The application: routes for agents, and around them what every answer has in common.

    GET  /.well-known/homecheck · GET /v1/jwks
    GET  /v1/invites/{code}          POST /v1/enrolments
    GET  /v1/policies/{program}      POST /v1/challenge      PUT /v1/evidence/{id}
    POST /v1/keys/rotation
    POST /v1/callbacks               POST /v1/callbacks/{id}/answer
    POST /v1/results                 POST /v1/credentials           POST /v1/stored
    GET  /v1/log/checkpoint · GET /v1/log/proof/{digest} · GET /v1/log/consistency/{first}/{second}
    GET  /healthz · GET /readyz · GET /metrics
    …    /v1/admin/…                 for programs with a token: `homecheck.collector.api`; GET /openapi.json

Everything that is refused is a problem document (RFC 9457). The routes for people are those of `views`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from homecheck.collector import callbacks, enrolment, intake, results, rotation, stored
from homecheck.collector.api import routes as api
from homecheck.collector.body import (
    JOSE,
    JSON,
    MAX_CALLBACK,
    MAX_ENROLMENT,
    MAX_JSON,
    MAX_REQUEST,
    MAX_ROTATION,
    SD_JWT,
    read_body,
)
from homecheck.collector.context import Collector
from homecheck.collector.devices import check_counts, find_device
from homecheck.collector.errand import unending
from homecheck.collector.headers import SecurityHeaders
from homecheck.collector.log import proof_of_growth
from homecheck.collector.log_memory import EVERY_SECONDS, remember
from homecheck.collector.metrics import State
from homecheck.collector.postman import Postman
from homecheck.collector.problems import MEDIA_TYPE, PROBLEMS, Problem, retry_later
from homecheck.collector.quick_uploads import STOPPED, QuickUploads, Stopped
from homecheck.collector.readiness import Readiness
from homecheck.collector.reception import Reception
from homecheck.collector.repetitions import Repetitions
from homecheck.collector.retention import keep_promises
from homecheck.collector.stopping import answered_when_stopped
from homecheck.collector.store import evidence, programs
from homecheck.collector.store import results as stored_results
from homecheck.collector.store.database import Connection, Readers
from homecheck.collector.store.evidence import Kept
from homecheck.collector.store.failures import Busy, NotStored, Rejected
from homecheck.collector.store.results import StoredResult
from homecheck.collector.uploads import Gate, past_the_router
from homecheck.collector.views.dashboard import routes
from homecheck.collector.views.site import Site
from homecheck.collector.watch import REASON, Watch, Watched
from homecheck.collector.webhooks import Courier
from homecheck.errors import KeyStoreError, Refused, StateError
from homecheck.result import Asks
from homecheck.signing import MAX_ENVELOPE, jwks
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import Record, parse_object, serialize
from homecheck.tlog_proof import TlogProof

VERSION: Final = 1
MACHINE_PATHS: Final = ("/v1/", "/.well-known/", "/healthz", "/readyz", "/metrics", "/openapi.json")
LOG_SIZE: Final = re.compile(r"[1-9][0-9]{0,17}")
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
BUSY_SECONDS: Final = 5
NOT_STORED_SECONDS: Final = 60
DAY_SECONDS: Final = 86_400
# Threads that make pages, each with its own connection. More would only make each slower, reach a database's limits to
# connections and to the time of a statement, and have uploads wait longer, which read elsewhere.
PAGES_AT_ONCE: Final = 8
REASONS: Final = {404: "not-found", 405: "method"}

log = logging.getLogger("homecheck.collector")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Machine:
    """The handlers for agents."""

    collector: Collector
    readiness: Readiness
    watch: Watch
    reception: Reception
    gate: Gate = field(default_factory=Gate)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/.well-known/homecheck", self.well_known),
            Route("/v1/jwks", self.keys),
            Route("/v1/invites/{code}", self.invite),
            Route("/v1/enrolments", self.enrol, methods=["POST"]),
            Route("/v1/policies/{program}", self.policy),
            Route("/v1/challenge", self.challenge, methods=["POST"]),
            Route("/v1/evidence/{id}", self.evidence, methods=["PUT"]),  # see also `uploads.past_the_router`
            Route("/v1/keys/rotation", self.rotate, methods=["POST"]),
            Route("/v1/callbacks", self.call_back, methods=["POST"]),
            Route("/v1/callbacks/{id}/answer", self.answer_call, methods=["POST"]),
            Route("/v1/results", self.result, methods=["POST"]),
            Route("/v1/credentials", self.credential, methods=["POST"]),
            Route("/v1/stored", self.stored, methods=["POST"]),
            Route("/v1/log/checkpoint", self.log_checkpoint),
            Route("/v1/log/proof/{digest}", self.log_proof),
            Route("/v1/log/consistency/{first}/{second}", self.log_consistency),
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
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
                "responders": await self.reception.ask(enrolment.responders),
                "log": {"key": self.collector.log.key.vkey, "url": f"{self.collector.url}/v1/log"},
            }
        )

    async def keys(self, _: Request) -> Response:
        """Return the public keys as a JWK set (RFC 7517)."""
        return json_response(jwks(self.collector.public_keys()))

    async def invite(self, request: Request) -> Response:
        """Say what an invitation is for, before anything is sent."""

        def described(db: Connection) -> dict[str, Any]:
            found = enrolment.open_invite(db, request.path_params["code"], self.collector.clock())
            return enrolment.describe(self.collector, db, found)

        return json_response(await self.reception.ask(described))

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
        device = outcome.device
        document = await self.reception.ask(lambda db: enrolment.answer(self.collector, db, device))
        return json_response(document, 201 if outcome.created else 200)

    async def policy(self, request: Request) -> Response:
        """Return a program's policy, signed."""
        program = await self.reception.ask(partial(programs.find, program=request.path_params["program"]))
        if program is None:
            raise Problem("not-found", "there is no such program")
        return jose_response(enrolment.signed_policy(self.collector, program))

    async def challenge(self, request: Request) -> Response:
        """Return a fresh challenge for a device that is enrolled."""
        record = Record(parse_object(await read_body(request, JSON, MAX_JSON)), "challenge", "bad-request")
        kid = record.text("device", max_length=100)
        record.done()
        check_counts(await self.reception.ask(partial(find_device, kid=kid)), self.collector.clock())
        self.collector.pace.check(kid, source_address(request))
        fresh = intake.new_challenge(self.collector, kid)
        return json_response({"nonce": fresh.nonce, "expires_at": to_text(fresh.expires_at)})

    async def evidence(self, request: Request) -> Response:
        """Take evidence and answer with its receipt: 201 for new bytes, 200 for bytes that are known."""
        stopped = request.scope.get(STOPPED)
        if isinstance(stopped, Stopped):  # on its short way
            found = await stopped.found if isinstance(stopped.found, asyncio.Future) else stopped.found
            return receipt_response(await self.reception.settle(stopped.upload, found))
        envelope = await read_body(request, JOSE, MAX_ENVELOPE)
        upload = intake.Upload(envelope, request.path_params["id"], source_address(request), self.collector.clock())

        async def take() -> Response:
            return receipt_response(await self.reception.take(upload))

        return await self.gate.through(take)

    async def rotate(self, request: Request) -> Response:
        """Put a new device key in the place of the one that signs."""
        envelope = await read_body(request, JOSE, MAX_ROTATION)
        wanted = await self.reception.ask(lambda db: rotation.read_request(db, envelope, self.collector.url))
        self.collector.pace.check(wanted.old.key.kid)
        work = partial(
            rotation.succeed, request=wanted, now=self.collector.clock(), source_address=source_address(request)
        )
        outcome = await self._write(work)
        if isinstance(outcome, Problem):
            raise outcome
        document = await self.reception.ask(partial(rotation.answer, heir=outcome.heir))
        return json_response(document, 201 if outcome.created else 200)

    async def call_back(self, request: Request) -> Response:
        """Promise a call to the number on file; the code is told to those who place it, never here."""
        envelope = await read_body(request, JOSE, MAX_CALLBACK)
        asked = await self.reception.ask(lambda db: callbacks.read_request(self.collector, db, envelope))
        now = self.collector.clock()
        self.collector.pace.check(asked.device.key.kid)
        one, created = await self._write(partial(callbacks.ask, asked=asked, now=now))
        document = {
            "id": one.id,
            "ends_with": one.phone[-2:],
            "expires_at": to_text(one.expires_at),
            "seconds": (one.expires_at - now).total_seconds(),
        }
        return json_response(document, 201 if created else 200)

    async def answer_call(self, request: Request) -> Response:
        """Say whether the digits were the code, with a signed confirmation when that is settled."""
        envelope = await read_body(request, JOSE, MAX_CALLBACK)
        name = request.path_params["id"]
        device, heard = await self.reception.ask(lambda db: callbacks.read_answer(self.collector, db, name, envelope))
        self.collector.pace.check(device.key.kid)
        work = partial(
            callbacks.answer,
            device=device,
            heard=heard,
            secret=self.collector.keys.challenge_secret,
            now=self.collector.clock(),
            source_address=source_address(request),
        )
        one = await self._write(work)
        signed = callbacks.confirmation(self.collector, one)
        return json_response(
            {
                "result": one.state if signed else None,
                "attempts_left": callbacks.ATTEMPTS - one.attempts,
                "confirmation": signed.decode() if signed else None,
            }
        )

    async def result(self, request: Request) -> Response:
        """Return what was found about evidence of the device that asks, signed for third parties."""
        asked, found = await self._result(request, "result")
        results.checked(self.collector, asked, found)
        return jose_response(found.document)

    async def credential(self, request: Request) -> Response:
        """Return the same as a credential, of which its holder can show a part."""
        asked, found = await self._result(request, "credential")
        made = results.credential_of(self.collector, asked, results.checked(self.collector, asked, found))
        return Response(made, media_type=SD_JWT)

    async def stored(self, request: Request) -> Response:
        """Return everything that is stored about the person whose device asks."""
        envelope = await read_body(request, JOSE, MAX_REQUEST)

        def document(db: Connection) -> dict[str, Any]:
            return stored.document(self.collector, db, *results.read_asked(self.collector, db, envelope, "stored"))

        return json_response(await self.reception.ask(document))

    async def _result(self, request: Request, asks: Asks) -> tuple[results.Asked, StoredResult]:
        envelope = await read_body(request, JOSE, MAX_REQUEST)

        def read(db: Connection) -> tuple[results.Asked, StoredResult | None]:
            asked = results.read_request(self.collector, db, envelope, asks)
            return asked, stored_results.latest(db, asked.stored.summary.position)

        asked, found = await self.reception.ask(read)
        if found is None:  # received before there were any
            found = await self._write(partial(results.current, collector=self.collector, found=asked.stored))
        return asked, found

    async def log_checkpoint(self, _: Request) -> Response:
        """Return the log's newest checkpoint, a signed note."""
        return text_response(await self.reception.ask(self.collector.log.checkpoint))

    async def log_proof(self, request: Request) -> Response:
        """Return the proof that the receipt of this evidence is in the log, under its newest checkpoint."""

        def proven(db: Connection) -> TlogProof | None:
            position = evidence.position_of(db, request.path_params["digest"])
            return None if position is None else self.collector.log.later_proof(db, position)

        proof = await self.reception.ask(proven)
        if proof is None:
            raise Problem("not-found", "the log holds nothing under this digest")
        return text_response(proof.text())

    async def log_consistency(self, request: Request) -> Response:
        """Return the proof that the log only grew between two sizes, one hash a line."""
        first, second = request.path_params["first"], request.path_params["second"]
        known = LOG_SIZE.fullmatch(first) and LOG_SIZE.fullmatch(second)
        proof = None
        if known:
            proof = await self.reception.ask(lambda db: proof_of_growth(db, int(first), int(second)))
        if proof is None:
            raise Problem("not-found", f"the log has not had {first:.20} and then {second:.20} entries")
        return text_response(proof)

    async def health(self, _: Request) -> Response:
        """Say that the event loop turns."""
        return json_response({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Say whether evidence could be taken now: the database takes writes and the key can be read."""
        await self.readiness.check()
        return json_response({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """Return numbers for Prometheus, to those who may read them; to others nothing is here."""
        if not self.watch.access.allows(source_address(request), request.headers.get("Authorization", "")):
            raise Problem("not-found", "there is nothing here, or nothing for you")
        return Response(await run_in_threadpool(self._numbers), media_type=PROMETHEUS)

    def _numbers(self) -> bytes:
        one = self.collector
        return self.watch.metrics.text(State(one.readers, one.clock(), one.writer.waiting, self.watch.certificate))

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


def text_response(text: str) -> Response:
    """Return a plain text."""
    return Response(text, media_type="text/plain")


def jose_response(envelope: bytes, status: int = 200) -> Response:
    """Return a signed document."""
    return Response(envelope, status, media_type=JOSE)


def receipt_response(kept: Kept) -> Response:
    """Return the receipt: with 201 for new bytes, 200 for bytes that are known."""
    return jose_response(intake.receipt_or_conflict(kept), 201 if kept.created else 200)


def application(collector: Collector, watch: Watch | None = None) -> ASGIApp:
    """Return the application. Its writer starts and ends with it, and `watch` counts what it does."""
    watch = watch or Watch()
    collector.writer.observe = watch.metrics.commit
    site = Site(collector)

    async def refuse(request: Request, error: Exception) -> Response:
        problem = as_problem(error)
        if isinstance(error, Rejected) and request.method in ("GET", "HEAD"):
            problem = Problem("not-found", "nothing can have this name")
        request.scope[REASON] = problem.reason
        if request.url.path.startswith(MACHINE_PATHS):
            return Response(serialize(problem.members()), problem.status, dict(problem.headers), MEDIA_TYPE)
        return await run_in_threadpool(site.problem, request, problem)

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    receiving = replace(collector, readers=Readers(collector.readers.database.for_uploads()))
    machine = Machine(collector, Readiness(collector), watch, Reception(receiving))

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = PAGES_AT_ONCE
        collector.writer.start()
        chores = (remember_the_log, keep_promises, keep_months)
        tasks = [asyncio.create_task(unending(chore, collector)) for chore in chores]
        errands = (Courier(collector), Postman(collector), Repetitions(collector))
        for errand in errands:
            errand.start()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*(asyncio.to_thread(errand.stop) for errand in errands))
            # In a thread: what waits is written first, and its answers still have to leave through this loop.
            await asyncio.to_thread(collector.writer.stop)
            await asyncio.to_thread(machine.reception.close)
            await asyncio.to_thread(_remember, collector)
            receiving.readers.close()
            collector.readers.close()

    every = [*machine.routes(), *api.routes(collector), *routes(site)]
    refused = (Problem, Refused, Busy, NotStored, Rejected, KeyStoreError, HTTPException)
    app = Starlette(
        routes=every,
        exception_handlers={
            **dict.fromkeys(refused, refuse),
            ClientDisconnect: gone,
            Exception: refuse,  # the last resort; Starlette raises the error again behind it, and uvicorn logs it
        },
        lifespan=running,
    )
    app.router.redirect_slashes = False  # an address has one spelling; agents follow no redirect
    quick = past_the_router(app, machine.evidence, refuse, gone, refused)
    answered = answered_when_stopped(quick, refuse)
    headed = SecurityHeaders(answered, collector.secure)  # around everything, the last resort included
    uploads = QuickUploads(machine.reception, machine.gate, watch, collector.clock, collector.secure)
    return Watched(headed, watch, every, uploads)


async def remember_the_log(collector: Collector) -> None:
    """Keep the log's newest checkpoint beside the keys, now and once a minute."""
    while True:
        await asyncio.to_thread(_remember, collector)
        await asyncio.sleep(EVERY_SECONDS)


async def keep_months(collector: Collector) -> None:
    """Have the database make the tables of the months to come, now and once a day."""
    while True:
        try:
            await durable(collector.writer.submit(lambda db: db.make_months(collector.clock())))
        except (Busy, NotStored) as error:
            log.error("the tables of the months to come cannot be made: %s", error)  # there is one for all others
        await asyncio.sleep(DAY_SECONDS)


def _remember(collector: Collector) -> None:
    try:
        remember(collector.log, collector.readers(), collector.keys_folder)
    except (StateError, NotStored) as error:
        log.error("the log's checkpoint cannot be kept: %s", error)  # nothing is lost: the next one says more


def as_problem(error: Exception) -> Problem:
    """Return what the client is told about an error; nothing internal is in it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return Problem.of(error)
    if isinstance(error, Busy):
        return retry_later("slow-down", error.message, BUSY_SECONDS)
    if isinstance(error, NotStored):
        log.error("the database takes and gives nothing: %s", error)
        return retry_later(
            "not-stored", "the collector's database takes and gives nothing at the moment", NOT_STORED_SECONDS
        )
    if isinstance(error, Rejected):  # a text with NUL, mostly, which PostgreSQL does not take
        log.error("%s", error)
        return Problem("bad-request", "it holds what cannot be stored")
    if isinstance(error, HTTPException):
        reason = REASONS.get(error.status_code, "bad-request")
        return Problem(reason, PROBLEMS[reason].title, status=error.status_code, headers=error.headers)
    return Problem("internal", "an error that nobody expected; it was logged")

"""The HTTP end: sessions, downloads, uploads, signed observations. Errors are RFC 9457 problem documents.

    GET  /.well-known/homecheck          who this is, UDP ports, public key, limits
    GET  /v1/jwks · GET /healthz
    POST /v1/sessions                    {"nonce": text or null, "also": [text, …]} -> 201 {session, token, udp, limits}
    GET  /v1/download                    random bytes without end, until a cap or until the agent closes
    POST /v1/upload                      a sink
    GET  /v1/small                       one byte
    GET  /v1/progress                    lines of JSON, ten a second: what the sink has received
    POST /v1/sessions/{session}/finish   -> the signed observation, application/jose; the token is void from then on

Who is measured for several programs at once names a challenge of each (`also`): the observation is then signed once for
each, a line for each in their order, so that none of them learns of the others.
Everything but the first three lines takes ``Authorization: Bearer TOKEN``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from homecheck import __version__
from homecheck.clock import utc_now
from homecheck.errors import Refused
from homecheck.instruments import tcp_info
from homecheck.instruments.byte_bins import BIN_SECONDS
from homecheck.observation import MAX_NONCE, MAX_NONCES
from homecheck.responder.sessions import Busy, Session, Sessions, Side
from homecheck.signing import OBSERVATION, Signer, base64url, jwks, sign
from homecheck.strict_json import Record, parse_object, serialize

BLOCK: Final = os.urandom(256 * 1024)  # random, so that nothing on the way can compress it
PROGRESS_SECONDS: Final = 0.1
JANITOR_SECONDS: Final = 1.0
MAX_BODY: Final = 32_768  # bytes of a request that is read as a whole
BODY_SECONDS: Final = 10.0  # that such a body may take
MOST_STREAMS: Final = 64  # one after the other, each way: each is kept and asked until the session ends
MOST_WATCHERS: Final = 4  # of one session's progress
CONGESTION_CONTROLS: Final = ("cubic", "bbr")  # that an agent may ask for

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Responder:
    """The handlers and what they share."""

    sessions: Sessions
    signer: Signer
    udp_port: int
    name: str = "responder"
    services: Mapping[str, Any] = field(default_factory=dict)  # further members of the well-known document
    heads: set[object] = field(default_factory=set)  # connections that have sent a complete request
    now: Callable[[], datetime] = utc_now

    def application(self) -> web.Application:
        """Return the application with its routes and its janitor."""
        app = web.Application(middlewares=[problems, self._remember], client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.get("/.well-known/homecheck", self.well_known),
                web.get("/v1/jwks", self.keys),
                web.get("/healthz", health),
                web.post("/v1/sessions", self.open_session),
                web.post("/v1/sessions/{session}/finish", self.finish),
                web.get("/v1/download", self.download, allow_head=False),  # its answer has a body
                web.post("/v1/upload", self.upload),
                web.get("/v1/progress", self.progress, allow_head=False),
                web.get("/v1/small", self.small),
            ]
        )
        app.cleanup_ctx.append(self._background)
        app.on_shutdown.append(self._close_sessions)
        return app

    async def well_known(self, _: web.Request) -> web.Response:
        """Say who this is."""
        return json_response(
            {
                "role": "responder",
                "name": self.name,
                "software": f"homecheck/{__version__}",
                "udp_port": self.udp_port,
                "jwk": self.signer.public.jwk(),
                "limits": self.sessions.limits.to_json(),
                "proven": self.sessions.proofs.proven(),
                **self.services,
            }
        )

    async def keys(self, _: web.Request) -> web.Response:
        """Return the public key as a JWK set."""
        return json_response(jwks({self.signer.public.kid: self.signer.public}))

    async def open_session(self, request: web.Request) -> web.Response:
        """Open a session; its secrets go to whoever asks, over TLS."""
        record = Record(parse_object(await _whole_body(request)), "session", "bad-request")
        nonce = record.text_or_none("nonce", max_length=MAX_NONCE) if record.has("nonce") else None
        also = record.texts("also") if record.has("also") else ()
        record.done()
        if len(also) >= MAX_NONCES or any(len(one) > MAX_NONCE for one in also):
            raise Refused("bad-request", f"session: also: at most {MAX_NONCES - 1} texts of {MAX_NONCE} characters")
        session = self.sessions.open((nonce, *also), request.remote or "", self.now())
        limits = self.sessions.limits
        udp = {"port": self.udp_port, "ssid": session.ssid, "flows": limits.flows, "key": base64url(session.key)}
        document = {"session": session.id, "token": session.token, "udp": udp, "limits": limits.to_json()}
        return json_response(document, status=201)

    async def finish(self, request: web.Request) -> web.Response:
        """Close the session and return what was seen, signed; the agent says which services answered it."""
        session = self._session(request)
        record = Record(parse_object(await _whole_body(request) or b"{}"), "finish", "bad-request")
        answered = record.texts("answered") if record.has("answered") else ()
        record.done()
        if session.id != request.match_info["session"] or not session.open:  # closed while the body came
            raise web.HTTPNotFound(text="no such session is open")
        self.sessions.close(session)
        self.sessions.note_answered(session, answered)
        seen = [sign(one.to_bytes(), OBSERVATION, self.signer) for one in session.observations(self.now())]
        return web.Response(body=b"\n".join(seen), content_type="application/jose", headers=NO_STORE)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Send random bytes until the agent closes or a cap is reached."""
        session = self._session(request)
        side, limits = session.download, self.sessions.limits
        self._admit(side)
        response = web.StreamResponse(headers={**NO_STORE, "Content-Type": "application/octet-stream"})
        response.content_length = limits.bytes
        response.force_close()
        connection = _socket(request)
        if (wanted := request.query.get("congestion")) in CONGESTION_CONTROLS:
            tcp_info.use_congestion_control(connection, wanted)
        with self.sessions.load(session, side, connection) as stream:
            counts_itself = stream.info is None  # where the kernel does not tell what was acknowledged
            async with _bounded(request, limits.stream_seconds):
                await response.prepare(request)
                for _ in range(max(0, limits.bytes - side.total) // len(BLOCK)):
                    if not session.open or side.total >= limits.bytes:
                        break
                    await response.write(BLOCK)
                    await asyncio.sleep(0)  # a write that the kernel takes at once does not let the others run
                    if counts_itself:
                        side.count(len(BLOCK))
            if not counts_itself:
                side.count_acknowledged()  # before the stream is over: later reports would stretch the bins
        return response

    async def upload(self, request: web.Request) -> web.Response:
        """Count what arrives and throw it away."""
        session = self._session(request)
        side, limits = session.upload, self.sessions.limits
        self._admit(side)
        with self.sessions.load(session, side, _socket(request)):
            async with _bounded(request, limits.stream_seconds) as body:
                async for chunk in request.content.iter_any():
                    side.count(len(chunk))
                    if not session.open or side.total >= limits.bytes:
                        break
                else:
                    body.whole = True
        return json_response({"bytes": side.total})

    async def small(self, request: web.Request) -> web.Response:
        """Return one byte: what takes time is the way there and back."""
        self._session(request)
        return web.Response(body=b"\0", headers={**NO_STORE, "Content-Type": "application/octet-stream"})

    async def progress(self, request: web.Request) -> web.StreamResponse:
        """Tell ten times a second what the sink has received: seconds since its first stream, bytes."""
        session = self._session(request)
        if session.watchers >= MOST_WATCHERS:
            raise Busy("too many watch this session", 1)
        response = web.StreamResponse(headers={**NO_STORE, "Content-Type": "application/x-ndjson"})
        response.force_close()
        with session.watched():
            await self._tell_progress(request, session, response)
        return response

    async def _tell_progress(self, request: web.Request, session: Session, response: web.StreamResponse) -> None:
        async with _bounded(request, 2 * self.sessions.limits.stream_seconds):
            await response.prepare(request)
            while session.open:
                bins = session.upload.bins
                seconds = session.upload.clock() - bins.start if bins else 0.0
                line = {"seconds": round(seconds, 6), "bytes": bins.total if bins else 0}
                await response.write(serialize(line) + b"\n")
                await asyncio.sleep(PROGRESS_SECONDS)

    def _session(self, request: web.Request) -> Session:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        session = self.sessions.find(token) if scheme == "Bearer" else None
        if session is None:
            raise web.HTTPUnauthorized(text="no session is open for this token", headers={"WWW-Authenticate": "Bearer"})
        return session

    def _admit(self, side: Side) -> None:
        if side.active >= self.sessions.limits.streams:
            raise Busy("too many streams in this session", 1)
        if len(side.streams) >= MOST_STREAMS:
            raise web.HTTPForbidden(text="this session has used up its streams")
        if side.total >= self.sessions.limits.bytes:
            raise web.HTTPForbidden(text="this session has used up its bytes")

    @web.middleware
    async def _remember(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.heads.add(request.protocol)
        return await handler(request)

    async def _background(self, _: web.Application) -> Any:
        tasks = [asyncio.create_task(work) for work in (self._watch(), self._tidy())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        """Ask the kernel every 50 ms what the agents have acknowledged."""
        while True:
            await asyncio.sleep(BIN_SECONDS)
            self._ask_kernel()  # on its own, so that no session is kept in memory by the name of a loop's last one

    def _ask_kernel(self) -> None:
        for session in list(self.sessions.loading.values()):
            if session.download.active and session.download.streams[0].info is not None:
                session.download.count_acknowledged()
                session.download.note_round_trip()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(JANITOR_SECONDS)
            self.sessions.drop_expired()

    async def _close_sessions(self, _: web.Application) -> None:
        self.sessions.close_all()


NO_STORE: Final = {"Cache-Control": "no-store"}


async def health(_: web.Request) -> web.Response:
    """Say that the event loop turns."""
    return json_response({"status": "ok"})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what goes wrong into a problem document."""
    try:
        return await handler(request)
    except Busy as error:
        return problem(429, "busy", str(error), {"Retry-After": str(error.retry_seconds)})
    except Refused as error:
        return problem(400, error.reason, error.message)
    except (ConnectionError, web.RequestPayloadError):
        return problem(400, "gone", "the client left in the middle of its request")  # read by nobody
    except web.HTTPException as error:
        kept = {name: error.headers[name] for name in ("Allow", "WWW-Authenticate") if name in error.headers}
        return problem(error.status, REASONS.get(error.status, "refused"), error.text or error.reason, kept)


REASONS: Final = {
    401: "token",
    403: "used-up",
    404: "not-found",
    405: "method",
    408: "too-slow",
    413: "too-large",
}


def problem(status: int, reason: str, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an RFC 9457 problem document whose type names the reason."""
    body = {"type": f"/problems/{reason}", "title": reason, "status": status, "detail": detail}
    return web.Response(
        body=serialize(body),
        status=status,
        content_type="application/problem+json",
        headers={**NO_STORE, **(headers or {})},
    )


def json_response(document: dict[str, Any], status: int = 200) -> web.Response:
    """Return `document` as JSON."""
    return web.Response(body=serialize(document), status=status, content_type="application/json", headers=NO_STORE)


async def _whole_body(request: web.Request) -> bytes:
    """Return a small body; one that does not come must not hold its connection for ever."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"no complete request within {BODY_SECONDS:.0f} seconds") from None


def _socket(request: web.Request) -> Any:
    assert request.transport is not None
    return request.transport.get_extra_info("socket")


@dataclass
class Body:
    """A body under way; `whole` once everything was received."""

    whole: bool = False


@asynccontextmanager
async def _bounded(request: web.Request, seconds: float) -> AsyncIterator[Body]:
    """Give a body `seconds`, and cut its connection off unless it became whole.

    A body that ends early must not look complete, and an agent that stalls or is gone must not be waited for, also when
    the responder itself ends.
    """
    body = Body()
    try:
        with suppress(TimeoutError, ConnectionError, web.RequestPayloadError):
            async with asyncio.timeout(seconds):
                yield body
    finally:
        if not body.whole and request.transport is not None:
            request.transport.abort()

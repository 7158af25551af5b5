"""A real responder with one thing wrong, in a process of its own: ``KIND responder serve …`` as `python -m homecheck`.

Kinds: forgets (a session lasts 8 s), token (no token is known), lies-rate, lies-loss, lies-bytes, lies-less, unsigned
(another key signs than the one it names), replays (the first observation again and again), clock (steps by an hour 8 s
after each session has begun), full (no session is free).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.cli import run
from homecheck.keys import SoftwareKey
from homecheck.observation import SessionObservation
from homecheck.responder import limits, serve
from homecheck.responder.app import Responder
from homecheck.responder.sessions import Busy, Session
from homecheck.signing import OBSERVATION, sign
from homecheck.standards import rfc_8762

LAST_SECONDS = 8.0
HOUR_NS = 3_600_000_000_000
STRANGER = SoftwareKey.generate()
ours: list[bytes] = []


class Lying(Responder):
    """Signs something else than it saw."""

    def lie(self, seen: SessionObservation) -> SessionObservation:
        return seen

    async def finish(self, request: web.Request) -> web.Response:
        session = self._session(request)
        self.sessions.close(session)
        return web.Response(body=sign(self.lie(session.observe(self.now())).to_bytes(), OBSERVATION, self.signer))


class FasterRate(Lying):
    def lie(self, seen: SessionObservation) -> SessionObservation:
        return replace(seen, upload=replace(seen.upload, rate_mbit_s=5000.0))


class NothingLost(Lying):
    def lie(self, seen: SessionObservation) -> SessionObservation:
        return replace(seen, udp=())


class MoreBytes(Lying):
    def lie(self, seen: SessionObservation) -> SessionObservation:
        return replace(seen, upload=replace(seen.upload, bytes=seen.upload.bytes * 9))


class FewerBytes(Lying):
    def lie(self, seen: SessionObservation) -> SessionObservation:
        return replace(
            seen,
            download=replace(seen.download, bytes=1, bins=(), rate_mbit_s=None, uncertainty_mbit_s=None, steady=False),
        )


class Unsigned(Lying):
    async def finish(self, request: web.Request) -> web.Response:
        session = self._session(request)
        self.sessions.close(session)
        return web.Response(body=sign(session.observe(self.now()).to_bytes(), OBSERVATION, STRANGER))


class Replaying(Responder):
    async def finish(self, request: web.Request) -> web.Response:
        answer = await super().finish(request)
        assert isinstance(answer.body, bytes)
        ours.append(answer.body)
        return web.Response(body=ours[0])


class Unknown(Responder):
    def _session(self, request: web.Request) -> Session:
        raise web.HTTPUnauthorized


class Full(Responder):
    async def open_session(self, request: web.Request) -> web.Response:
        raise Busy("no session is free", 30)


KINDS = {
    "lies-rate": FasterRate, "lies-loss": NothingLost, "lies-bytes": MoreBytes, "lies-less": FewerBytes,
    "unsigned": Unsigned, "replays": Replaying, "token": Unknown, "full": Full,
}  # fmt: skip


def stepping(to_ntp: Callable[[int], int]) -> Callable[[int], int]:
    """Return the clock of replies that jumps by an hour, eight seconds after it was first read."""
    first: list[float] = []

    def stepped(wall_ns: int) -> int:
        if not first:
            first.append(time.monotonic())
        return to_ntp(wall_ns + (time.monotonic() - first[0] > LAST_SECONDS) * HOUR_NS)

    return stepped


kind = sys.argv[1]
if kind == "forgets":
    patch.object(limits, "Limits", partial(limits.Limits, session_seconds=LAST_SECONDS)).start()
elif kind == "clock":
    patch.object(rfc_8762, "to_ntp", stepping(rfc_8762.to_ntp)).start()
else:
    patch.object(serve, "Responder", KINDS[kind]).start()
sys.exit(run(sys.argv[2:]))

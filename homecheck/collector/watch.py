"""Each request is counted, and told in one line of the log: method, address, status, time, from where, and why refused.

The line has no secret: codes of invitations and links to sign in are masked, what stands behind a question mark is
left out, and no header is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homecheck.collector.metrics import UPLOAD, Metrics
from homecheck.collector.metrics_access import MetricsAccess

BEGAN: Final = "homecheck.began"  # in the scope of a request: when it began, where that was before it came here
REASON: Final = "homecheck.reason"  # in the scope of a request: the reason of the problem that answered it
SECRET: Final = ("code", "token")  # parameters of addresses that let somebody in
MASK: Final = "***"
LONGEST_SEGMENT: Final = 16  # characters of an address that no route knows: codes and tokens have more
LONGEST_PATH: Final = 200
UNKNOWN: Final = "other"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")  # others are made up by clients


class Answered(NamedTuple):
    """A request that was answered: `route` is the pattern of its address, `reason` names the problem, if it was one."""

    method: str
    route: str
    path: str
    status: int
    seconds: float
    source: str
    reason: str = ""


@dataclass(frozen=True)
class Watch:
    """What is watched, and who may read the numbers."""

    metrics: Metrics = field(default_factory=Metrics)
    access: MetricsAccess = field(default_factory=MetricsAccess)
    certificate: Path | None = None  # whose end is told
    tell: Callable[[dict[str, Any]], None] | None = None  # writes one line, see `logs.RequestLines`
    clock: Callable[[], float] = time.perf_counter

    def answered(self, one: Answered) -> None:
        """Count a request and write its line."""
        self.metrics.request(one.method, one.route, one.status, one.reason, one.seconds)
        if self.tell is not None:
            line = {
                "method": one.method,
                "path": one.path,
                "status": one.status,
                "ms": round(one.seconds * 1000, 1),
                "source": one.source,
                "reason": one.reason,
            }
            self.tell(line)


@dataclass(frozen=True)
class Watched:
    """Watches what `app` answers; `uploads` are the requests that do not come here, see `quick_uploads`."""

    app: ASGIApp
    watch: Watch
    routes: Sequence[BaseRoute]
    uploads: object = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = scope.get(BEGAN) or self.watch.clock(), 0

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_see)
        finally:
            self._tell(scope, status, self.watch.clock() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else UNKNOWN
        route = self._pattern(scope)
        client = scope.get("client")
        self.watch.answered(
            Answered(
                method=method,
                route=route,
                path=masked_path(scope, known=route != UNKNOWN),
                status=status,
                seconds=seconds,
                source=client[0] if client else "",
                reason=scope.get(REASON, ""),
            )
        )

    def _pattern(self, scope: Scope) -> str:
        """Return the pattern of the address, ``other`` for one that no route has: strangers name no metric."""
        path = scope["path"]
        if path.startswith("/v1/evidence/"):  # first, for it is asked for most often
            return UPLOAD
        for route in self.routes:
            if isinstance(route, Route) and route.path_regex.match(path):
                return route.path
        return UNKNOWN


def masked_path(scope: Scope, *, known: bool) -> str:
    """Return the path of a request without what lets somebody in."""
    path: str = scope["path"]
    if known:
        for name in SECRET:
            if value := scope.get("path_params", {}).get(name):
                path = path.replace(str(value), MASK)
    else:
        path = "/".join(MASK if len(part) > LONGEST_SEGMENT else part for part in path.split("/"))
    return path[:LONGEST_PATH]

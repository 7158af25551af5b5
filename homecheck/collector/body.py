"""Request bodies: of one media type, without content coding, of bounded size, within bounded time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request

from homecheck.collector.problems import Problem

JOSE: Final = "application/jose"
JSON: Final = "application/json"
SD_JWT: Final = "application/sd-jwt"  # RFC 9901 12.2
MAX_JSON: Final = 4_096  # bytes of a JSON request
MAX_REQUEST: Final = 4_096  # bytes of a signed request for a result
MAX_CALLBACK: Final = 4_096  # bytes of a signed request for a call, or of its answer
MAX_ENROLMENT: Final = 16_384  # bytes; it is read before it is known who signed it
MAX_ROTATION: Final = 16_384  # bytes
SECONDS: Final = 30.0
# A sender that is only a little over the limit is heard to the end, so that it can read the answer; beyond this the
# connection is closed on it.
HEARD: Final = 1_048_576


async def read_body(request: Request, media_type: str, limit: int, *, seconds: float = SECONDS) -> bytes:
    """Return the body. Problem: encoded, wrong-type, too-large (not read to its end) or too-slow."""
    coding, content_type, length = _headers(request)
    if coding:
        raise Problem("encoded", f"Content-Encoding {coding!r:.40} is not accepted; send the bytes as they are")
    given = content_type.partition(";")[0].strip().lower()
    if given != media_type:
        raise Problem("wrong-type", f"{given!r:.60} was sent; {media_type} is expected here")
    declared = int(length or 0)
    if declared > limit:
        raise _too_large(limit, close=declared > HEARD)
    try:
        async with asyncio.timeout(seconds):
            return await _bounded(request, limit)
    except TimeoutError:
        raise too_slow(seconds) from None


def _headers(request: Request) -> tuple[str, str, str]:
    """Return coding, type and length of the body, each the first line of its name; empty where there is none."""
    found = {name: value for name, value in reversed(request.scope["headers"]) if name in _OF_BODY}
    coding, content_type, length = (found.get(name, b"").decode("latin-1") for name in _OF_BODY)
    return coding, content_type, length


_OF_BODY: Final = (b"content-encoding", b"content-type", b"content-length")  # ASGI has names in lower case


async def _bounded(request: Request, limit: int) -> bytes:
    body, heard = bytearray(), 0
    async for chunk in request.stream():
        heard += len(chunk)
        if heard <= limit:
            body += chunk
        elif heard > HEARD:
            raise _too_large(limit, close=True)
    if heard > limit:
        raise _too_large(limit, close=False)
    return bytes(body)


CLOSE: Final = {"Connection": "close"}


def too_slow(seconds: float) -> Problem:
    """Return what a sender is told whose request did not become complete."""
    return Problem("too-slow", f"no complete request within {seconds:.0f} seconds", headers=CLOSE)


def _too_large(limit: int, *, close: bool) -> Problem:
    return Problem("too-large", f"more than {limit} bytes; at most that many are taken", headers=CLOSE if close else {})

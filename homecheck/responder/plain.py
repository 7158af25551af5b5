"""The one answer in plain HTTP: fixed, tiny, on a connection that is closed after it.

It holds nothing but what was asked, so it needs no TLS; see `homecheck.instruments.plain_answer`. It must be reached
without any proxy of ours, which would look like one of the home's.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from homecheck.instruments.plain_answer import MOST_HEAD_BYTES, answer
from homecheck.instruments.proven import PLAIN
from homecheck.responder.proofs import Proofs

HEAD_SECONDS: Final = 3.0
MOST_CONNECTIONS: Final = 500


class PlainAnswers:
    """Answers one request per connection; whoever says anything else, or nothing, is cut off."""

    def __init__(self, proofs: Proofs) -> None:
        self._open = 0
        self._proofs = proofs

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._open += 1
        try:
            if self._open <= MOST_CONNECTIONS:
                await self._serve(reader, writer)
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(HEAD_SECONDS):
                reply = answer(await reader.readuntil(b"\r\n\r\n"))
                if reply is not None:
                    writer.write(reply)
                    await writer.drain()
                    self._proofs.note((PLAIN,))


@asynccontextmanager
async def plain_answers(listener: socket.socket | None, proofs: Proofs) -> AsyncIterator[None]:
    """Answer on `listener` as long as the context lasts; None: not at all."""
    if listener is None:
        yield
        return
    server = await asyncio.start_server(PlainAnswers(proofs).handle, sock=listener, limit=MOST_HEAD_BYTES)
    try:
        yield
    finally:
        server.close()

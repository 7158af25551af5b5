"""Heads that are written in one stride are those that uvicorn writes, and what is odd goes uvicorn's way."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from homecheck.collector.body import JOSE
from homecheck.collector.headers import CONSTANT
from homecheck.collector.quick_answers import QuickCycle

LENGTH = (b"content-length", b"3")
TYPE = (b"content-type", JOSE.encode())
LINES = (LENGTH, TYPE, *CONSTANT)


class Wire(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def answered(
    kind: type[RequestResponseCycle], lines: tuple[tuple[bytes, bytes], ...], body: bytes, **how: Any
) -> tuple[bytes, bool, bool]:
    wire = Wire()
    cycle = kind(
        scope={"type": "http", "method": how.get("method", "PUT")},  # type: ignore[typeddict-item]  # all that it reads
        transport=wire, flow=FlowControl(wire), logger=logging.getLogger(), access_logger=logging.getLogger(),
        access_log=False, default_headers=[(b"date", b"Thu, 26 Nov 2026 20:00:00 GMT")], message_event=asyncio.Event(),
        expect_100_continue=False, keep_alive=how.get("keep_alive", True), on_response=lambda: None,
    )  # fmt: skip
    await cycle.send({"type": "http.response.start", "status": how.get("status", 201), "headers": list(lines)})
    await cycle.send({"type": "http.response.body", "body": body})
    return wire.sent, wire.closed, cycle.keep_alive


@pytest.mark.parametrize("how", [{}, {"status": 503}, {"keep_alive": False}, {"method": "HEAD"}])
@pytest.mark.parametrize(
    "lines",
    [
        LINES,
        LINES[::-1],
        (LENGTH,),
        (*LINES, (b"set-cookie", b"a=b")),
        (*LINES, (b"connection", b"close")),
        (*LINES, (b"Retry-After", b"5")),
        CONSTANT,  # without a length: in chunks
        (*CONSTANT, (b"transfer-encoding", b"chunked")),
    ],
)
def test_an_answer_is_the_one_that_uvicorn_sends(lines: tuple[tuple[bytes, bytes], ...], how: dict[str, Any]) -> None:
    quick = asyncio.run(answered(QuickCycle, lines, b"abc", **how))
    assert quick == asyncio.run(answered(RequestResponseCycle, lines, b"abc", **how))
    assert quick[0].startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ((*LINES, (b"x", b"1\r\nset-cookie: a=b")), b"abc"),
        ((*LINES, (b"x\r\n", b"1")), b"abc"),
        ((*LINES[1:], (b"content-length", b"3\r\nx: y")), b"abc"),
        (LINES, b"ab"),
        (LINES, b"abcd"),
    ],
)
def test_what_uvicorn_refuses_to_send_is_not_sent(lines: tuple[tuple[bytes, bytes], ...], body: bytes) -> None:
    for kind in (RequestResponseCycle, QuickCycle):
        with pytest.raises((RuntimeError, ValueError)):
            asyncio.run(answered(kind, lines, body))

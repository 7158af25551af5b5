"""Requests parsed by httptools, which takes heads without end, with a bound on them.

It costs a third of what h11 costs, which has such a bound of its own; uvicorn would choose it without one.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homecheck.collector.quick_answers import QuickCycle

MAX_HEAD: Final = 65_536  # bytes: the address and all header lines


class BoundedHttp(HttpToolsProtocol):
    """One connection. A head, a trailer or a chunk's extension that is too long is answered with 400, and it ends."""

    _head = 0  # bytes of head and trailer that the parser has told
    _untold = 0  # bytes that came since it told anything: it keeps a line until that ends, and skips extensions
    _told = False

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        self._told = False
        super().data_received(data)
        if self._told:
            self._untold = 0  # what follows in `data` is bounded by what is read at once
        elif not self.transport.is_closing():
            self._untold += len(data)
            if self._untold > MAX_HEAD:
                self.send_400_response("A line of the request is too long.")

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head, self._told = 0, True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head or of the trailer."""
        self._count(name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the answer."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.__class__ = QuickCycle  # uvicorn makes its own; it has not begun yet

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which has a bound of its own."""
        self._told = True
        super().on_body(body)

    def _count(self, *parts: bytes) -> None:
        self._told = True
        self._head += sum(map(len, parts))
        if self._head > MAX_HEAD:
            raise ValueError("the head of a request is too long")  # httptools makes a parser's error of it

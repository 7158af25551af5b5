"""Requests parsed by httptools, which takes heads without end, with a bound on them; usual uploads go a shorter way.

It costs a third of what h11 costs, which has such a bound of its own; uvicorn would choose it without one.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homecheck.collector.quick_answers import QuickCycle
from homecheck.collector.quick_uploads import QuickUpload, QuickUploads, proxies

MAX_HEAD: Final = 65_536  # bytes: the address and all header lines


class BoundedHttp(HttpToolsProtocol):
    """One connection. A head, a trailer or a chunk's extension that is too long is answered with 400, and it ends."""

    cycle: Any  # uvicorn's, or a `QuickUpload`
    _head = 0  # bytes of head and trailer that the parser has told
    _untold = 0  # bytes that came since it told anything: it keeps a line until that ends, and skips extensions
    _told = False

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        uploads = getattr(self.config.app, "uploads", None)
        self._uploads = uploads if isinstance(uploads, QuickUploads) else None
        trusted = self.config.forwarded_allow_ips
        trusted = trusted if isinstance(trusted, str) else ",".join(trusted)
        self._proxies = proxies(trusted) if self.config.proxy_headers else None

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        self._told = False
        super().data_received(data)
        if (upload := self._incomplete()) is not None:
            upload.wait_for_more()
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
        if not self._is_quick():
            super().on_headers_complete()
        if self.cycle is not before and self._quick() is None:
            self.cycle.__class__ = QuickCycle  # uvicorn makes its own; it has not begun yet

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which has a bound of its own."""
        self._told = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        if (cycle := self._quick()) is not None and not cycle.response_complete:
            cycle.complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; what had not arrived is told as uvicorn tells it."""
        if (upload := self._incomplete()) is not None:
            upload.leave()
        super().connection_lost(exc)
        if self._quick() is not None:
            self.cycle = None  # each would keep the other from ending by itself

    def shutdown(self) -> None:
        """Begin to end; uvicorn cancels what has no answer when its patience ends."""
        if (upload := self._quick()) is not None and not upload.response_complete:
            upload.stop()
        super().shutdown()

    def write_receipt(self, upload: QuickUpload, receipt: bytes) -> bool:
        """Write the answer of a quick upload, unless its sender has gone; False when it fetches nothing."""
        if upload.disconnected or self.transport.is_closing():
            return True
        if self.flow.write_paused:
            return False
        lines = self.server_state.default_headers
        self.transport.write(upload.shared.head(lines, len(receipt), keep_alive=upload.keep_alive) + receipt)
        return True

    def end(self, upload: QuickUpload) -> None:
        """Go on behind a quick upload that was answered."""
        if not upload.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def go_long(self, upload: QuickUpload) -> None:
        """Go on with a quick upload as with any other request."""
        raw_path = upload.scope["path"].encode("ascii")
        upload.scope |= {"raw_path": raw_path, "query_string": b""}
        cycle = QuickCycle(
            scope=cast("Any", upload.scope),
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=upload.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body, cycle.more_body, cycle.disconnected = upload.body, upload.more_body, upload.disconnected
        cycle.message_event.set()
        if self.cycle is upload:  # and no other request behind it
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    def _is_quick(self) -> bool:
        """Tell whether a request is an upload that goes the short way, and begin with it."""
        if self._uploads is None or (self.cycle is not None and not self.cycle.response_complete):
            return False
        if self.parser.get_method() != b"PUT" or self.parser.get_http_version() != "1.1":
            return False
        path = self._uploads.path(self.url, self.headers)
        if path is None:
            return False
        scope: dict[str, Any] = cast("Any", self.scope)
        scope |= {"method": "PUT", "path": path}
        quick = QuickUpload(self._uploads, self, scope, self._proxies, self._uploads.watch.clock())
        self.cycle = quick
        return True

    def _quick(self) -> QuickUpload | None:
        """Return the request that is being read, where it goes the short way."""
        return self.cycle if isinstance(self.cycle, QuickUpload) else None

    def _incomplete(self) -> QuickUpload | None:
        upload = self._quick()
        return upload if upload is not None and upload.more_body else None

    def _count(self, *parts: bytes) -> None:
        self._told = True
        self._head += sum(map(len, parts))
        if self._head > MAX_HEAD:
            raise ValueError("the head of a request is too long")  # httptools makes a parser's error of it

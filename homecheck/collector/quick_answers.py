"""Heads of answers written in one stride, where every line of them is one of ours: uvicorn looks at each name and value
with two patterns, which for the ten lines of a receipt's head takes as long as all else that it does for an upload.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from homecheck.collector.body import JOSE, JSON
from homecheck.collector.headers import CONSTANT

_LENGTH: Final = b"content-length"
_TYPES: Final = tuple((b"content-type", kind.encode()) for kind in (JOSE, JSON))
_LINES: Final = {(name, value): b"%b: %b\r\n" % (name, value) for name, value in (*CONSTANT, *_TYPES)}


class QuickCycle(RequestResponseCycle):
    """One request and its answer. A head with any other line in it, or without a length, goes uvicorn's way."""

    async def send(self, message: Any) -> None:
        """Send a part of the answer."""
        if self.transport.is_closing():
            self.disconnected = True  # of requests behind one another uvicorn tells only the last
        head = None if self.response_started else self._head(message)
        if head is None:
            await super().send(message)
        else:
            self.response_started, self.waiting_for_100_continue, self.chunked_encoding = True, False, False
            self.transport.write(head)

    def _head(self, message: Any) -> bytes | None:
        """Return the head that a message begins an answer with; None where it has to be looked at closely."""
        if message["type"] != "http.response.start" or self.access_log or self.scope["method"] == "HEAD":
            return None
        if self.disconnected or self.flow.write_paused:
            return None
        lines, length = [STATUS_LINE[message["status"]]], None
        lines += [b"%b: %b\r\n" % (name, value) for name, value in self.default_headers]  # uvicorn's own
        for header in message["headers"]:
            line = _LINES.get(header)
            if line is None:
                name, value = header
                if name != _LENGTH or length is not None or not value.isdigit():
                    return None
                length, line = int(value), b"%b: %b\r\n" % header
            lines.append(line)
        if length is None:
            return None
        self.expected_content_length = length
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(lines)

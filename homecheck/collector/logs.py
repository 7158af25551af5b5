"""What `serve` writes on stderr: one line for each thing that happened, as text or as JSON, and nothing in it can
begin a line of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from homecheck.clock import utc_now
from homecheck.collector.counted_lines import CountedLines
from homecheck.printable import printable
from homecheck.standards.rfc_3339 import to_text

Form = Literal["text", "json"]
OURS: Final = "homecheck"
REQUEST: Final = "homecheck.request"


def configure(form: Form, stream: TextIO = sys.stderr) -> None:
    """Have every logger write to `stream`: our own from INFO on, those of packages from WARNING on."""
    handler = CountedLines(stream)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO)


@dataclass(frozen=True)
class RequestLines:
    """Writes one line for each request, past `logging`, whose way costs as much as half an upload.

    What is answered in one turn of the event loop is written together, at the end of it.
    """

    form: Form
    stream: TextIO = sys.stderr
    clock: Callable[[], datetime] = utc_now
    _lines: list[str] = field(default_factory=list)

    def __call__(self, members: dict[str, Any]) -> None:
        """Write one line."""
        at, message = to_text(self.clock()), f"{members['method']} {members['path']} {members['status']}"
        if self.form == "json":
            line = json.dumps({"at": at, "level": "info", "logger": REQUEST, "message": message, **members})
        else:
            line = printable(f"{at} {'INFO':7} {message}{_more(members)}")
        self._lines.append(f"{line}\n")
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        lines = "".join(self._lines)
        self._lines.clear()
        with suppress(OSError, ValueError):  # nobody reads them any more: no reason to refuse a request
            self.stream.write(lines)
            self.stream.flush()


class JsonLines(logging.Formatter):
    """One JSON object a line, in ASCII: whatever a stranger writes is escaped in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        members: dict[str, Any] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "members", {}),
        }
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return json.dumps(members)


class TextLines(logging.Formatter):
    """Moment, level, message; members of a request behind it. What is no printable character is replaced."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; of an exception also its traceback, each of whose lines is indented."""
        members = getattr(record, "members", {})
        line = printable(f"{_moment(record)} {record.levelname:7} {record.getMessage()}{_more(members)}")
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *(f"    {printable(one)}" for one in trace)])


def _more(members: dict[str, Any]) -> str:
    return "".join(f" {name}={members[name]}" for name in ("ms", "source", "reason") if members.get(name))


def _moment(record: logging.LogRecord) -> str:
    return to_text(datetime.fromtimestamp(record.created, UTC))

"""Errors that come again are counted: the first is written at once, then how many more there were, once a minute.

While the database is away each upload is refused for the same reason, some hundred a second; a line for each would hide
what else happens, and fill a disk. That a request was refused is told in its own line (see `watch`).
"""

from __future__ import annotations

import copy
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO

from homecheck.standards.rfc_3339 import to_text

TELL_SECONDS: Final = 60.0
MOST: Final = 200  # different errors that are remembered; what is new beyond is written each time


@dataclass
class _Again:
    """How often an error came again since it was last told of, from when, and the latest of them."""

    latest: logging.LogRecord
    number: int = 0
    since: float = 0.0

    def told(self) -> logging.LogRecord:
        """Return the line that says how many more there were."""
        first, last = (to_text(datetime.fromtimestamp(at, UTC)) for at in (self.since, self.latest.created))
        line = copy.copy(self.latest)
        line.msg, line.args = f"{self.latest.getMessage()} (and {self.number} more like it, {first} to {last})", ()
        return line


class CountedLines(logging.StreamHandler[TextIO]):
    """Writes lines to `stream`. Whatever has a trace, or is less than an error, is written each time."""

    def __init__(self, stream: TextIO, seconds: float = TELL_SECONDS) -> None:
        super().__init__(stream)
        self._seconds = seconds
        self._known: dict[str, _Again] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it. `logging` calls this with the lock held."""
        again = self._again(record)
        if again is None:
            super().emit(record)
            return
        again.latest = record
        again.number += 1
        again.since = again.since or record.created

    def tell(self) -> None:
        """Write how many more there were of each error, and forget those that did not come again."""
        self.acquire()
        try:
            counted = {text: again for text, again in self._known.items() if again.number}
            self._known = {text: _Again(again.latest) for text, again in counted.items()}
            for again in counted.values():
                super().emit(again.told())
        finally:
            self.release()

    def close(self) -> None:
        """Write what was counted; nothing comes any more."""
        if self._timer is not None:
            self._timer.cancel()
        self.tell()
        super().close()

    def _again(self, record: logging.LogRecord) -> _Again | None:
        """Return what counts an error that was written not long ago; None for what is to be written."""
        if record.levelno < logging.ERROR or record.exc_info:
            return None
        text = record.getMessage()
        again = self._known.get(text)
        if again is None and len(self._known) < MOST:
            self._known[text] = _Again(record)
            if self._timer is None:
                self._wait()
        return again

    def _wait(self) -> None:
        """Tell after a while."""
        self._timer = threading.Timer(self._seconds, self._tell_again)
        self._timer.daemon = True  # the collector's end does not wait for it: `close` tells the rest
        self._timer.start()

    def _tell_again(self) -> None:
        """Tell, and once more after a while, as long as there is something that could be counted."""
        self.acquire()
        try:
            self._timer = None
            self.tell()
            if self._known:
                self._wait()
        finally:
            self.release()

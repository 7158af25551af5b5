"""The ndt7 protocol: what both ends of a test agree on (m-lab/ndt-server, spec/ndt7-protocol.md, v0.11.0).

One WebSocket carries one direction for up to ten seconds: binary messages are the load, text messages hold JSON
measurements, the last of which sums the test up. Integers; times in microseconds, sizes in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from homecheck.errors import Refused
from homecheck.strict_json import Record, parse_object

SUBPROTOCOL: Final = "net.measurementlab.ndt.v7"
DOWNLOAD: Final = "/ndt/v7/download"
UPLOAD: Final = "/ndt/v7/upload"

MAX_QUERY: Final = 4096  # bytes ("The WebSocket handshake")
LEAST_MESSAGE: Final = 1 << 10  # bytes of a binary message ("WebSocket channel usage")
FIRST_MESSAGE: Final = 1 << 13
MOST_MESSAGE: Final = 1 << 24  # no end may refuse messages up to here
MOST_SENT_MESSAGE: Final = 1 << 20  # as the reference server (ndt7/spec/spec.go, MaxScaledMessageSize)
SCALING: Final = 16
TEST_SECONDS: Final = 10.0
CUT_SECONDS: Final = 13.0
REPORT_SECONDS: Final = 0.1  # between text messages: ten a second are the most
# Between runs of a client without a person ("Requirements for non-interactive clients"): 6 h on average, at least this.
LEAST_WAIT_SECONDS: Final = 2160.0


def next_size(size: int, total: int, most: int = MOST_SENT_MESSAGE) -> int:
    """Return the size of the next binary message after `total` bytes, the last of `size` ("Adapting message size")."""
    return size if size >= most or size >= total / SCALING else 2 * size


@dataclass(frozen=True)
class Report:
    """What one end counted up to a moment; `seconds` since the test began."""

    seconds: float
    received: int | None = None  # bytes that arrived, by TCP_INFO (with the overhead of TLS and WebSocket) ...
    counted: int | None = None  # ... or by the application (whole messages)
    min_rtt_ms: float | None = None


def read_report(text: bytes) -> Report | None:
    """Return what a measurement message says about the test, or None for one that has no counters.

    Refused (reason ``schema``, or one of `parse_object`) when it is no measurement. Unknown members are allowed: other
    servers send many more.
    """
    record = Record(parse_object(text), "ndt7 measurement")
    application = record.record("AppInfo") if record.has("AppInfo") and not record.is_null("AppInfo") else None
    kernel = record.record("TCPInfo") if record.has("TCPInfo") and not record.is_null("TCPInfo") else None
    if kernel is not None and kernel.has("ElapsedTime"):
        received = kernel.integer("BytesReceived") if kernel.has("BytesReceived") else None
        rtt_us = kernel.integer("MinRTT") if kernel.has("MinRTT") else 0
        known = 0 < rtt_us < 60_000_000  # the kernel says 2^32 - 1 when it has seen none
        return Report(_seconds(kernel), received, _bytes(application), rtt_us / 1e3 if known else None)
    return None if application is None else Report(_seconds(application), counted=_bytes(application))


def _seconds(record: Record) -> float:
    seconds = record.integer("ElapsedTime") / 1e6
    if seconds > 3600:
        raise Refused("schema", f"{record.where}: ElapsedTime: {seconds:.0f} s is longer than any test")
    return seconds


def _bytes(record: Record | None) -> int | None:
    return record.integer("NumBytes") if record is not None and record.has("NumBytes") else None

"""A client of ndt7 (see `standards.ndt7`): ten seconds down, ten seconds up, over one connection each.

Download: payload as it arrives here. Upload: what the server says that it received, because bytes handed to the own
kernel prove nothing; a server that does not say it has not measured an upload. Each direction is kept in bins of 50 ms,
so that the start can be left out.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from homecheck import __version__
from homecheck.errors import ProbeError, Refused
from homecheck.instruments.byte_bins import BIN_SECONDS, ByteBins
from homecheck.instruments.far_end import FarEnd, find, server_error
from homecheck.instruments.tcp_load import (
    CEILING_SHARE,
    DECIDE_SECONDS,
    SWEEP_BYTES,
    Direction,
    Ended,
    Load,
    LoadRule,
    Pace,
)
from homecheck.instruments.websocket import WebSocket, open_websocket
from homecheck.standards import goodput, ndt7, rfc_6455
from homecheck.standards.ndt7 import Report
from homecheck.standards.rfc_6455 import Frame
from homecheck.standards.rfc_8446 import PAYLOAD_SHARE

UPLOAD_RULE: Final = LoadRule(least_seconds=ndt7.TEST_SECONDS, most_seconds=ndt7.TEST_SECONDS)
# The sender of a load ends it; a receiver that closes at the same moment would lose what is still under way.
DOWNLOAD_RULE: Final = replace(UPLOAD_RULE, least_seconds=12.0, most_seconds=12.0)
MOST_MESSAGE: Final = 1 << 17  # sent; a server that counts whole messages counts finely enough
MOST_REPORTS: Final = 400  # read of one test
MOST_OUTGOING: Final = 8  # messages that wait to be sent
PAUSE_SECONDS: Final = 0.004  # between reads: a wake-up per packet would cost ten times as much
CLOSING_SECONDS: Final = 3.0  # for the other side to close as well
LEAST_SECONDS: Final = 5.0  # that a test must have run when it breaks off, to count
HANDSHAKE_BYTES: Final = 65_536  # that a server may count beside the test itself
CLOCKS_APART_SECONDS: Final = 3.0  # at most: a report is under way for that long, or it is no report of this test

METADATA: Final = urlencode({"client_name": "homecheck", "client_version": __version__})


@dataclass(frozen=True)
class Server:
    """Where the two tests are: the base address, and the paths with their queries."""

    origin: str
    download: str
    upload: str

    @classmethod
    def at(cls, url: str) -> Server:
        """Return the server at a base address, as the operator of one gives it."""
        origin, path = url.rstrip("/"), ""
        scheme, _, rest = origin.partition("://")
        if "/" in rest:
            host, _, path = rest.partition("/")
            origin, path = f"{scheme}://{host}", f"/{path}"
        return cls(origin, f"{path}{ndt7.DOWNLOAD}?{METADATA}", f"{path}{ndt7.UPLOAD}?{METADATA}")


@dataclass(frozen=True)
class Ndt7Run:
    """What one direction came to. `closed`: it ended with a closing handshake, as it should."""

    load: Load
    closed: bool
    min_rtt_ms: float | None  # by the server's TCP_INFO
    reports: int  # of the server, that had counters
    counted_by: str  # client, TCPInfo or AppInfo


@dataclass(frozen=True)
class Opened:
    """A server that has accepted the first test, which is the download."""

    far_end: FarEnd
    server: Server
    channel: WebSocket


def open_first(servers: Sequence[Server], patience_seconds: float) -> Opened:
    """Open the download at the first server that takes it; some may be full. Raises the last one's ProbeError."""
    begun, last = time.monotonic(), server_error("no_capacity", "no server was named")
    for server in servers:
        try:
            far_end = find(server.origin)
            return Opened(far_end, server, open_websocket(far_end, server.download, ndt7.SUBPROTOCOL))
        except ProbeError as error:
            last = error
        if last.at_fault != "server" or time.monotonic() - begun > patience_seconds:
            break
    raise last


def download(opened: Opened, rule: LoadRule = DOWNLOAD_RULE) -> Ndt7Run:
    """Fill the line towards this end. Raises ProbeError."""
    return _finished(_Download(opened.far_end, opened.channel, rule))


def upload(opened: Opened, rule: LoadRule = UPLOAD_RULE) -> Ndt7Run:
    """Fill the line towards the same server. Bins and total are what it received. Raises ProbeError."""
    channel = open_websocket(opened.far_end, opened.server.upload, ndt7.SUBPROTOCOL)
    return _finished(_Upload(opened.far_end, channel, rule))


def _finished(run: _Run) -> Ndt7Run:
    try:
        return run.run()
    except Refused as error:
        raise server_error("responder_answer", f"{run.far_end.name}: {error.message}") from None
    finally:
        run.channel.close()


class _Run(ABC):
    """What both directions share: messages, time, closing."""

    direction: Direction
    counted_by = "client"

    def __init__(self, far_end: FarEnd, channel: WebSocket, rule: LoadRule) -> None:
        self.far_end, self.channel, self.rule = far_end, channel, rule
        self.pace = Pace(rule.bytes_per_second)
        self.began = time.monotonic()
        self.bins = ByteBins(self.began)
        self.closed = self.closing = False
        self.next_decision = 0.0
        self.cut = ndt7.CUT_SECONDS
        self.reports: list[Report] = []
        self.ended: Ended = "time"

    def run(self) -> Ndt7Run:
        cpu, self.began = time.thread_time(), time.monotonic()
        self.bins = self.new_bins()
        while not self.closed and not self.channel.gone and self.seconds < self.cut:
            for frame in self.move(self.pace.refill(time.monotonic())):
                self.take(frame)
            if not self.closing and (ended := self.decide()):
                self.ended = ended
                self.close()
        if not self.closed and self.channel.gone and not self.closing:
            self.ended = "broken"
        return self.result((time.thread_time() - cpu) / self.seconds)

    def decide(self) -> Ended | None:
        # As in tcp_load: an upload has spent what was handed over, and nothing is spent until the next look.
        spent = max(self.bins.total, self.channel.sent)
        if self.seconds < self.next_decision and spent < self.rule.most_bytes:
            return None
        self.next_decision = self.seconds + DECIDE_SECONDS
        return self.rule.ended(self.bins, self.seconds, spent)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def close(self) -> None:
        self.closing = True
        self.cut = min(self.cut, self.seconds + CLOSING_SECONDS)
        self.channel.send(rfc_6455.CLOSE, rfc_6455.NORMAL_CLOSURE)

    def take(self, frame: Frame) -> None:
        if frame.opcode == rfc_6455.PING and len(self.channel.outgoing) < MOST_OUTGOING:  # not each (RFC 6455 5.5.3)
            self.channel.send(rfc_6455.PONG, frame.payload)
        elif frame.opcode == rfc_6455.CLOSE:
            self.closed = True
            if not self.closing:
                self.channel.send(rfc_6455.CLOSE, frame.payload[:2])
                self.channel.flush()
        elif frame.opcode == rfc_6455.TEXT and len(self.reports) < MOST_REPORTS:
            with suppress(Refused):  # a client may ignore every text message
                if report := ndt7.read_report(frame.payload):
                    self.take_report(report)

    def take_report(self, report: Report) -> None:
        self.reports.append(report)

    def result(self, cpu_share: float) -> Ndt7Run:
        if self.direction == "upload" and not self.reports:
            message = f"{self.far_end.name} does not say how much of the upload it has received"
            raise server_error("no_counters", message)
        if not self.bins.total or (self.ended == "broken" and self.seconds < LEAST_SECONDS):
            message = f"{self.far_end.name}: the {self.direction} ended after {self.seconds:.1f} s"
            raise server_error("responder_broke_off", f"{message} with {self.bins.total} bytes")
        # What comes later was under way already; and BBR looks for the least round trip again after ten seconds.
        bins = tuple(self.bins.complete()[: round(ndt7.TEST_SECONDS / BIN_SECONDS)])
        rate = goodput.estimate(bins, BIN_SECONDS)
        if self.ended != "broken" and rate and rate.mbit_s >= CEILING_SHARE * self.rule.ceiling_mbit_s:
            self.ended = "ceiling"
        load = Load(
            self.direction, bins, self.bins.total, self.channel.sent, self.seconds, 1, cpu_share, self.ended, self.began
        )
        rtts = [report.min_rtt_ms for report in self.reports if report.min_rtt_ms is not None]
        return Ndt7Run(load, self.closed, min(rtts, default=None), len(self.reports), self.counted_by)

    @abstractmethod
    def new_bins(self) -> ByteBins: ...

    @abstractmethod
    def move(self, allowed: int) -> list[Frame]:
        """Move the load by about `allowed` bytes, rest a little, and return the messages that have come."""


class _Download(_Run):
    direction = "download"

    def new_bins(self) -> ByteBins:
        return ByteBins(self.began)

    def move(self, allowed: int) -> list[Frame]:
        self.channel.flush()
        before = self.channel.frames.binary
        found = self.channel.receive(min(allowed, SWEEP_BYTES))
        self.pace.allowance -= self.channel.frames.binary - before
        self.bins.reach(self.channel.frames.binary, time.monotonic())
        time.sleep(PAUSE_SECONDS)
        return found


class _Upload(_Run):
    direction = "upload"

    def __init__(self, far_end: FarEnd, channel: WebSocket, rule: LoadRule) -> None:
        super().__init__(far_end, channel, rule)
        self.block = memoryview(os.urandom(MOST_MESSAGE))
        self.size, self.queued = ndt7.FIRST_MESSAGE, 0
        self.share = PAYLOAD_SHARE if far_end.scheme == "https" else 1.0
        if sys.platform == "linux":
            with suppress(OSError):  # where the kernel has or allows no BBR, its own stays
                channel.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")

    def new_bins(self) -> ByteBins:
        return ByteBins(0.0)  # the server's seconds begin with its test

    def move(self, allowed: int) -> list[Frame]:
        if not self.closing and not self.channel.outgoing and allowed >= self.size:
            self.channel.send_random(self.block[: self.size])
            self.pace.allowance -= self.size
            self.queued += self.size
            self.size = ndt7.next_size(self.size, self.queued, MOST_MESSAGE)
        self.channel.wait(PAUSE_SECONDS)
        self.channel.flush()
        found = self.channel.receive(SWEEP_BYTES)
        if self.channel.frames.binary:
            raise Refused("websocket", "a binary message during an upload")
        return found

    def take_report(self, report: Report) -> None:
        """Count what the server says that it has received, unless that cannot be."""
        told, by = (report.received, "TCPInfo") if report.received is not None else (report.counted, "AppInfo")
        if told is None or (self.reports and by != self.counted_by):
            return
        payload = round(told * self.share) if by == "TCPInfo" else told
        if (
            payload > 1.01 * self.channel.sent + HANDSHAKE_BYTES
            or abs(report.seconds - self.seconds) > CLOCKS_APART_SECONDS
        ):
            message = f"{self.far_end.name} reports {told} bytes after {report.seconds:.1f} s"
            raise server_error(
                "observation_refused", f"{message}; {self.channel.sent} were sent, in {self.seconds:.1f} s"
            )
        self.counted_by = by
        self.reports.append(report)
        self.bins.reach(payload, report.seconds)

"""Filling a line with TCP, one direction at a time, from one thread.

Download: every few milliseconds whatever has arrived is read from all streams, which costs far less than a wake-up per
packet and works alike on every system. Upload: pieces of 64 KiB are handed over as the kernel takes them, but what
counts is what the responder received, which it tells ten times a second.

Four streams begin; two more join every half second, up to eight, while goodput still grows by more than 5 %.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.byte_bins import BIN_SECONDS, ByteBins
from homecheck.instruments.far_end import CONNECT_SECONDS, FarEnd, connect, request_head, server_error
from homecheck.standards import goodput
from homecheck.strict_json import Record, parse_object

Direction = Literal["download", "upload"]
Ended = Literal["steady", "time", "bytes", "ceiling", "broken"]

FIRST_STREAMS: Final = 4
MOST_STREAMS: Final = 8
GROWTH: Final = 1.05
GROWTH_SECONDS: Final = 0.5
PIECE_BYTES: Final = 64 * 1024
READ_BYTES: Final = 256 * 1024
SWEEP_BYTES: Final = 1024 * 1024  # of one stream at a time, so that none starves the others
LONGEST_PAUSE: Final = 0.01
SHORTEST_PAUSE: Final = 0.002
BURST_SECONDS: Final = 0.05  # of the ceiling, that may be made up after a pause
DECIDE_SECONDS: Final = 0.1
CEILING_SHARE: Final = 0.97  # of the ceiling: as good as reached

_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True)
class LoadRule:
    """When a load ends: when it is steady and `least_seconds` old, or at one of the caps.

    `ceiling_mbit_s` is the rate above which nobody wants to know more; the load is held there.
    """

    least_seconds: float = 5.0
    most_seconds: float = 10.0
    most_bytes: int = 400_000_000
    ceiling_mbit_s: float = 1000.0
    window_seconds: float = goodput.WINDOW_SECONDS

    @property
    def bytes_per_second(self) -> float:
        """The ceiling in bytes."""
        return self.ceiling_mbit_s / goodput.BYTES_TO_MBIT

    def ended(self, bins: ByteBins, seconds: float, total: int) -> Ended | None:
        """Return why a load that has run for `seconds` ends now, or None."""
        if seconds >= self.most_seconds:
            return "time"
        if total >= self.most_bytes and seconds >= goodput.SETTLE_SECONDS:
            return "bytes"
        if seconds >= self.least_seconds and goodput.steady(bins.complete(), BIN_SECONDS, self.window_seconds):
            return "steady"
        return None


@dataclass(frozen=True)
class Load:
    """What a load came to, as this end saw it: payload bytes in bins, and what it cost."""

    direction: Direction
    bins: tuple[int, ...]
    total: int
    sent: int  # bytes handed to the kernel, of an upload
    seconds: float
    streams: int
    cpu_share: float  # of one core, by the thread that read or wrote
    ended: Ended
    began: float  # reading of the monotonic clock


@dataclass
class Pace:
    """Holds a load below its ceiling."""

    bytes_per_second: float
    allowance: float = 0.0
    last: float = field(default_factory=time.monotonic)

    def refill(self, now: float) -> int:
        """Return how many bytes may pass now."""
        most = self.bytes_per_second * BURST_SECONDS
        self.allowance = min(self.allowance + (now - self.last) * self.bytes_per_second, most)
        self.last = now
        return max(0, int(self.allowance))


@contextmanager
def opened(far_end: FarEnd, count: int) -> Iterator[list[socket.socket]]:
    """Keep `count` connections open, warm and not yet used; at the end they are cut off. Raises ProbeError."""
    with ThreadPoolExecutor(count) as pool:
        attempts = [pool.submit(connect, far_end, CONNECT_SECONDS) for _ in range(count)]
    sockets = [attempt.result() for attempt in attempts if attempt.exception() is None]
    try:
        if len(sockets) < count:
            failures = [error for attempt in attempts if (error := attempt.exception()) is not None]
            raise failures[0]
        yield sockets
    finally:
        for sock in sockets:
            cut_off(sock)


def cut_off(sock: socket.socket) -> None:
    """Close a connection with a reset, so that what waits in its buffer does not go on filling the line."""
    with suppress(OSError):
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        )
    sock.close()


def download(far_end: FarEnd, token: str, rule: LoadRule) -> Load:
    """Fill the line towards this end. Raises ProbeError."""
    with opened(far_end, MOST_STREAMS) as sockets:
        head = request_head(far_end, "GET", "/v1/download", token=token)
        return _Download(far_end, sockets, head, rule).run()


def upload(far_end: FarEnd, token: str, rule: LoadRule) -> Load:
    """Fill the line towards the responder. Bins and total are those that the responder told. Raises ProbeError."""
    with opened(far_end, MOST_STREAMS + 1) as sockets:
        head = request_head(far_end, "POST", "/v1/upload", token=token, chunked=True)
        telling, *streams = sockets
        telling.sendall(request_head(far_end, "GET", "/v1/progress", token=token))
        return _Upload(far_end, streams, head, rule, telling).run()


class _Loop(ABC):
    """What both directions share: joining streams, deciding when to end, counting the cost."""

    direction: Direction

    def __init__(self, far_end: FarEnd, sockets: list[socket.socket], head: bytes, rule: LoadRule) -> None:
        self.far_end, self.rule = far_end, rule
        self.waiting, self.head = list(sockets), head
        self.streams: list[socket.socket] = []
        self.began = time.monotonic()
        self.bins = ByteBins(self.began)
        self.pace = Pace(rule.bytes_per_second)
        self.next_join = GROWTH_SECONDS
        self.sent = 0

    def run(self) -> Load:
        cpu, self.began = time.thread_time(), time.monotonic()
        self.bins = self.new_bins()
        self.join(FIRST_STREAMS)
        ended: Ended | None = None
        next_decision = 0.0
        while ended is None:
            self.sweep()
            seconds = time.monotonic() - self.began
            if not self.streams:
                ended = "broken"
            elif seconds >= next_decision:
                next_decision = seconds + DECIDE_SECONDS
                self.join_while_growing(seconds)
                ended = self.rule.ended(self.bins, seconds, self.bins.total)
        seconds = time.monotonic() - self.began
        cpu_share = (time.thread_time() - cpu) / seconds
        return self.result(ended, seconds, cpu_share)

    def result(self, ended: Ended, seconds: float, cpu_share: float) -> Load:
        bins = tuple(self.bins.complete())
        if ended == "broken" and not self.bins.total:
            raise server_error("responder_broke_off", f"{self.far_end.name} broke off the {self.direction} at once")
        rate = goodput.estimate(bins, BIN_SECONDS)
        if ended != "broken" and rate and rate.mbit_s >= CEILING_SHARE * self.rule.ceiling_mbit_s:
            ended = "ceiling"
        joined = MOST_STREAMS - len(self.waiting)
        return Load(self.direction, bins, self.bins.total, self.sent, seconds, joined, cpu_share, ended, self.began)

    def new_bins(self) -> ByteBins:
        return ByteBins(self.began)

    def join(self, count: int) -> None:
        for _ in range(min(count, len(self.waiting))):
            sock = self.waiting.pop(0)
            try:
                sock.sendall(self.head)
            except OSError:
                continue  # closed while it waited; the others go on
            sock.setblocking(False)
            self.admit(sock)
            self.streams.append(sock)

    def join_while_growing(self, seconds: float) -> None:
        if seconds < self.next_join:
            return
        self.next_join = seconds + GROWTH_SECONDS
        bins, width = self.bins.complete(), round(GROWTH_SECONDS / BIN_SECONDS)
        earlier, later = sum(bins[-2 * width : -width]), sum(bins[-width:])
        if later > GROWTH * earlier and later < CEILING_SHARE * self.rule.bytes_per_second * GROWTH_SECONDS:
            self.join(2)

    @abstractmethod
    def admit(self, sock: socket.socket) -> None:
        """Prepare for a stream that joins."""

    @abstractmethod
    def sweep(self) -> None:
        """Move what can be moved now, then rest a little."""

    def drop(self, sock: socket.socket) -> None:
        self.streams.remove(sock)
        sock.close()


class _Download(_Loop):
    direction = "download"

    def __init__(self, far_end: FarEnd, sockets: list[socket.socket], head: bytes, rule: LoadRule) -> None:
        super().__init__(far_end, sockets, head, rule)
        self.heads: dict[socket.socket, bytes] = {}
        self.buffer = memoryview(bytearray(READ_BYTES))

    def admit(self, sock: socket.socket) -> None:
        self.heads[sock] = b""

    def sweep(self) -> None:
        allowed = self.pace.refill(time.monotonic())
        got = 0
        for sock in list(self.streams):
            if got < allowed:
                got += self.read(sock, min(SWEEP_BYTES, allowed - got))
        self.pace.allowance -= got
        now = time.monotonic()
        self.bins.add(got, now)
        rate = self.bins.total / max(now - self.began, 0.05)
        pause = PIECE_BYTES * len(self.streams) / rate if rate else LONGEST_PAUSE
        time.sleep(min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE))

    def read(self, sock: socket.socket, most: int) -> int:
        """Read what has arrived on one stream, and return how much of it is payload."""
        payload = 0
        while payload < most:
            try:
                count = sock.recv_into(self.buffer)
            except _WOULD_BLOCK:
                break
            except OSError:
                count = 0
            if count == 0:
                self.drop(sock)
                break
            payload += self.without_head(sock, count) if sock in self.heads else count
        return payload

    def without_head(self, sock: socket.socket, count: int) -> int:
        head, separator, body = (self.heads[sock] + bytes(self.buffer[:count])).partition(b"\r\n\r\n")
        if not separator:
            self.heads[sock] = head[:PIECE_BYTES]
            return 0
        if not head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")):
            status = head[:40].split(b"\r\n")[0].decode("ascii", "replace")
            raise server_error("responder_answer", f"{self.far_end.name}/v1/download answers {status!r}")
        del self.heads[sock]
        return len(body)


class _Upload(_Loop):
    direction = "upload"

    def __init__(
        self, far_end: FarEnd, sockets: list[socket.socket], head: bytes, rule: LoadRule, telling: socket.socket
    ) -> None:
        super().__init__(far_end, sockets, head, rule)
        self.telling = telling
        telling.setblocking(False)
        self.told = b""
        self.unsent: dict[socket.socket, memoryview] = {}
        size = f"{PIECE_BYTES:x}\r\n".encode("ascii")
        self.piece = memoryview(size + os.urandom(PIECE_BYTES) + b"\r\n")

    def new_bins(self) -> ByteBins:
        return ByteBins(0.0)  # the responder's seconds begin with its first stream

    def admit(self, sock: socket.socket) -> None:
        self.unsent[sock] = self.piece
        # Streams take turns here as they do at the responder: see its CONGESTION_CONTROLS.
        if sys.platform == "linux" and len(self.streams) % 2 == 0:
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")

    def sweep(self) -> None:
        allowed = self.pace.refill(time.monotonic())
        if allowed < PIECE_BYTES:
            time.sleep(SHORTEST_PAUSE)
        else:
            _, ready, _ = select.select([], self.streams, [], DECIDE_SECONDS / 2)
            share = max(PIECE_BYTES, allowed // max(len(ready), 1))
            for sock in ready:
                self.pace.allowance -= self.write(sock, share)
        self.listen()

    def write(self, sock: socket.socket, most: int) -> int:
        """Hand over what the kernel takes of one stream, and return how much that was."""
        written = 0
        while written < most:
            try:
                count = sock.send(self.unsent[sock])
            except _WOULD_BLOCK:
                break
            except OSError:
                self.drop(sock)
                break
            written += count
            self.sent += count
            self.unsent[sock] = self.unsent[sock][count:] or self.piece
        return written

    def listen(self) -> None:
        """Take in what the responder tells about its counters; its lines are the only ones that begin with a brace."""
        try:
            self.told += self.telling.recv(PIECE_BYTES)
        except OSError:
            return  # nothing new, or nothing any more: then the load runs until its time is over
        *lines, self.told = self.told.split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                with suppress(Refused):
                    record = Record(parse_object(line), "progress")
                    self.bins.reach(record.integer("bytes"), record.number("seconds"))


def cpu_bound(load: Load) -> ProbeError | None:
    """Return the failure of a load that this computer, not the line, has limited."""
    if load.ended == "ceiling" or load.cpu_share < 0.8:
        return None
    return ProbeError(
        "cpu_bound",
        "Close other programs and repeat the check.",
        message=f"the {load.direction} kept a processor core {load.cpu_share:.0%} busy: the computer, not the line",
    )

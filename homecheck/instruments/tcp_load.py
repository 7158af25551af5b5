"""Filling a line with TCP, one direction at a time, from one thread.

Download: every few milliseconds whatever has arrived is read from all streams, which costs far less than a wake-up per
packet and works alike on every system. Upload: pieces of 64 KiB are handed over as the kernel takes them, but what
counts is what the responder received, which it tells ten times a second.

Four streams begin; two more join every half second, up to eight, while no packets wait in the line's queue: then the
line could carry more. All use CUBIC, which fills the queue that a call has to pass; only where the idle line loses
packets half of them use BBR, which CUBIC's answer to loss would keep far below what the line carries.
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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from homecheck.errors import ProbeError, Refused
from homecheck.instruments import receive_buffer
from homecheck.instruments.byte_bins import BIN_SECONDS, ByteBins
from homecheck.instruments.far_end import CONNECT_SECONDS, FarEnd, connect, request_head, server_error
from homecheck.standards import goodput, rfc_8446
from homecheck.strict_json import Record, parse_object

Direction = Literal["download", "upload"]
Ended = Literal["steady", "time", "bytes", "ceiling", "broken"]

FIRST_STREAMS: Final = 4
MOST_STREAMS: Final = 8
JOIN_SECONDS: Final = 0.5  # between two looks at whether the line is full
FIRST_JOIN_SECONDS: Final = 1.0  # before, every line is in slow start
CUBIC: Final = "cubic"
BBR: Final = "bbr"
PIECE_BYTES: Final = 64 * 1024
READ_BYTES: Final = 256 * 1024
SWEEP_BYTES: Final = 1024 * 1024  # of one stream at a time, so that none starves the others
# Bytes of a stream at a time: less than its receive window, which must not limit it. Linux begins with 64 KiB, and with
# more where a program says that it waits for more (SO_RCVLOWAT).
SWEEP_GOAL: Final = (24 if sys.platform == "linux" else 16) * 1024
LOW_WATER: Final = 256 * 1024
LONGEST_PAUSE: Final = 0.05
SHORTEST_PAUSE: Final = 0.002
BURST_SECONDS: Final = 0.05  # of the ceiling, that may be made up after a pause
LISTEN_SECONDS: Final = 0.2  # between two looks at the count that the responder tells
WAKE_SECONDS: Final = 0.05  # while nothing can be sent
DECIDE_SECONDS: Final = 0.25
SURE_ENOUGH: Final = 0.02  # of the value: half the interval
CEILING_SHARE: Final = 0.97  # of the ceiling: as good as reached
CLOCKS_APART_SECONDS: Final = 1.0  # that the responder may be ahead of us: its upload begins after ours
MOST_LINE: Final = 1_000  # bytes of a line that tells about it

# Linux drops what has arrived without copying it (tcp(7)).
_DISCARD: Final = socket.MSG_TRUNC if sys.platform == "linux" else 0
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True)
class LoadRule:
    """When a load ends: when it is steady and `least_seconds` old; at `usual_seconds`, unless it still grows; at a cap.

    `ceiling_mbit_s` is the rate above which nobody wants to know more; the load is held there. `most_bytes` are those
    of one direction, whether they have arrived or not. `window_seconds` and `first_join_seconds` fit the round trip;
    `lossy` says that the idle line has lost packets.
    """

    least_seconds: float = 4.0
    usual_seconds: float = 5.0
    most_seconds: float = 8.0
    most_bytes: int = 400_000_000
    ceiling_mbit_s: float = 1000.0
    window_seconds: float = goodput.WINDOW_SECONDS
    first_join_seconds: float = FIRST_JOIN_SECONDS
    lossy: bool = False

    @property
    def bytes_per_second(self) -> float:
        """The ceiling in bytes."""
        return self.ceiling_mbit_s / goodput.BYTES_TO_MBIT

    def ended(self, bins: ByteBins, seconds: float, spent: int) -> Ended | None:
        """Return why a load that has run for `seconds` and taken `spent` bytes ends now, or None."""
        if seconds >= self.most_seconds:
            return "time"
        if spent >= self.most_bytes:
            return "bytes"
        if seconds < self.least_seconds:
            return None
        rate = goodput.estimate(bins.complete(), BIN_SECONDS, self.window_seconds)
        if rate and rate.steady and rate.uncertainty < SURE_ENOUGH * rate.mbit_s:
            return "steady"
        grows = rate is not None and rate.growth > goodput.HALVES_WITHIN
        return "time" if seconds >= self.usual_seconds and not grows else None


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
    unread: int = 0  # bytes of a download that had arrived by the end, or nearly, and were left

    @property
    def spent(self) -> int:
        """The bytes that the line carried, or will carry, for this load."""
        return max(self.total + self.unread, self.sent)


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


class Onlooker:
    """Somebody who measures beside a load. This one sees a line that is never full, and is content."""

    def tell(self, bins: ByteBins, sending: Sequence[socket.socket]) -> None:
        """Take in, four times a second, the payload so far and the connections on which this end sends."""

    def is_full(self) -> bool:
        """Tell whether packets wait in the line's queue: then more streams bring no more bytes."""
        return False

    def satisfied(self) -> bool:
        """Tell whether a load may end that is steady or has taken its usual time; else it goes on to its cap."""
        return True


@contextmanager
def opened(far_end: FarEnd, count: int, least: int) -> Iterator[list[socket.socket]]:
    """Keep `count` connections open, warm and not yet used; at the end they are cut off.

    On a line that loses packets some do not come about in time: `least` of them are enough. Raises ProbeError.
    """
    with ThreadPoolExecutor(count) as pool:
        attempts = [pool.submit(connect, far_end, CONNECT_SECONDS) for _ in range(count)]
    sockets = [attempt.result() for attempt in attempts if attempt.exception() is None]
    try:
        if len(sockets) < least:
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


def download(far_end: FarEnd, token: str, rule: LoadRule, onlooker: Onlooker) -> Load:
    """Fill the line towards this end. Raises ProbeError."""
    with opened(far_end, MOST_STREAMS, FIRST_STREAMS) as sockets:
        heads = {
            name: request_head(far_end, "GET", f"/v1/download?congestion={name}", token=token) for name in (CUBIC, BBR)
        }
        return _Download(_Job(far_end, sockets, heads, rule, onlooker)).run()


def upload(far_end: FarEnd, token: str, rule: LoadRule, onlooker: Onlooker) -> Load:
    """Fill the line towards the responder. Bins and total are those that the responder told. Raises ProbeError."""
    with opened(far_end, MOST_STREAMS + 1, FIRST_STREAMS + 1) as sockets:
        head = request_head(far_end, "POST", "/v1/upload", token=token, chunked=True)
        heads = {CUBIC: head, BBR: head}
        telling, *streams = sockets
        try:
            telling.sendall(request_head(far_end, "GET", "/v1/progress", token=token))
        except OSError as error:
            message = f"{far_end.name} broke off /v1/progress: {error.strerror or error}"
            raise server_error("responder_broke_off", message) from None
        return _Upload(_Job(far_end, streams, heads, rule, onlooker), telling).run()


@dataclass(frozen=True)
class _Job:
    """What a load is made of; `heads` has the request of a stream for each congestion control."""

    far_end: FarEnd
    sockets: Sequence[socket.socket]
    heads: Mapping[str, bytes]
    rule: LoadRule
    onlooker: Onlooker


class _Loop(ABC):
    """What both directions share: joining streams, deciding when to end, counting the cost."""

    direction: Direction

    def __init__(self, job: _Job) -> None:
        self.far_end, self.rule, self.onlooker = job.far_end, job.rule, job.onlooker
        self.waiting, self.request_heads = list(job.sockets), job.heads
        self.opened = len(self.waiting)
        self.streams: list[socket.socket] = []
        self.began = time.monotonic()
        self.bins = ByteBins(self.began)
        self.pace = Pace(self.rule.bytes_per_second)
        self.next_join = self.rule.first_join_seconds
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
            elif seconds >= next_decision or self.spent >= self.rule.most_bytes:
                next_decision = seconds + DECIDE_SECONDS
                self.join_unless_full(seconds)
                self.onlooker.tell(self.bins, self.sending())
                ended = self.rule.ended(self.bins, seconds, self.spent)
                in_time = ended in ("steady", "time") and seconds < self.rule.most_seconds
                if in_time and not self.onlooker.satisfied():
                    ended = None
        seconds = time.monotonic() - self.began
        cpu_share = (time.thread_time() - cpu) / seconds
        return replace(self.result(ended, seconds, cpu_share), unread=self.unread())

    def result(self, ended: Ended, seconds: float, cpu_share: float) -> Load:
        bins = tuple(self.bins.complete())
        if ended == "broken" and not self.bins.total:
            raise server_error("responder_broke_off", f"{self.far_end.name} broke off the {self.direction} at once")
        rate = goodput.estimate(bins, BIN_SECONDS)
        if ended != "broken" and rate and rate.mbit_s >= CEILING_SHARE * self.rule.ceiling_mbit_s:
            ended = "ceiling"
        joined = self.opened - len(self.waiting)
        return Load(self.direction, bins, self.bins.total, self.sent, seconds, joined, cpu_share, ended, self.began)

    @property
    def spent(self) -> int:
        """The bytes so far, wherever on their way they are: they are paid for whether or not they have arrived."""
        return max(self.bins.total + self.unread(), self.sent)

    def unread(self) -> int:
        """Return how many bytes have arrived and wait: held at a ceiling, the buffer of each stream fills."""
        return 0

    def new_bins(self) -> ByteBins:
        return ByteBins(self.began)

    def join(self, count: int) -> None:
        for _ in range(min(count, len(self.waiting))):
            sock = self.waiting.pop(0)
            try:
                sock.sendall(self.request_heads[self.congestion_control])
            except OSError:
                continue  # closed while it waited; the others go on
            sock.setblocking(False)
            self.admit(sock)
            self.streams.append(sock)

    @property
    def congestion_control(self) -> str:
        """Of the streams that join now: see `CUBIC`."""
        return BBR if self.rule.lossy and len(self.streams) % 2 == 0 else CUBIC

    def join_unless_full(self, seconds: float) -> None:
        if seconds < self.next_join:
            return
        self.next_join = seconds + JOIN_SECONDS
        width = round(JOIN_SECONDS / BIN_SECONDS)
        at_ceiling = sum(self.bins.complete()[-width:]) >= CEILING_SHARE * self.rule.bytes_per_second * JOIN_SECONDS
        if not at_ceiling and not self.onlooker.is_full():
            self.join(2)

    @abstractmethod
    def admit(self, sock: socket.socket) -> None:
        """Prepare for a stream that joins."""

    @abstractmethod
    def sweep(self) -> None:
        """Move what can be moved now, then rest a little."""

    def sending(self) -> Sequence[socket.socket]:
        return ()

    def drop(self, sock: socket.socket) -> None:
        self.streams.remove(sock)
        sock.close()


class _Download(_Loop):
    direction = "download"

    def __init__(self, job: _Job) -> None:
        super().__init__(job)
        self.heads: dict[socket.socket, bytes] = {}
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.carried, self.payload_share = 0, rfc_8446.PAYLOAD_SHARE if self.far_end.scheme == "https" else 1.0
        self.pause = SHORTEST_PAUSE

    def unread(self) -> int:
        return sum(map(receive_buffer.unread, self.streams))

    def admit(self, sock: socket.socket) -> None:
        self.heads[sock] = b""
        if sys.platform == "linux":
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, LOW_WATER)

    def sweep(self) -> None:
        allowed = self.pace.refill(time.monotonic())
        left = max(0, self.rule.most_bytes - self.bins.total)
        share = min(SWEEP_BYTES, -(-min(allowed, left + 1) // max(len(self.streams), 1)))
        got = [self.read(sock, share) for sock in list(self.streams)]
        self.pace.allowance -= sum(got)
        self.carried += sum(got)
        self.bins.reach(round(self.carried * self.payload_share), time.monotonic())
        if mean := sum(got) / max(len(got), 1):
            self.pause *= min(max(SWEEP_GOAL / mean, 0.5), 1.25)
        self.pause = min(max(self.pause, SHORTEST_PAUSE), LONGEST_PAUSE)
        time.sleep(self.pause)

    def read(self, sock: socket.socket, most: int) -> int:
        """Take what has arrived on one stream, and return how much TCP carried of it."""
        taken = 0
        while taken < most:
            try:
                # Below TLS once the answer is known to be good: random bytes are counted, not decrypted, which would
                # cost more than all the rest. The responder's own count shows whether they are those that it sent.
                if sock in self.heads:
                    asked, count = 0, self.read_head(sock)
                else:
                    asked = min(most - taken, READ_BYTES)
                    count = socket.socket.recv_into(sock, self.buffer, asked, _DISCARD)
            except _WOULD_BLOCK:
                break
            except OSError:
                count = 0
            if count == 0:
                self.drop(sock)
                break
            taken += count
            if count < asked:  # nothing more has arrived
                break
        return taken

    def read_head(self, sock: socket.socket) -> int:
        """Take the first bytes of an answer. Raises ProbeError unless it is a good one."""
        count = sock.recv_into(self.buffer)
        head, separator, _ = (self.heads[sock] + bytes(self.buffer[:count])).partition(b"\r\n\r\n")
        self.heads[sock] = head[:PIECE_BYTES]
        if separator:
            if not head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")):
                status = head[:40].split(b"\r\n")[0].decode("ascii", "replace")
                raise server_error("responder_answer", f"{self.far_end.name}/v1/download answers {status!r}")
            del self.heads[sock]
        return count


class _Upload(_Loop):
    direction = "upload"

    def __init__(self, job: _Job, telling: socket.socket) -> None:
        super().__init__(job)
        self.telling = telling
        telling.setblocking(False)
        self.told = b""
        self.next_listening = 0.0
        self.unsent: dict[socket.socket, memoryview] = {}
        size = f"{PIECE_BYTES:x}\r\n".encode("ascii")
        self.piece = memoryview(size + os.urandom(PIECE_BYTES) + b"\r\n")

    def new_bins(self) -> ByteBins:
        return ByteBins(0.0)  # the responder's seconds begin with its first stream

    def admit(self, sock: socket.socket) -> None:
        self.unsent[sock] = self.piece
        if sys.platform == "linux":
            with suppress(OSError):  # a kernel without it keeps its own
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, self.congestion_control.encode())

    def sending(self) -> Sequence[socket.socket]:
        return self.streams

    def sweep(self) -> None:
        allowed = self.pace.refill(time.monotonic())
        if allowed < PIECE_BYTES or not self.streams:  # Windows cannot wait for nothing
            time.sleep(SHORTEST_PAUSE)
        else:
            _, ready, _ = select.select([], self.streams, [], WAKE_SECONDS)
            share = max(PIECE_BYTES, allowed // max(len(ready), 1))
            for sock in ready:
                self.pace.allowance -= self.write(sock, share)
        if (now := time.monotonic()) >= self.next_listening:
            self.next_listening = now + LISTEN_SECONDS
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
            told = self.told + self.telling.recv(PIECE_BYTES)
        except OSError:
            return  # nothing new, or nothing any more: then the load runs until its time is over
        *lines, rest = told.split(b"\n")
        self.told = rest[:MOST_LINE]
        newest = next((line for line in reversed(lines) if line.startswith(b"{")), None)
        if newest is not None:
            with suppress(Refused):
                record = Record(parse_object(newest), "progress")
                self.take(record.integer("bytes"), record.number("seconds"))

    def take(self, received: int, seconds: float) -> None:
        """Count what the responder says that it has received. Raises ProbeError when that cannot be."""
        passed = time.monotonic() - self.began
        if received > self.sent or seconds > passed + CLOCKS_APART_SECONDS:
            message = f"{self.far_end.name} reports {received} bytes after {seconds:.1f} s"
            raise server_error("observation_refused", f"{message}; {self.sent} were sent, in {passed:.1f} s")
        self.bins.reach(received, seconds)


def cpu_bound(load: Load) -> ProbeError | None:
    """Return the failure of a load that this computer, not the line, has limited."""
    if load.ended == "ceiling" or load.cpu_share < 0.8:
        return None
    return ProbeError(
        "cpu_bound",
        "Close other programs and repeat the check.",
        message=f"the {load.direction} kept a processor core {load.cpu_share:.0%} busy: the computer, not the line",
    )

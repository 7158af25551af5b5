"""New connections while a line is full: how long each takes to open, to be secured, and to bring one byte.

These are the foreign probes of draft-ietf-ippm-responsiveness, ten a second and never more than 5 % of the load's
bytes. One thread drives them all by readiness: a thread per connection would wake too late to tell milliseconds. Beside
them the smoothed round trip of the load's own sending connections is read, where the system tells it (TCP_INFO).
"""

from __future__ import annotations

import itertools
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from homecheck.instruments import tcp_info
from homecheck.instruments.far_end import FarEnd, client_context, request_head
from homecheck.standards.ippm_responsiveness import PROBE_BYTES, PTC, TLS_ROUND_TRIPS, Sample, Samples

INTERVAL_SECONDS: Final = 0.1
PLAIN_BYTES: Final = 1_500  # of a probe without TLS: eleven packets, one request, one answer
SECURED_BYTES: Final = 4_000, 900  # received and sent by a probe with TLS, as payload
BARE_BYTES: Final = 300, 200  # and without
PACKETS_BYTES: Final = 250  # headers of its packets, each way
PATIENCE_SECONDS: Final = 5.0  # with one connection
MOST_OPEN: Final = 60  # at a time
MOST_ANSWER: Final = 4_096  # bytes
_POLL_SECONDS: Final = 0.05

T = TypeVar("T")
Talk = Generator[int, None, T]  # yields the selector events that it waits for


@dataclass(frozen=True)
class Traffic:
    """What one connection moved, and when it was over: bytes of TCP payload, and of the packets that have none."""

    ended: float
    received: int
    sent: int


@dataclass(frozen=True)
class ProbeLog:
    """What became of the probes of one phase."""

    samples: Samples = field(default_factory=Samples)
    sent: int = 0
    failed: int = 0  # refused, broken off, wrongly answered, or silent for too long
    held_back: int = 0  # for the sake of the load, or because too many were still open
    status: int | None = None  # HTTP status of an answer that was none
    traffic: tuple[Traffic, ...] = ()

    @property
    def bytes(self) -> int:
        """All that the probes moved, both ways."""
        return sum(one.received + one.sent for one in self.traffic)

    def moved(self, direction: Literal["download", "upload"], begin: float, end: float) -> int:
        """Return the bytes of the connections that were over between two readings of the monotonic clock."""
        found = (one for one in self.traffic if begin <= one.ended < end)
        return sum(one.received if direction == "download" else one.sent for one in found)


@dataclass
class _Open:
    """A connection under way."""

    talk: Talk[None]
    began: float


class ForeignProbes:
    """The probes of one phase while it runs. `start` them, `tell` them of the load, `stop` them."""

    def __init__(self, far_end: FarEnd, token: str, *, beside_a_load: bool) -> None:
        self._far_end = far_end
        self._context = client_context() if far_end.scheme == "https" else None
        self._head = request_head(far_end, "GET", "/v1/small", token=token)
        self._beside_a_load, self._load_bytes = beside_a_load, 0
        self._tcp: list[Sample] = []
        self._tls: list[Sample] = []
        self._http: list[Sample] = []
        self._own: list[Sample] = []
        self._traffic: list[Traffic] = []
        self._sent = self._failed = self._held_back = 0
        self._status: int | None = None
        self._turn = itertools.count()
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._running.set()
        self._thread.start()

    def stop(self) -> ProbeLog:
        """End, cut off what is still open, and return everything that became complete."""
        self._running.clear()
        self._thread.join()
        samples = Samples(tuple(self._tcp), tuple(self._tls), tuple(self._http), tuple(self._own))
        return ProbeLog(samples, self._sent, self._failed, self._held_back, self._status, tuple(self._traffic))

    def tell(self, load_bytes: int, sending: Sequence[socket.socket]) -> None:
        """Take in how many bytes the load has moved, and the round trip of one of the connections it sends on."""
        self._load_bytes = load_bytes
        if not sending:
            return
        info = tcp_info.read(sending[next(self._turn) % len(sending)])
        if info is not None and info.rtt > 0:
            self._own.append(Sample(time.monotonic() - info.rtt, info.rtt * 1e3))

    def recent_connects(self, count: int) -> list[float]:
        """Return how long the newest `count` connections took to open, in ms."""
        return [sample.ms for sample in self._tcp[-count:]]

    def _run(self) -> None:
        due = time.monotonic()
        under_way: dict[int, _Open] = {}  # by file descriptor
        with selectors.DefaultSelector() as selector:
            while self._running.is_set():
                now = time.monotonic()
                if now >= due:
                    due = max(due + INTERVAL_SECONDS, now)
                    self._begin(selector, under_way)
                wait = min(max(0.0, due - time.monotonic()), _POLL_SECONDS)
                if under_way:
                    for key, _ in selector.select(wait):
                        self._advance(selector, under_way, key.fd)
                else:
                    time.sleep(wait)  # Windows cannot wait for nothing
                self._give_up_on_silent(selector, under_way)
            for one in under_way.values():
                one.talk.close()

    def _begin(self, selector: selectors.BaseSelector, under_way: dict[int, _Open]) -> None:
        if len(under_way) >= MOST_OPEN or not self._affordable():
            self._held_back += 1
            return
        self._sent += 1
        try:
            sock = socket.socket(self._far_end.family, socket.SOCK_STREAM)
        except OSError:  # this computer has no more
            self._failed += 1
            return
        under_way[sock.fileno()] = _Open(self._talk(sock), time.monotonic())
        selector.register(sock.fileno(), selectors.EVENT_WRITE)
        self._advance(selector, under_way, sock.fileno())

    def _affordable(self) -> bool:
        each = PROBE_BYTES if self._context else PLAIN_BYTES
        return not self._beside_a_load or (self._sent + 1) * each <= PTC * self._load_bytes

    def _advance(self, selector: selectors.BaseSelector, under_way: dict[int, _Open], fd: int) -> None:
        """Let a connection go on until it has to wait again, or is done."""
        try:
            selector.modify(fd, next(under_way[fd].talk))
        except StopIteration:
            self._forget(selector, under_way, fd)
        except OSError:  # also those of TLS
            self._failed += 1
            self._forget(selector, under_way, fd)

    def _give_up_on_silent(self, selector: selectors.BaseSelector, under_way: dict[int, _Open]) -> None:
        now = time.monotonic()
        for fd in [fd for fd, one in under_way.items() if now - one.began > PATIENCE_SECONDS]:
            self._failed += 1
            self._forget(selector, under_way, fd)

    def _forget(self, selector: selectors.BaseSelector, under_way: dict[int, _Open], fd: int) -> None:
        selector.unregister(fd)
        under_way.pop(fd).talk.close()

    def _talk(self, sock: socket.socket) -> Talk[None]:
        """Open, secure, ask, hear; yields whenever it has to wait. Raises OSError."""
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            began = time.perf_counter()
            sock.connect_ex(self._far_end.socket_address())
            yield selectors.EVENT_WRITE
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "no connection")
            self._tcp.append(since(began))
            if self._context is not None:
                began = time.perf_counter()
                secured = self._context.wrap_socket(
                    sock, server_hostname=self._far_end.host, do_handshake_on_connect=False
                )
                sock = secured
                yield from patiently(secured.do_handshake)
                self._tls.append(since(began, TLS_ROUND_TRIPS.get(secured.version() or "", 2)))
            began = time.perf_counter()
            sock.sendall(self._head)
            yield from self._hear(sock)
            self._http.append(since(began))
        finally:
            self._traffic.append(traffic(sock, secured=self._context is not None))
            sock.close()

    def _hear(self, sock: socket.socket) -> Talk[None]:
        """Read the answer up to its one byte. Raises OSError for any other."""
        answer = b""
        while True:
            data: bytes = yield from patiently(lambda: sock.recv(MOST_ANSWER))
            answer += data
            head, _, body = answer.partition(b"\r\n\r\n")
            if body and head.startswith(b"HTTP/1.1 200 "):
                return
            if body or not data or len(answer) >= MOST_ANSWER:
                word = head[9:12]
                self._status = int(word) if word.isdigit() else None
                raise ConnectionError("no such answer was expected")


def traffic(sock: socket.socket, *, secured: bool) -> Traffic:
    """Return what `sock` has moved, by the system's count where it tells, else as a whole probe moves."""
    told = tcp_info.read_members(sock)
    received, sent = SECURED_BYTES if secured else BARE_BYTES
    received, sent = told.get("BytesReceived", received), told.get("BytesSent", sent)
    return Traffic(time.monotonic(), received + PACKETS_BYTES, sent + PACKETS_BYTES)


def patiently(act: Callable[[], Any]) -> Talk[Any]:
    """Do what may have to wait for the other end, and return what it gives; yields the events that it waits for."""
    while True:
        try:
            return act()
        except (BlockingIOError, ssl.SSLWantReadError):
            yield selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            yield selectors.EVENT_WRITE


def since(began: float, round_trips: int = 1) -> Sample:
    """Return the sample of what began then and is complete now, for one of its `round_trips`.

    `began` is a reading of the performance counter: the monotonic clock of Windows moves on 64 times a second.
    """
    seconds = (time.perf_counter() - began) / round_trips
    return Sample(time.monotonic() - seconds, seconds * 1e3)

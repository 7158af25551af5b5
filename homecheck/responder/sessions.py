"""Sessions: who measures now, with which secrets, and what was counted for them."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from homecheck.instruments.byte_bins import BIN_SECONDS, ByteBins
from homecheck.observation import MAX_BINS, Flow, SessionObservation, Transfer
from homecheck.responder import tcp_info
from homecheck.responder.limits import Limits
from homecheck.signing import base64url
from homecheck.standards import goodput

TLS_PAYLOAD: Final = 16384 / 16406  # of a full record in TLS 1.3: 5 bytes of header, 1 of type, 16 of tag


class Busy(Exception):
    """No more sessions or streams now; `retry_seconds` says when to ask again."""

    def __init__(self, what: str, retry_seconds: int) -> None:
        super().__init__(what)
        self.retry_seconds = retry_seconds


@dataclass
class Stream:
    """One TCP stream of a session: what the kernel said about it when it was last asked."""

    socket: Any  # what the event loop shows of it
    before: int  # bytes acknowledged before the body began
    info: tcp_info.TcpInfo | None
    open: bool = True

    def ask(self) -> tcp_info.TcpInfo | None:
        """Ask the kernel again while the stream is open."""
        if self.open:
            self.info = tcp_info.read(self.socket) or self.info
        return self.info


@dataclass
class Side:
    """One direction of TCP: bytes in bins since its first stream began."""

    clock: Callable[[], float]
    wire_to_payload: float = 1.0
    streams: list[Stream] = field(default_factory=list)
    bins: ByteBins | None = None

    @property
    def total(self) -> int:
        """Payload bytes counted so far."""
        return self.bins.total if self.bins else 0

    @property
    def active(self) -> int:
        """Streams that run now."""
        return sum(stream.open for stream in self.streams)

    @contextmanager
    def stream(self, connection: Any) -> Iterator[Stream]:
        """Keep a stream while its body runs."""
        self.bins = self.bins or ByteBins(self.clock())
        info = tcp_info.read(connection)
        stream = Stream(connection, info.bytes_acked if info else 0, info)
        self.streams.append(stream)
        try:
            yield stream
        finally:
            stream.ask()
            stream.open = False

    def count(self, received: int) -> None:
        """Count payload bytes that have just arrived or been handed over."""
        assert self.bins is not None
        self.bins.add(received, self.clock())

    def count_acknowledged(self) -> None:
        """Count what the other side has acknowledged by now, over all streams."""
        if self.bins is None:
            return
        acked = sum(info.bytes_acked - stream.before for stream in self.streams if (info := stream.ask()))
        self.bins.reach(round(acked * self.wire_to_payload), self.clock())

    def transfer(self) -> Transfer:
        """Return this direction for the observation."""
        if self.bins is None:
            return Transfer()
        bins = self.bins.complete()[:MAX_BINS]
        infos = [info for stream in self.streams if (info := stream.info)]
        rtts = [info.min_rtt for info in infos if 0 < info.min_rtt < 60]
        segments = sum(info.segments for info in infos)
        rate = goodput.estimate(bins, BIN_SECONDS, goodput.window_seconds(min(rtts, default=0.0)))
        return Transfer(
            bytes=self.bins.total,
            streams=len(self.streams),
            bins=tuple(bins),
            bin_ms=round(BIN_SECONDS * 1000),
            rate_mbit_s=round(rate.mbit_s, 4) if rate else None,
            uncertainty_mbit_s=round(rate.uncertainty, 4) if rate else None,
            steady=rate is not None and rate.steady,
            rtt_ms=round(min(rtts) * 1e3, 3) if rtts else None,
            retransmitted=round(sum(info.retransmitted for info in infos) / segments, 6) if segments else None,
        )


class FlowCount:
    """The packets of one UDP flow. One thread counts; others only take a snapshot."""

    def __init__(self, flow: int, most: int) -> None:
        self.flow, self.most = flow, most
        self.highest = -1
        self.reflected = self.duplicates = self.reordered = 0
        self._map = bytearray()

    def is_new(self, sequence: int) -> bool:
        """Count a packet; tell whether it is to be answered: in range, and for the first time."""
        if sequence >= self.most:
            return False
        byte, bit = sequence >> 3, 0x80 >> (sequence & 7)
        if byte >= len(self._map):
            self._map.extend(bytes(byte + 1 - len(self._map)))
        if self._map[byte] & bit:
            self.duplicates += 1
            return False
        self._map[byte] |= bit
        self.reordered += sequence < self.highest
        self.highest = max(self.highest, sequence)
        return True

    def snapshot(self) -> Flow:
        """Return the counts for the observation."""
        # The reflector's thread may be between making room for a packet and marking it.
        packed = bytes(self._map).rstrip(b"\0")
        received = sum(map(int.bit_count, packed))
        return Flow(self.flow, received, self.reflected, self.duplicates, self.reordered, packed)


@dataclass
class Session:
    """One agent's measurement, from its opening to its signed observation."""

    id: str
    token: str
    key: bytes
    ssid: int  # of flow 0; the others follow
    nonce: str | None
    source: str
    started_at: datetime
    opened: float
    download: Side
    upload: Side
    flows: list[FlowCount]
    last_seen: float
    open: bool = True
    watchers: int = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count somebody who watches the progress."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1

    def observe(self, finished_at: datetime) -> SessionObservation:
        """Return what was seen, to be signed."""
        return SessionObservation(
            self.id,
            self.nonce,
            self.started_at,
            finished_at,
            self.source,
            self.download.transfer(),
            self.upload.transfer(),
            tuple(flow.snapshot() for flow in self.flows if flow.highest >= 0),
        )


class Sessions:
    """All sessions that are open now."""

    def __init__(self, limits: Limits, clock: Callable[[], float], *, tls: bool = False) -> None:
        self.limits = limits
        self.flows: dict[int, tuple[Session, FlowCount]] = {}  # by SSID; read by the reflector's thread
        self._clock = clock
        self._wire_to_payload = TLS_PAYLOAD if tls else 1.0
        self._by_token: dict[bytes, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_token.values()))

    def open(self, nonce: str | None, source: str, started_at: datetime) -> Session:
        """Open a session for `source`. Raises Busy when there are too many."""
        self.drop_expired()
        if len(self._by_token) >= self.limits.sessions:
            raise Busy("too many sessions are open", 20)
        if (
            sum(_neighbourhood(session.source) == _neighbourhood(source) for session in self)
            >= self.limits.sessions_per_source
        ):
            raise Busy("too many sessions are open from this address", 30)
        now = self._clock()
        flows = [FlowCount(index, self.limits.packets) for index in range(self.limits.flows)]
        download, upload = Side(self._clock, self._wire_to_payload), Side(self._clock)
        session = Session(
            id=base64url(secrets.token_bytes(16)),
            token=base64url(secrets.token_bytes(32)),
            key=secrets.token_bytes(32),
            ssid=self._free_ssid(),
            nonce=nonce,
            source=source,
            started_at=started_at,
            opened=now,
            download=download,
            upload=upload,
            flows=flows,
            last_seen=now,
        )
        self._by_token[_digest(session.token)] = session
        self.flows.update((session.ssid + flow.flow, (session, flow)) for flow in flows)
        return session

    def find(self, token: str) -> Session | None:
        """Return the open session of `token`."""
        # Looked up by digest, so that the time it takes tells nothing about tokens.
        session = self._by_token.get(_digest(token))
        if session is not None:
            session.last_seen = self._clock()
        return session

    def close(self, session: Session) -> None:
        """Forget a session: its token and its packets are strangers' from now on."""
        session.open = False
        self._by_token.pop(_digest(session.token), None)
        for flow in session.flows:
            self.flows.pop(session.ssid + flow.flow, None)

    def drop_expired(self) -> None:
        """Close the sessions that ran too long or that nobody uses."""
        now = self._clock()
        for session in self:
            if session.download.active or session.upload.active:
                session.last_seen = now
            too_long = now - session.opened > self.limits.session_seconds
            if too_long or now - session.last_seen > self.limits.idle_seconds:
                self.close(session)

    def close_all(self) -> None:
        """Close every session."""
        for session in self:
            self.close(session)

    def _free_ssid(self) -> int:
        """Return a random multiple of the flows' number that no session uses; never 0, which means none (RFC 8972)."""
        step = self.limits.flows
        while True:
            ssid = (1 + secrets.randbelow(65536 // step - 1)) * step
            if ssid not in self.flows:
                return ssid


def _neighbourhood(source: str) -> str:
    """Return what is one subscriber's: an address of IPv4, the 2^64 addresses of a /64 of IPv6 (RFC 6177)."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()

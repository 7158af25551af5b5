"""Sessions: who measures now, with which secrets, and what was counted for them."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median
from typing import Any

from homecheck.instruments import tcp_info
from homecheck.instruments.byte_bins import BIN_SECONDS, ByteBins
from homecheck.instruments.proven import IPV4, IPV6, SIP, VOICE
from homecheck.observation import MAX_BINS, Flow, Region, SessionObservation, Transfer
from homecheck.responder.limits import Limits
from homecheck.responder.proofs import Proofs
from homecheck.signing import base64url
from homecheck.standards import goodput, rfc_8446
from homecheck.standards.rfc_2104 import PreparedKey


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
    active: int = 0  # streams that run now
    round_trips_us: list[int] = field(default_factory=list)  # one per bin, of one stream after the other; 0: not known

    @property
    def total(self) -> int:
        """Payload bytes counted so far."""
        return self.bins.total if self.bins else 0

    @contextmanager
    def stream(self, connection: Any) -> Iterator[Stream]:
        """Keep a stream while its body runs."""
        self.bins = self.bins or ByteBins(self.clock())
        info = tcp_info.read(connection)
        stream = Stream(connection, info.bytes_acked if info else 0, info)
        self.streams.append(stream)
        self.active += 1
        try:
            yield stream
        finally:
            stream.ask()
            stream.open = False
            self.active -= 1

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

    def note_round_trip(self) -> None:
        """Note for the present bin the smoothed round trip of the open stream whose turn it is."""
        if self.bins is None:
            return
        now = int((self.clock() - self.bins.start) / BIN_SECONDS)
        sending = [stream.info for stream in self.streams if stream.open and stream.info]
        if sending and len(self.round_trips_us) <= now < MAX_BINS:
            self.round_trips_us += [0] * (now - len(self.round_trips_us))
            self.round_trips_us.append(round(sending[now % len(sending)].rtt * 1e6))

    def transfer(self) -> Transfer:
        """Return this direction for the observation."""
        if self.bins is None:
            return Transfer()
        bins = self.bins.complete()[:MAX_BINS]
        infos = [info for stream in self.streams if (info := stream.info)]
        rtts = [info.min_rtt for info in infos if 0 < info.min_rtt < 60]
        smoothed = [info.rtt for info in infos if 0 < info.rtt < 60]
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
            smoothed_rtt_ms=round(median(smoothed) * 1e3, 3) if smoothed else None,
            retransmitted=round(sum(info.retransmitted for info in infos) / segments, 6) if segments else None,
            round_trips_us=tuple(self.round_trips_us),
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
        # Before the map: what was sent back is then never more than what came.
        counts = self.reflected, self.duplicates, self.reordered
        # The reflector's thread may be between making room for a packet and marking it.
        packed = bytes(self._map).rstrip(b"\0")
        received = sum(map(int.bit_count, packed))
        return Flow(self.flow, received, *counts, packed)


@dataclass
class Overflow:
    """How many UDP packets, whose nobody knows, found no room in the responder's buffer since it runs."""

    packets: int = 0


@dataclass
class Session:
    """One agent's measurement, from its opening to its signed observation."""

    id: str
    token: str
    key: bytes
    ssid: int  # of flow 0; the others follow
    nonces: tuple[str | None, ...]  # one for each program that it is measured for; at least one
    source: str
    started_at: datetime
    opened: float
    download: Side
    upload: Side
    flows: list[FlowCount]
    last_seen: float
    open: bool = True
    watchers: int = 0
    answers: int = 0
    region: Region | None = None
    certificate: str | None = None  # digest of what the responder serves with
    others: int = 0  # that loaded the responder at one time, at most
    overflow: Overflow = field(default_factory=Overflow)

    def __post_init__(self) -> None:
        self.udp_key = PreparedKey(self.key)
        self.neighbourhood = neighbourhood(self.source)
        self._overflow_before = self.overflow.packets

    @property
    def loading(self) -> bool:
        """Whether it has a stream under way."""
        return bool(self.download.active or self.upload.active)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count somebody who watches the progress."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1

    def spend_answer(self, limits: Limits) -> bool:
        """Count an answer of the STUN server or the SIP mirror; tell whether it may be given."""
        self.last_seen = time.monotonic()
        self.answers += 1
        return self.answers <= limits.answers

    def observations(self, finished_at: datetime) -> list[SessionObservation]:
        """Return what was seen for each program, to be signed."""
        seen = self.observe(finished_at)
        return [replace(seen, nonce=nonce) for nonce in self.nonces]

    def observe(self, finished_at: datetime) -> SessionObservation:
        """Return what was seen, for the first program."""
        return SessionObservation(
            self.id,
            self.nonces[0],
            self.started_at,
            finished_at,
            self.source,
            self.download.transfer(),
            self.upload.transfer(),
            tuple(flow.snapshot() for flow in self.flows if flow.highest >= 0),
            self.region,
            self.certificate,
            self.others,
            self.overflow.packets - self._overflow_before,
        )


def no_region(_source: str) -> Region | None:
    """Know nothing about addresses."""
    return None


class Sessions:
    """All sessions that are open now."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        *,
        tls: bool = False,
        certificate: str | None = None,
        locate: Callable[[str], Region | None] = no_region,
    ) -> None:
        self.limits = limits
        self.flows: dict[int, tuple[Session, FlowCount]] = {}  # by SSID; read by the reflector's thread
        self._clock = clock
        self.loading: dict[str, Session] = {}
        self.overflow = Overflow()  # counted by the reflector's thread
        self.proofs = Proofs()
        self._certificate, self._locate = certificate, locate
        self._wire_to_payload = rfc_8446.PAYLOAD_SHARE if tls else 1.0
        self._by_token: dict[bytes, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_token.values()))

    def open(self, nonces: tuple[str | None, ...], source: str, started_at: datetime) -> Session:
        """Open a session for `source`. Raises Busy when there are too many."""
        self.drop_expired()
        if len(self._by_token) >= self.limits.sessions:
            raise Busy("too many sessions are open", 20)
        near = neighbourhood(source)
        if sum(session.neighbourhood == near for session in self) >= self.limits.sessions_per_source:
            raise Busy("too many sessions are open from this address", 30)
        now = self._clock()
        flows = [FlowCount(index, self.limits.packets) for index in range(self.limits.flows)]
        download, upload = Side(self._clock, self._wire_to_payload), Side(self._clock)
        session = Session(
            id=base64url(secrets.token_bytes(16)),
            token=base64url(secrets.token_bytes(32)),
            key=secrets.token_bytes(32),
            ssid=self._free_ssid(),
            nonces=nonces,
            source=source,
            started_at=started_at,
            opened=now,
            download=download,
            upload=upload,
            flows=flows,
            last_seen=now,
            region=self._locate(source),
            certificate=self._certificate,
            others=len(self.loading),
            overflow=self.overflow,
        )
        self.proofs.note(families(source))
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

    def note_answered(self, session: Session, services: Collection[str]) -> None:
        """Note from which services an agent says that answers came back, as far as any were given."""
        given = {VOICE: any(flow.reflected for flow in session.flows), SIP: session.answers > 0}
        self.proofs.note(service for service, any_given in given.items() if any_given and service in services)

    def drop_expired(self) -> None:
        """Close the sessions that ran too long or that nobody uses."""
        now = self._clock()
        for session in self:
            if session.loading:
                session.last_seen = now
            too_long = now - session.opened > self.limits.session_seconds
            if too_long or now - session.last_seen > self.limits.idle_seconds:
                self.close(session)

    @contextmanager
    def load(self, session: Session, side: Side, connection: Any) -> Iterator[Stream]:
        """Keep a stream while its body runs, and note for every session how many others load the responder then."""
        with side.stream(connection) as stream:
            self.loading[session.id] = session
            for each in self:
                each.others = max(each.others, len(self.loading) - each.loading)
            try:
                yield stream
            finally:
                if session.download.active + session.upload.active == 1:  # this one
                    del self.loading[session.id]

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


def families(source: str) -> list[str]:
    """Return by which family of addresses an agent came; none for one on this computer, as behind a proxy."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return []
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return [] if address.is_loopback else [IPV4 if address.version == 4 else IPV6]


def neighbourhood(source: str) -> str:
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

"""One measurement against a responder, in order: a call on the idle line, then the same call during each load.

New TCP connections are opened beside each load; where UDP does not pass, also on the idle line. Between the phases the
queue is left to drain; without that the next phase starts with the delays of the one before.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import proven, spending, standstill, tcp_load
from homecheck.instruments.byte_bins import BIN_SECONDS, ByteBins
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.responsiveness import INTERVAL_SECONDS as CONNECT_SECONDS
from homecheck.instruments.responsiveness import ForeignProbes, ProbeLog
from homecheck.instruments.standstill import SleepWatch
from homecheck.instruments.tcp_load import Load, LoadRule, Onlooker
from homecheck.instruments.voice_path import INTERVAL_SECONDS, Log, Packet, VoiceFlow, between
from homecheck.observation import SessionObservation
from homecheck.standards import goodput
from homecheck.standards.ippm_responsiveness import PTC
from homecheck.standards.order_statistics import quantile

IDLE_FLOW, DOWNLOAD_FLOW, UPLOAD_FLOW = range(3)
UDP_SECONDS: Final = 2.0  # without any reply: UDP does not pass
TCP_SECONDS: Final = 2.2  # of connections on the idle line, ten a second, where UDP does not pass
SETTLE_SECONDS: Final = 2.0  # of load, before its delays count
DEEPER: Final = 1.02  # a longer delay than this one is longer
DEEPER_MS: Final = 1.0  # and by at least so much
RISING: Final = 1.1  # the last third of the delays against the third before: the queue is not full yet
MOST_SECONDS: Final = 60  # of delays that are looked back upon
DRAIN_SECONDS: Final = 5.0  # that a queue may take to empty
DRAINED_MS: Final = 5.0  # above what is usual on the idle line
DRAINED_PACKETS: Final = 5
NEWS_PACKETS: Final = 10  # whose median is told to whoever watches
NEWS_SECONDS: Final = 0.5  # of payload, by the clock of its bins: what follows a standstill is not taken for speed
QUEUED_SECONDS: Final = 0.3
LOAD_SHARE: Final = 1 - PTC  # of what may be spent; the rest is for the probes beside it


@dataclass(frozen=True)
class LoadedCall:
    """A load, the voice flow that ran over it (None where UDP does not pass), and the connections opened beside it."""

    load: Load
    log: Log | None
    probes: ProbeLog = field(default_factory=ProbeLog)

    @property
    def window(self) -> tuple[float, float]:
        """From when to when the queue was as full as the load made it, on the monotonic clock."""
        settle = min(SETTLE_SECONDS, 0.4 * self.load.seconds)
        return self.load.began + settle, self.load.began + self.load.seconds

    @property
    def delays_ms(self) -> list[float]:
        """The round trips of the voice flow as long as the load ran."""
        ran = (self.load.began, self.load.began + self.load.seconds)
        return round_trips(between(self.log.packets, *ran)) if self.log else []


@dataclass(frozen=True)
class NetworkRun:
    """Everything that both ends saw. A load that failed stands there as its error."""

    session: ResponderSession
    idle: Log
    idle_probes: ProbeLog  # empty where UDP passes
    download: LoadedCall | ProbeError
    upload: LoadedCall | ProbeError
    envelopes: tuple[str, ...]  # the responder's observation, signed for each challenge
    seen: SessionObservation
    stops: tuple[tuple[float, float], ...] = ()  # when this computer stood still, on the monotonic clock
    udp_refused_by_strangers: bool = False  # a firewall says in the far end's place that nobody listens
    udp_proven: bool = True  # packets come back here, or did lately for somebody else

    @property
    def spent_bytes(self) -> int:
        """All payload that went either way, by TCP and UDP, as the end saw it that saw more."""
        loads = ((self.download, self.seen.download.bytes), (self.upload, self.seen.upload.bytes))
        calls = sum(max(seen, _bytes_of(load)) + _bytes_beside(load) for load, seen in loads)
        return spending.udp_bytes(self.idle) + self.idle_probes.bytes + calls


@dataclass(frozen=True)
class News:
    """How the line is just now, for somebody who watches: nothing is judged by it.

    `phase` is idle, download or upload; `seconds` count from its begin. `mbit_s` is the payload of the last half
    second, as far as this end knows it, and None on the idle line; `rtt_ms` is the median of the newest round trips.
    """

    phase: str
    seconds: float
    rtt_ms: float | None
    mbit_s: float | None = None


def nobody_watches(_news: News) -> None:
    """Take in news for nobody."""


@dataclass(frozen=True)
class Plan:
    """How long, and with how much: `most_bytes` for everything; `no_load` is why the line is not filled."""

    voice_seconds: float
    load: LoadRule
    sleep: Callable[[float], None] = time.sleep
    most_bytes: int | None = None
    no_load: ProbeError | None = None
    asleep: Callable[[], float] = standstill.asleep_seconds
    news: Callable[[News], None] = nobody_watches


def measure(session: ResponderSession, plan: Plan) -> NetworkRun:
    """Run all phases in an open session and end it. Raises ProbeError, ``interrupted`` when the computer slept."""
    watch = SleepWatch.begin(plan.asleep)
    with standstill.pulse() as pulse:
        try:
            run = phases(session, plan)
        except ProbeError:
            watch.check()  # a far end that does not know us any more is not at fault then
            pulse.check()
            raise
    watch.check()
    return replace(run, stops=tuple(pulse.stops))


def phases(session: ResponderSession, plan: Plan) -> NetworkRun:
    """Run all phases and end the session. Raises ProbeError."""
    far_end, token = session.far_end, session.token
    with ExitStack() as when_broken_off:
        when_broken_off.callback(give_up, session)
        idle = idle_call(session, plan)
        idle_probes = ProbeLog() if idle.answered else idle_connections(session, plan)
        usual = round_trips(idle.packets) or [sample.ms for sample in idle_probes.samples.tcp]
        rule = rule_for(plan.load, usual, lossy=0 < idle.answered < len(idle.packets))
        spent = spending.udp_bytes(idle) + idle_probes.bytes
        beside = Beside(session, plan, usual, udp=idle.answered > 0)
        down = spending.within(rule, plan.most_bytes, spent, share=0.5 * LOAD_SHARE)
        download = plan.no_load or beside.load(DOWNLOAD_FLOW, partial(tcp_load.download, far_end, token, down))
        spent += _bytes_of(download) + _bytes_beside(download)
        up = spending.within(rule, plan.most_bytes, spent, share=LOAD_SHARE)
        upload = plan.no_load or beside.load(UPLOAD_FLOW, partial(tcp_load.upload, far_end, token, up))
        when_broken_off.pop_all()
    envelopes, seen = session.finish([proven.VOICE] if idle.answered else [])
    udp_proven = idle.answered > 0 or proven.VOICE in proven.services(far_end)
    return NetworkRun(session, idle, idle_probes, download, upload, envelopes, seen, udp_proven=udp_proven)


def middle(rtts_ms: Sequence[float]) -> float | None:
    """Return the median of round trips, None where there is none."""
    return statistics.median(rtts_ms) if rtts_ms else None


def give_up(session: ResponderSession, answered: Collection[str] = ()) -> None:
    """End a session whose measurement was broken off: the responder need not wait for us."""
    with suppress(ProbeError):
        session.finish(answered)


def idle_call(session: ResponderSession, plan: Plan) -> Log:
    """Send as long as the plan says; stop early when nothing comes back at all."""
    flow = VoiceFlow(session.far_end, session.udp, IDLE_FLOW)
    flow.start()
    begun = time.monotonic()
    try:
        while (passed := time.monotonic() - begun) < plan.voice_seconds:
            if passed >= UDP_SECONDS and flow.answered == 0:
                break
            plan.sleep(min(0.1, plan.voice_seconds - passed))
            plan.news(News("idle", time.monotonic() - begun, middle(flow.recent_rtts(NEWS_PACKETS))))
    finally:
        log = flow.stop()
    return log


def idle_connections(session: ResponderSession, plan: Plan) -> ProbeLog:
    """Open connections on the idle line: what is left to measure where UDP does not pass."""
    probes = ForeignProbes(session.far_end, session.token, beside_a_load=False)
    probes.start()
    try:
        plan.sleep(min(TCP_SECONDS, plan.voice_seconds))
    finally:
        log = probes.stop()
    return log


class QueueWatcher(Onlooker):
    """Tells a load when the line is full, and lets it go on until the queue is as deep as it gets."""

    def __init__(
        self,
        probes: ForeignProbes,
        flow: VoiceFlow | None,
        limit_ms: float,
        news: Callable[[News], None] = nobody_watches,
        phase: str = "",
    ) -> None:
        self._probes, self._limit_ms = probes, limit_ms
        self._news, self._phase = news, phase
        self._begun = time.monotonic()
        self.recent = flow.recent_rtts if flow else probes.recent_connects
        self._second = round(1 / (INTERVAL_SECONDS if flow else CONNECT_SECONDS))

    def tell(self, bins: ByteBins, sending: Sequence[socket.socket]) -> None:
        """Pass on what the probes need to know, and the news to whoever watches."""
        self._probes.tell(bins.total, sending)
        seconds = time.monotonic() - self._begun
        self._news(News(self._phase, seconds, middle(self.recent(NEWS_PACKETS)), newest_rate(bins)))

    def is_full(self) -> bool:
        """Tell whether the newest packets have waited: most of them took longer than on the idle line."""
        newest = self.recent(round(QUEUED_SECONDS * self._second))
        return 2 * sum(rtt > self._limit_ms for rtt in newest) > len(newest)

    def satisfied(self) -> bool:
        """Tell whether the last second brought no longer delays than those before."""
        return not deepening(self.recent(MOST_SECONDS * self._second), self._second)


def newest_rate(bins: ByteBins) -> float | None:
    """Return the payload of the last half second in Mbit/s; None before anything is counted."""
    newest = bins.complete()[-round(NEWS_SECONDS / BIN_SECONDS) :]
    return sum(newest) / (len(newest) * BIN_SECONDS) * goodput.BYTES_TO_MBIT if newest else None


def deepening(delays_ms: Sequence[float], second: int) -> bool:
    """Tell whether the newest `second` of delays lies higher than any second before, by its median."""
    ends = range(len(delays_ms), second - 1, -second)
    last, *before = [statistics.median(delays_ms[end - second : end]) for end in ends] or [0.0]
    return not before or last > DEEPER * max(before) + DEEPER_MS


def still_rising(rtts: Sequence[float], idle_ms: float) -> bool:
    """Tell whether the delay still grew when the load ended, so that the queue is deeper than was seen."""
    third = len(rtts) // 3
    before, last = (quantile(part, 0.5).value - idle_ms for part in (rtts[third : 2 * third], rtts[-third:]))
    return last > 5 and last > RISING * before


def deepest_second(delays_ms: Sequence[float], second: int) -> Sequence[float]:
    """Return the `second` of delays in which the queue was deepest: around the fifth of it with the highest median.

    Slow start fills a queue to its top within a second, what is lost there empties it, and it takes many to fill again.
    """
    width = max(1, second // 5)
    starts = range(0, max(1, len(delays_ms) - width + 1), width)
    deepest = max(starts, key=lambda start: statistics.median(delays_ms[start : start + width] or [0.0]))
    begin = min(max(0, deepest - (second - width) // 2), max(0, len(delays_ms) - second))
    return delays_ms[begin : begin + second]


@dataclass(frozen=True)
class Beside:
    """Loads the line, and measures beside the load: a voice flow where UDP passes, and new connections."""

    session: ResponderSession
    plan: Plan
    usual_ms: Sequence[float]  # round trips of the idle line, by the packets or connections that pass
    udp: bool

    def load(self, number: int, run: Callable[[Onlooker], Load]) -> LoadedCall | ProbeError:
        """Load the line in one direction, then wait until the queue is empty."""
        flow = VoiceFlow(self.session.far_end, self.session.udp, number) if self.udp else None
        probes = ForeignProbes(self.session.far_end, self.session.token, beside_a_load=True)
        log: Log | None = None
        if flow is not None:
            flow.start()
        probes.start()
        try:
            phase = "upload" if number == UPLOAD_FLOW else "download"
            watcher = QueueWatcher(probes, flow, self.limit_ms, self.plan.news, phase)
            load = _attempt(run, watcher)
            if isinstance(load, Load):
                drain(watcher.recent, self.limit_ms, self.plan.sleep)
        finally:
            opened = probes.stop()
            if flow is not None:
                log = flow.stop()
        return load if isinstance(load, ProbeError) else LoadedCall(load, log, opened)

    @property
    def limit_ms(self) -> float:
        """Below this the line counts as idle again."""
        return quantile(self.usual_ms, 0.95).value + DRAINED_MS if self.usual_ms else DRAINED_MS


def rule_for(rule: LoadRule, usual_ms: Sequence[float], *, lossy: bool) -> LoadRule:
    """Return `rule` fitted to the idle line: its round trip, and whether it loses packets."""
    if not usual_ms:
        return rule
    window = goodput.window_seconds(quantile(usual_ms, 0.5).value / 1e3)
    first_join = rule.first_join_seconds * window / goodput.WINDOW_SECONDS
    return replace(rule, window_seconds=window, first_join_seconds=first_join, lossy=lossy)


def drain(
    recent: Callable[[int], list[float]],
    limit_ms: float,
    sleep: Callable[[float], None],
    most_seconds: float = DRAIN_SECONDS,
) -> None:
    """Wait until the newest round trips are within `limit_ms`, or `most_seconds`."""
    deadline = time.monotonic() + most_seconds
    sleep(DRAINED_PACKETS * INTERVAL_SECONDS)
    while time.monotonic() < deadline:
        newest = recent(DRAINED_PACKETS)
        if len(newest) == DRAINED_PACKETS and max(newest) < limit_ms:
            return
        sleep(INTERVAL_SECONDS)


def round_trips(packets: Sequence[Packet]) -> list[float]:
    """Return the round trips of the packets that came back, in ms."""
    return [rtt for packet in packets if (rtt := packet.rtt_ms) is not None]


def _bytes_of(load: LoadedCall | ProbeError) -> int:
    return 0 if isinstance(load, ProbeError) else load.load.spent


def _bytes_beside(load: LoadedCall | ProbeError) -> int:
    return 0 if isinstance(load, ProbeError) else spending.udp_bytes(load.log) + load.probes.bytes


def _attempt(run: Callable[[Onlooker], Load], onlooker: Onlooker) -> Load | ProbeError:
    """Return the load, or why there is none: the other direction is measured all the same."""
    try:
        return run(onlooker)
    except ProbeError as error:
        return error

"""Network: what the line carries, and what a call over it would sound like, idle and loaded."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments import (
    far_end,
    hop_watch,
    lost_way,
    network_causes,
    network_run,
    presented_certificate,
    proven,
    spending,
    standstill,
    tcp_load,
    udp_refusal,
    voice_path,
)
from homecheck.instruments.believe import believe, flow_of
from homecheck.instruments.byte_bins import BIN_SECONDS
from homecheck.instruments.call import Call, codec_details, loss_details, ms, packet_details, rating_details
from homecheck.instruments.network_responsiveness import (
    connect_details,
    connects_of,
    direction_rpm,
    own_round_trips,
    rpm_details,
    told_round_trips,
    without_udp,
)
from homecheck.instruments.network_run import (
    DOWNLOAD_FLOW,
    DRAIN_SECONDS,
    IDLE_FLOW,
    UPLOAD_FLOW,
    LoadedCall,
    NetworkRun,
    Plan,
    round_trips,
)
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.second_opinion import SecondOpinion
from homecheck.instruments.tcp_load import Load, LoadRule
from homecheck.instruments.voice_path import INTERVAL_SECONDS, Log, between
from homecheck.measurement import Bound, CheckSetup, Details, Measurement, Need, Observation, Quantity
from homecheck.observation import Transfer
from homecheck.standards import (
    gilbert_1960,
    goodput,
    rfc_8446,
    rfc_8762,
)
from homecheck.standards.call_quality import percentage
from homecheck.standards.order_statistics import quantile

DOWNLOAD = Quantity("network.download", "Mbit/s", "TCP goodput of 4 to 8 streams, steady stretch")
UPLOAD = Quantity(
    "network.upload", "Mbit/s", "TCP goodput of 4 to 8 streams by the responder's counters, steady stretch"
)
UDP = Quantity.yes_no("network.udp", "RFC 8762 packets come back")
RTT = Quantity("network.rtt", "ms", "RFC 8762 round trip, median")
RTT_P95 = Quantity("network.rtt_p95", "ms", "RFC 8762 round trip, 95th percentile")
JITTER = Quantity("network.jitter", "ms", "RFC 3550 6.4.1, mean of |D|, worse direction")
PDV_P95 = Quantity("network.pdv_p95", "ms", "RFC 5481 4.2, 95th percentile, worse direction")
LOSS = Quantity("network.loss", "%", "packets of 50 a second that did not come back")
LOSS_UP = Quantity("network.loss_up", "%", "packets lost on the way to the responder, by its counters")
LOSS_DOWN = Quantity("network.loss_down", "%", "packets lost on the way back")
LOSS_BURST = Quantity("network.loss_burst", "1", "ITU-T G.107 BurstR, direction with more loss")
R = Quantity("network.r", "1", "ITU-T G.107 (06/2015), G.711 with PLC, worse direction")
MOS = Quantity("network.mos", "MOS-CQE", "ITU-T G.107 Annex B, of network.r")
LOADED_RTT_INCREASE = Quantity(
    "network.loaded_rtt_increase", "ms", "round trip in the worst second of a load (p95) less idle median"
)
LOADED_MOS = Quantity("network.loaded_mos", "MOS-CQE", "as network.mos, during download and upload, the worse")
RPM = Quantity(
    "network.rpm",
    "1/min",
    "draft-ietf-ippm-responsiveness-09, lower direction: foreign probes, and TCP's own round trip of the load in place "
    "of self probes",
)

REGION = Quantity.text("network.region", "ISO 3166-2 code of the public address, by a file at the responder")
TLS_INTERCEPTED = Quantity.yes_no(
    "network.tls_intercepted", "sha256 of the certificate shown here against the one that the responder signs"
)

VOICE: Final = (RTT, RTT_P95, JITTER, PDV_P95, LOSS, LOSS_UP, LOSS_DOWN, LOSS_BURST, R, MOS)
LOADED: Final = (LOADED_RTT_INCREASE, LOADED_MOS)

FULL: Final = (*LOADED, RPM)  # what only a full line shows, however fast it is
FILLING: Final = (DOWNLOAD, UPLOAD, *FULL)

ETHERNET_SHARE: Final = 1514 / 1448  # frame to payload of a full packet with TCP timestamps
IP_SHARE: Final = 1448 / 1500  # payload of a full packet to its bytes of IP
UDP_HEADERS: Final = {socket.AF_INET: 28, socket.AF_INET6: 48}
PACKETS_PER_SECOND: Final = round(1 / INTERVAL_SECONDS)
STILL_GROWING: Final = 0.1  # share by which the second half of a load is faster: it is not over its start
HELD_UP_SECONDS: Final = 1.0  # a pause in the packets that no call has


@dataclass(frozen=True)
class Network:
    """Measures against a responder. The seconds are fields, so that a test takes less time than a check."""

    url: str | None = None
    key: dict[str, str] | None = None
    nonces: tuple[str, ...] = ()
    second: SecondOpinion | None = None  # ask others instead
    voice_seconds: float = 20.0
    load: LoadRule = field(default_factory=LoadRule)
    sleep: Callable[[float], None] = time.sleep
    may_load: bool = True
    asks_load: bool = True  # False: nobody wants to know what the line does when it is full
    most_bytes: int | None = None
    enrolled: bool = False  # with a company, which should have named a responder
    find_posts: Callable[[far_end.FarEnd], hop_watch.Posts] = hop_watch.find_posts
    news: Callable[[network_run.News], None] = network_run.nobody_watches

    name: ClassVar[str] = "network"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (DOWNLOAD, UPLOAD, UDP, *VOICE, *LOADED, RPM, REGION, TLS_INTERCEPTED)
    reveals: ClassVar[str] = (
        "How fast and how steady your connection is, and whether your own network or your line makes it so; who opens "
        "encrypted connections on their way. The responder sees your internet address, and signs it with its region."
    )

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Network:
        """Return the probe that `setup` asks for."""
        key = None if setup.responder_key is None else dict(setup.responder_key)
        second = SecondOpinion(
            setup.method,
            setup.ndt7_url,
            agreed=setup.agreed,
            attended=setup.person is not None,
            state=setup.state,
            most_bytes=setup.most_bytes,
        )
        return cls(
            setup.responder_url,
            key,
            setup.nonces,
            None if setup.method == "responder" else second,
            load=load_rule(setup),
            may_load=setup.may_load,
            asks_load=setup.asked is None or any(quantity.name in setup.asked for quantity in FILLING),
            most_bytes=setup.most_bytes,
            enrolled=setup.collector_url is not None,
        )

    @property
    def needs(self) -> frozenset[Need]:
        """A line that nobody else uses, which is then filled where somebody asks what it carries."""
        fills = self.asks_load or self.second is not None
        return frozenset({Need.NETWORK_QUIET, Need.NETWORK_LOAD} if fills else {Need.NETWORK_QUIET})

    @property
    def deadline_seconds(self) -> float:
        """The idle call, two loads with their draining, and a minute for a far end that is slow to answer."""
        return self.voice_seconds + 2 * (self.load.most_seconds + DRAIN_SECONDS) + 60

    def run(self) -> Iterator[Measurement | Observation]:
        """Measure. Raises ProbeError when there is no responder, or none that can be reached or believed."""
        if self.second is not None:
            yield from second_opinion(self.second, self.quantities, may_load=self.may_load)
            return
        no_load = spending.not_asked() if not self.asks_load else None if self.may_load else spending.not_allowed()
        plan = Plan(self.voice_seconds, self.load, self.sleep, self.most_bytes, no_load, news=self.news)
        with lost_way.explained(self.url):
            responder = far_end.find(self._address())
            posts = self.find_posts(responder)
            session = ResponderSession.open(responder, self.nonces, self.key)
            with hop_watch.watching(posts) as watch:
                run = network_run.measure(session, plan)
        believe(run)
        if (
            run.idle.refused and not run.idle.answered
        ):  # now that no router is asked any more: they answer few questions
            strangers = udp_refusal.is_strangers(responder, session.udp.port)
            run = replace(run, udp_refused_by_strangers=strangers)
        yield from map(Observation, run.envelopes)
        causes = network_causes.causes_of(run, watch.log, others=run.seen.others)
        rating, load = what_spoils(run), slower_load(run)
        for found in self._found(run):
            cause = causes.of(found.quantity.name, rating, load) if found.failure is None else None
            yield replace(found, cause=cause)

    def _found(self, run: NetworkRun) -> Iterator[Measurement]:
        yield download(run)
        yield upload(run)
        yield udp(run)
        yield region(run)
        yield tls_intercepted(run)
        yield rpm(run)
        try:
            idle = idle_call(run)
        except ProbeError as error:
            yield from (Measurement.failed(quantity, error) for quantity in (*VOICE, *LOADED))
            return
        yield from voice(run, idle)
        yield from loaded(run, idle)

    def _address(self) -> str:
        if self.url is None:
            raise far_end.none_known(enrolled=self.enrolled)
        return self.url


def load_rule(setup: CheckSetup) -> LoadRule:
    """Return how far the line is filled: no further than decides what is asked, unless it is to be full."""
    if setup.asked is None or setup.enough_mbit_s is None or any(quantity.name in setup.asked for quantity in FULL):
        return LoadRule()
    return LoadRule(ceiling_mbit_s=setup.enough_mbit_s)


def second_opinion(second: SecondOpinion, quantities: Sequence[Quantity], *, may_load: bool) -> Iterator[Measurement]:
    """Yield throughput by another method, and of all other quantities that it does not tell them."""
    message = f"--method {second.method:.40} measures throughput alone"
    others = ProbeError("not_by_this_method", "Use --method responder.", message=message, at_fault="agent")
    yield from (Measurement.failed(other, others) for other in quantities if other not in (DOWNLOAD, UPLOAD))
    if not may_load:
        yield from (Measurement.failed(quantity, spending.not_allowed()) for quantity in (DOWNLOAD, UPLOAD))
        return
    with lost_way.explained(second.url):
        opinion = second.measure()
    for quantity, found in ((DOWNLOAD, opinion.download), (UPLOAD, opinion.upload)):
        if isinstance(found, ProbeError):
            yield Measurement.failed(quantity, found, {"method": second.method})
        else:
            yield Measurement(quantity, round(found.mbit_s, 3), round(found.uncertainty, 3), details=found.details)


def download(run: NetworkRun) -> Measurement:
    """Return network.download: what arrived here."""
    if isinstance(run.download, ProbeError):
        return Measurement.failed(DOWNLOAD, run.download, {"spent_bytes": run.spent_bytes})
    window = goodput.window_seconds((run.seen.download.rtt_ms or 0.0) / 1e3)
    rate = goodput.estimate(run.download.load.bins, BIN_SECONDS, window)
    return throughput(DOWNLOAD, run, run.download, run.seen.download, rate)


def upload(run: NetworkRun) -> Measurement:
    """Return network.upload: what arrived there, because bytes handed to the own kernel prove nothing."""
    if isinstance(run.upload, ProbeError):
        return Measurement.failed(UPLOAD, run.upload, {"spent_bytes": run.spent_bytes})
    seen = run.seen.upload
    rate = goodput.estimate(seen.bins, seen.bin_ms / 1e3, goodput.window_seconds((seen.rtt_ms or 0.0) / 1e3))
    return throughput(UPLOAD, run, run.upload, seen, rate)


def throughput(
    quantity: Quantity, run: NetworkRun, call: LoadedCall, seen: Transfer, rate: goodput.Rate | None
) -> Measurement:
    """Return one direction with everything that says how far to trust it.

    The value is what TCP carried: with the framing of TLS, and with what our own packets and probes took of the line.
    """
    load = call.load
    details: dict[str, float | int | str | bool | None] = {
        "seconds": round(load.seconds, 3),
        "bytes": load.total,
        "spent_bytes": run.spent_bytes,
        "streams": load.streams,
        "ended": load.ended,
        "cpu_share": round(load.cpu_share, 3),
        "responder_mbit_s": seen.rate_mbit_s,
        "responder_bytes": seen.bytes,
        "responder_rtt_ms": seen.rtt_ms,
        "responder_smoothed_rtt_ms": seen.smoothed_rtt_ms,
        "responder_others": run.seen.others,
        "retransmitted": seen.retransmitted,
    }
    failure = stood_still(run, load) or tcp_load.cpu_bound(load) or stalled(quantity, load, rate)
    if failure is not None:
        return Measurement.failed(quantity, failure, details)
    assert rate is not None
    details["steady"] = rate.steady
    details["at_least"] = not rate.steady or load.ended == "ceiling"
    framing = 1 / rfc_8446.PAYLOAD_SHARE if run.session.far_end.scheme == "https" else 1.0
    value = rate.mbit_s * framing + voice_mbit_s(run, call) + probes_mbit_s(call)
    details["payload_mbit_s"] = round(rate.mbit_s, 3)
    details["line_rate_mbit_s"] = round(value * ETHERNET_SHARE, 3)
    bound: Bound | None = "at_least" if load.ended == "ceiling" or rate.growth > STILL_GROWING else None
    return Measurement(quantity, round(value, 3), round(rate.uncertainty, 3), details=details, bound=bound)


def voice_mbit_s(run: NetworkRun, call: LoadedCall) -> float:
    """Return what TCP would have carried in place of the voice packets that ran beside a load."""
    if call.log is None:
        return 0.0
    packet = rfc_8762.VOICE_LENGTH + UDP_HEADERS[socket.AddressFamily(run.session.far_end.family)]
    return packet / INTERVAL_SECONDS * IP_SHARE * goodput.BYTES_TO_MBIT


def probes_mbit_s(call: LoadedCall) -> float:
    """Return what the connections that were opened beside a load took of its direction."""
    load = call.load
    moved = call.probes.moved(load.direction, load.began, load.began + load.seconds)
    return moved / load.seconds * goodput.BYTES_TO_MBIT


def stood_still(run: NetworkRun, load: Load) -> ProbeError | None:
    """Return why a load says less than the line carries when this computer paused meanwhile, or None."""
    seconds = standstill.longest_stop(run.stops, load.began, load.began + load.seconds)
    return standstill.interrupted(f"stood still for {seconds:.1f} s") if seconds else None


def stalled(quantity: Quantity, load: Load, rate: goodput.Rate | None) -> ProbeError | None:
    """Return why a load says nothing about the line, or None."""
    if load.ended == "broken":
        return far_end.server_error("responder_broke_off", f"the responder broke off the {load.direction}")
    if rate is None and load.ended == "bytes":
        return spending.too_early(load.seconds, load.spent)
    if rate is None:
        message = f"{quantity.name}: {load.total} bytes in {load.seconds:.1f} s, too little to tell a rate"
        return ProbeError("stalled", far_end.LINK_ADVICE, message=message, at_fault="line")
    return None


def udp(run: NetworkRun) -> Measurement:
    """Return network.udp. TCP to the responder works, or this would not be reached."""
    reached = flow_of(run, IDLE_FLOW).received
    if run.idle.answered:
        return Measurement(UDP, value=True, details={"sent": len(run.idle.packets), "answered": run.idle.answered})
    stopped = "on the way back" if reached else "on the way there"
    details: Details = {
        "sent": len(run.idle.packets),
        "seen_by_responder": reached,
        "stopped": stopped,
        "statement": without_udp(run),
        "tcp": {name: connect_details(connects) for name, connects in connects_of(run).items()},
    }
    ours = our_udp(run)
    return Measurement(UDP, value=False, details=details) if ours is None else Measurement.failed(UDP, ours, details)


def our_udp(run: NetworkRun) -> ProbeError | None:
    """Return why UDP that does not come back may be our own doing; None where that is ruled out."""
    name = run.session.far_end.name
    if run.idle.refused and not run.udp_refused_by_strangers:
        return far_end.server_error("udp_refused", f"{name}: nobody listens at its UDP port")
    if not run.udp_proven:
        return proven.unproven(f"none of {len(run.idle.packets)} UDP packets came back from {name}")
    return None


def region(run: NetworkRun) -> Measurement:
    """Return network.region: where the responder's file has the address that it saw."""
    found, name = run.seen.region, run.session.far_end.name
    if found is None:
        return Measurement.failed(REGION, far_end.server_error("not_offered", f"{name} has no file of regions"))
    if found.country is None:
        error = far_end.server_error("not_known", f"the file of {name} does not know {run.seen.source}")
        return Measurement.failed(REGION, error)
    return Measurement(REGION, str(found))


def tls_intercepted(run: NetworkRun) -> Measurement:
    """Return network.tls_intercepted: whether the certificate shown here is not the one that the responder serves."""
    shown, served = run.session.far_end.certificate, run.seen.certificate
    if shown is None or served is None:
        message = f"{run.session.far_end.name} does not tell which certificate it serves"
        return Measurement.failed(TLS_INTERCEPTED, far_end.server_error("not_offered", message))
    digest = presented_certificate.digest(shown)
    details: Details = {
        "shown": digest,
        "served": served,
        "issuer": presented_certificate.issuer(shown),
        "responder_key_pinned": run.session.pinned,
    }
    return Measurement(TLS_INTERCEPTED, digest != served, details=details)


def rpm(run: NetworkRun) -> Measurement:
    """Return network.rpm: the responsiveness of the direction that is less responsive."""
    told, own = told_round_trips(run), own_round_trips(run)
    try:
        for call in loads_of(run).values():
            if still := stood_still(run, call.load):
                raise still
        found = {
            "download": direction_rpm(run.download, own),
            "upload": direction_rpm(run.upload, ()),
        }
    except ProbeError as error:
        return Measurement.failed(RPM, error)
    idle = round_trips(run.idle.packets) or [one.ms for one in run.idle_probes.samples.tcp]
    idle_ms = quantile(idle, 0.5).value if idle else 0.0
    parts: Details = {name: rpm_details(*one, idle_ms) for name, one in found.items()}
    details: Details = {**parts, "impossible_round_trips": len(told) - len(own)}
    lower = min((one for one, *_ in found.values()), key=lambda one: one.rpm)
    filling = any(network_run.still_rising([one.ms for one in connects], idle_ms) for _, _, connects in found.values())
    return replace(number(RPM, lower.rpm, lower.half_width, details), bound="at_most" if filling else None)


def idle_call(run: NetworkRun) -> Call:
    """Return the call on the idle line. Raises ProbeError when there was none, or none that can be judged."""
    if not run.idle.answered:
        ours = our_udp(run)
        if ours is not None:
            raise ours
        message = f"none of {len(run.idle.packets)} UDP packets came back: {without_udp(run)}"
        raise ProbeError("udp_blocked", voice_path.UDP_ADVICE, message=message, at_fault="home_link")
    return call_of(run, IDLE_FLOW, run.idle)


def call_of(run: NetworkRun, number: int, log: Log, window: tuple[float, float] | None = None) -> Call:
    """Return the call of a flow, or of the part that was sent within `window`. Raises ProbeError."""
    if log.held_up_seconds > HELD_UP_SECONDS:
        raise standstill.interrupted(f"stood still for {log.held_up_seconds:.1f} s")
    if log.clock_stepped:
        message = "the computer's clock was changed during the measurement"
        raise ProbeError("clock_stepped", "Repeat the check.", message=message)
    if log.far_clock_stepped:
        message = f"the clock of {run.session.far_end.name} was changed during the measurement"
        raise far_end.server_error("responder_clock_stepped", message)
    packets = between(log.packets, *window) if window else log.packets
    arrived = flow_of(run, number).arrived(len(log.packets))
    if run.seen.overflowed and not all(arrived):
        message = f"{run.session.far_end.name} was overloaded: {run.seen.overflowed} packets found no room there"
        raise far_end.server_error("responder_overloaded", message)
    return Call.of(packets, [arrived[packet.sequence] for packet in packets])


def voice(run: NetworkRun, call: Call) -> Iterator[Measurement]:
    """Yield what the idle call came to."""
    lost = call.sent - len(call.rtts)
    worse_loss = max((call.up, call.down), key=lambda way: way.losses.lost / max(way.losses.packets, 1))
    rating = call.rating
    sides = {"up": call.up, "down": call.down}
    yield number(RTT, call.rtt.value, call.rtt.half_width, packet_details(run, call))
    yield number(RTT_P95, call.rtt_p95.value, call.rtt_p95.half_width, {"p99_ms": ms(quantile(call.rtts, 0.99).value)})
    jitter = max(sides.values(), key=lambda way: way.jitter)
    details: Details = {
        name: {"mean_d_ms": ms(way.jitter), "mean_j_ms": ms(way.jitter_mean_j)} for name, way in sides.items()
    }
    yield number(JITTER, jitter.jitter, jitter.jitter_half_width, details)
    varied = max(sides.values(), key=lambda way: way.pdv_p95.value)
    details = {name: {"p95_ms": ms(way.pdv_p95.value), "p99_ms": ms(way.pdv_p99)} for name, way in sides.items()}
    yield number(PDV_P95, varied.pdv_p95.value, varied.pdv_p95.half_width, details)
    yield number(LOSS, *percentage(lost, call.sent), {"lost": lost, "sent": call.sent})
    for quantity, way in ((LOSS_UP, call.up), (LOSS_DOWN, call.down)):
        yield number(quantity, *way.loss_pct, loss_details(way))
    yield number(LOSS_BURST, *gilbert_1960.burst_ratio(worse_loss.losses), {"bursts": worse_loss.losses.bursts})
    yield number(R, rating.r, rating.r_half_width, {**rating_details(rating), "codecs": codec_details(call)})
    details = {
        "one_way_delay_ms": ms(rating.one_way_delay_ms),
        "loss_pct": ms(rating.loss_pct),
        "codecs": codec_details(call),
    }
    yield number(MOS, *rating.mos, details)


def loaded(run: NetworkRun, idle: Call) -> Iterator[Measurement]:
    """Yield what the calls during the loads came to, the worse of both directions."""
    try:
        calls = {
            "download": loaded_call(run, DOWNLOAD_FLOW, run.download),
            "upload": loaded_call(run, UPLOAD_FLOW, run.upload),
        }
    except ProbeError as error:
        yield from (Measurement.failed(quantity, error) for quantity in LOADED)
        return
    loads, connects = loads_of(run), connects_of(run)
    full = {
        name: quantile(network_run.deepest_second(loads[name].delays_ms, PACKETS_PER_SECOND), 0.95) for name in calls
    }
    worst = max(full.values(), key=lambda p95: p95.value)
    details: Details = {
        name: {
            "rtt_p50_ms": ms(call.rtt.value),
            "rtt_p95_ms": ms(full[name].value),
            "packets": call.sent,
            "mos": ms(call.rating.mos[0]),
            "loss_up_pct": ms(call.up.loss_pct[0]),
            "loss_down_pct": ms(call.down.loss_pct[0]),
            "at_least": not_full(loads[name], call.rtts, idle.rtt.value),
            **connect_details(connects[f"during_{name}"]),
        }
        for name, call in calls.items()
    }
    half_width = math.hypot(worst.half_width, idle.rtt.half_width)
    deeper = any(not_full(loads[name], call.rtts, idle.rtt.value) for name, call in calls.items())
    more: Bound | None = "at_least" if deeper else None
    yield replace(number(LOADED_RTT_INCREASE, worst.value - idle.rtt.value, half_width, details), bound=more)
    rating = min((call.rating for call in calls.values()), key=lambda rating: rating.r)
    less: Bound | None = "at_most" if deeper else None
    yield replace(number(LOADED_MOS, *rating.mos, rating_details(rating)), bound=less)


def loaded_call(run: NetworkRun, flow: int, call: LoadedCall | ProbeError) -> Call:
    """Return the call during one load. Raises ProbeError, also for a load that failed."""
    if isinstance(call, ProbeError):
        raise call
    assert call.log is not None  # UDP passes, or there were no idle call to compare with
    try:
        return call_of(run, flow, call.log, call.window)
    except ProbeError as error:
        if error.code == "too_few_packets" and call.load.ended == "bytes":  # the limit cut it short, not the line
            raise spending.too_early(call.load.seconds, call.load.spent) from None
        raise


def what_spoils(run: NetworkRun) -> network_causes.Impairment:
    """Return what costs the idle call most of its rating."""
    try:
        call = idle_call(run)
    except ProbeError:
        return "loss"
    parts = call.rating.parts
    if parts.i_d >= parts.ie_eff:
        return "delay"
    lost, late = call.up.losses.lost + call.down.losses.lost, call.up.late + call.down.late
    return "loss" if lost >= late else "variation"


def slower_load(run: NetworkRun) -> str:
    """Return the quantity whose load slows a call down most."""
    if not run.idle.answered:
        return DOWNLOAD.name
    try:
        down = loaded_call(run, DOWNLOAD_FLOW, run.download)
        up = loaded_call(run, UPLOAD_FLOW, run.upload)
    except ProbeError:
        return DOWNLOAD.name
    return max((down, DOWNLOAD), (up, UPLOAD), key=lambda pair: pair[0].rtt_p95.value)[1].name


def loads_of(run: NetworkRun) -> dict[str, LoadedCall]:
    """Return the loads that did not fail."""
    both = {"download": run.download, "upload": run.upload}
    return {name: call for name, call in both.items() if isinstance(call, LoadedCall)}


def not_full(call: LoadedCall, rtts: Sequence[float], idle_ms: float) -> bool:
    """Tell whether the queue is deeper than was seen: it grew to the end, or the load's time was over too early."""
    deepest = quantile(network_run.deepest_second(call.delays_ms, PACKETS_PER_SECOND), 0.5).value
    if rtts and quantile(rtts[-PACKETS_PER_SECOND:], 0.5).value < deepest:
        return False  # it has been deeper before: then what was lost at its top has emptied it
    too_early = call.load.ended == "time" and network_run.deepening(rtts, PACKETS_PER_SECOND)
    return network_run.still_rising(rtts, idle_ms) or too_early


def number(quantity: Quantity, value: float, half_width: float, details: Details) -> Measurement:
    """Return a measured number, written with as many digits as anybody can use."""
    return Measurement(quantity, round(value, 4), round(half_width, 4), details=details)

"""Network: what the line carries, and what a call over it would sound like, idle and loaded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments import far_end, network_run, tcp_load
from homecheck.instruments.believe import believe, flow_of
from homecheck.instruments.byte_bins import BIN_SECONDS
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
from homecheck.instruments.tcp_load import Load, LoadRule
from homecheck.instruments.voice_path import Log, Packet, between
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Observation, Quantity
from homecheck.observation import Transfer
from homecheck.standards import call_quality, gilbert_1960, goodput
from homecheck.standards.call_quality import LEAST_PACKETS, Direction, Rating, percentage
from homecheck.standards.order_statistics import Quantile, quantile

DOWNLOAD = Quantity("network.download", "Mbit/s", "TCP goodput of 4 to 8 streams, steady window")
UPLOAD = Quantity(
    "network.upload", "Mbit/s", "TCP goodput of 4 to 8 streams by the responder's counters, steady window"
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
LOADED_RTT_INCREASE = Quantity("network.loaded_rtt_increase", "ms", "round trip under load (p95) less idle median")
LOADED_MOS = Quantity("network.loaded_mos", "MOS-CQE", "as network.mos, during download and upload, the worse")

VOICE: Final = (RTT, RTT_P95, JITTER, PDV_P95, LOSS, LOSS_UP, LOSS_DOWN, LOSS_BURST, R, MOS)
LOADED: Final = (LOADED_RTT_INCREASE, LOADED_MOS)

ETHERNET_SHARE: Final = 1514 / 1448  # frame to payload of a full packet with TCP timestamps
RISING: Final = 1.1  # the last third of the delays against the third before: the queue is not full yet

UDP_ADVICE: Final = (
    "Something between this computer and the internet stops UDP, which calls need: a VPN, a firewall or the router. "
    "Switch the VPN off, or try another network."
)
AGAIN: Final = "Repeat the check."


@dataclass(frozen=True)
class Call:
    """One voice flow, or a part of it, as both ends saw it."""

    sent: int
    rtts: tuple[float, ...]
    up: Direction
    down: Direction

    @classmethod
    def of(cls, packets: Sequence[Packet], arrived: Sequence[bool]) -> Call:
        """Return the call of `packets`; `arrived` tells of each whether the responder saw it. Raises ProbeError."""
        back = [packet for packet, here in zip(packets, arrived, strict=True) if here]
        try:
            up = call_quality.direction(arrived, [packet.up_ms for packet in packets])
            down = call_quality.direction(
                [packet.arrived_ns is not None for packet in back], [packet.down_ms for packet in back]
            )
        except ValueError:
            answered = len(round_trips(packets))
            message = f"{answered} of {len(packets)} packets came back; {LEAST_PACKETS} are needed"
            raise ProbeError("too_few_packets", AGAIN, message=message, at_fault="line") from None
        return cls(len(packets), tuple(round_trips(packets)), up, down)

    @property
    def rtt(self) -> Quantile:
        """The median round trip, ms."""
        return quantile(self.rtts, 0.5)

    @property
    def rtt_p95(self) -> Quantile:
        """The 95th percentile of the round trip, ms."""
        return quantile(self.rtts, 0.95)

    @property
    def rating(self) -> Rating:
        """The rating of the direction that sounds worse."""
        return min((call_quality.rate(way, self.rtt) for way in (self.up, self.down)), key=lambda rating: rating.r)


@dataclass(frozen=True)
class Network:
    """Measures against a responder. The seconds are fields, so that a test takes less time than a check."""

    url: str | None = None
    key: dict[str, str] | None = None
    nonce: str | None = None
    method: str = "responder"
    voice_seconds: float = 20.0
    load: LoadRule = field(default_factory=LoadRule)
    sleep: Callable[[float], None] = time.sleep

    name: ClassVar[str] = "network"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (DOWNLOAD, UPLOAD, UDP, *VOICE, *LOADED)
    needs: ClassVar[frozenset[Need]] = frozenset({Need.NETWORK_QUIET, Need.NETWORK_LOAD})
    reveals: ClassVar[str] = (
        "How fast and how steady your connection is; the responder also sees your internet address."
    )

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Network:
        """Return the probe that `setup` asks for."""
        key = None if setup.responder_key is None else dict(setup.responder_key)
        return cls(setup.responder_url, key, setup.nonce, setup.method)

    @property
    def deadline_seconds(self) -> float:
        """The idle call, two loads with their draining, and a minute for a far end that is slow to answer."""
        return self.voice_seconds + 2 * (self.load.most_seconds + DRAIN_SECONDS) + 60

    def run(self) -> Iterator[Measurement | Observation]:
        """Measure. Raises ProbeError when there is no responder, or none that can be reached or believed."""
        session = ResponderSession.open(far_end.find(self._address()), self.nonce, self.key)
        run = network_run.measure(session, Plan(self.voice_seconds, self.load, self.sleep))
        believe(run)
        yield Observation(run.envelope)
        yield download(run)
        yield upload(run)
        yield udp(run)
        try:
            idle = idle_call(run)
        except ProbeError as error:
            yield from (Measurement.failed(quantity, error) for quantity in (*VOICE, *LOADED))
            return
        yield from voice(run, idle)
        yield from loaded(run, idle)

    def _address(self) -> str:
        if self.method != "responder":
            message = f"this version cannot measure by the method {self.method!r:.40}"
            raise ProbeError("no_such_method", "Use --method responder.", message=message, at_fault="agent")
        if self.url is None:
            raise ProbeError(
                "no_responder",
                "Enrol with a program whose collector names a responder.",
                message="no responder is configured to measure against",
                at_fault="agent",
            )
        return self.url


def download(run: NetworkRun) -> Measurement:
    """Return network.download: what arrived here."""
    if isinstance(run.download, ProbeError):
        return Measurement.failed(DOWNLOAD, run.download)
    load = run.download.load
    window = goodput.window_seconds((run.seen.download.rtt_ms or 0.0) / 1e3)
    return throughput(DOWNLOAD, load, run.seen.download, goodput.estimate(load.bins, BIN_SECONDS, window))


def upload(run: NetworkRun) -> Measurement:
    """Return network.upload: what arrived there, because bytes handed to the own kernel prove nothing."""
    if isinstance(run.upload, ProbeError):
        return Measurement.failed(UPLOAD, run.upload)
    seen = run.seen.upload
    rate = None
    if seen.rate_mbit_s is not None and seen.uncertainty_mbit_s is not None:
        rate = goodput.Rate(seen.rate_mbit_s, seen.uncertainty_mbit_s, seen.steady)
    return throughput(UPLOAD, run.upload.load, seen, rate)


def throughput(quantity: Quantity, load: Load, seen: Transfer, rate: goodput.Rate | None) -> Measurement:
    """Return one direction with everything that says how far to trust it."""
    details: dict[str, float | int | str | bool | None] = {
        "seconds": round(load.seconds, 3),
        "bytes": load.total,
        "streams": load.streams,
        "ended": load.ended,
        "cpu_share": round(load.cpu_share, 3),
        "responder_mbit_s": seen.rate_mbit_s,
        "responder_bytes": seen.bytes,
        "retransmitted": seen.retransmitted,
    }
    failure = tcp_load.cpu_bound(load) or stalled(quantity, load, rate)
    if failure is not None:
        return Measurement.failed(quantity, failure, details)
    assert rate is not None
    details["steady"] = rate.steady
    details["at_least"] = not rate.steady or load.ended == "ceiling"
    details["line_rate_mbit_s"] = round(rate.mbit_s * ETHERNET_SHARE, 3)
    return Measurement(quantity, round(rate.mbit_s, 3), round(rate.uncertainty, 3), details=details)


def stalled(quantity: Quantity, load: Load, rate: goodput.Rate | None) -> ProbeError | None:
    """Return why a load says nothing about the line, or None."""
    if load.ended == "broken":
        return far_end.server_error("responder_broke_off", f"the responder broke off the {load.direction}")
    if rate is None:
        message = f"{quantity.name}: {load.total} bytes in {load.seconds:.1f} s, too little to tell a rate"
        return ProbeError("stalled", far_end.LINK_ADVICE, message=message, at_fault="line")
    return None


def udp(run: NetworkRun) -> Measurement:
    """Return network.udp. TCP to the responder works, or this would not be reached."""
    reached = flow_of(run, IDLE_FLOW).received
    if run.idle.answered:
        return Measurement(UDP, value=True, details={"sent": len(run.idle.packets), "answered": run.idle.answered})
    if run.idle.refused:
        error = far_end.server_error("udp_refused", f"{run.session.far_end.name}: nobody listens at its UDP port")
        return Measurement.failed(UDP, error)
    stopped = "on the way back" if reached else "on the way there"
    details: Details = {"sent": len(run.idle.packets), "seen_by_responder": reached, "stopped": stopped}
    return Measurement(UDP, value=False, details=details)


def idle_call(run: NetworkRun) -> Call:
    """Return the call on the idle line. Raises ProbeError when there was none, or none that can be judged."""
    if not run.idle.answered:
        if run.idle.refused:
            raise far_end.server_error("udp_refused", f"{run.session.far_end.name}: nobody listens at its UDP port")
        message = f"none of {len(run.idle.packets)} UDP packets came back, while TCP works"
        raise ProbeError("udp_blocked", UDP_ADVICE, message=message, at_fault="home_link")
    return call_of(run, IDLE_FLOW, run.idle)


def call_of(run: NetworkRun, number: int, log: Log, window: tuple[float, float] | None = None) -> Call:
    """Return the call of a flow, or of the part that was sent within `window`. Raises ProbeError."""
    if log.clock_stepped:
        message = "the computer's clock was changed, or the computer slept, during the measurement"
        raise ProbeError("clock_stepped", AGAIN, message=message)
    packets = between(log.packets, *window) if window else log.packets
    arrived = flow_of(run, number).arrived(len(log.packets))
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
    yield number(R, rating.r, rating.r_half_width, rating_details(rating))
    yield number(MOS, *rating.mos, {"one_way_delay_ms": ms(rating.one_way_delay_ms), "loss_pct": ms(rating.loss_pct)})


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
    worst = max(calls.values(), key=lambda call: call.rtt_p95.value)
    details: Details = {
        name: {
            "rtt_p50_ms": ms(call.rtt.value),
            "rtt_p95_ms": ms(call.rtt_p95.value),
            "packets": call.sent,
            "mos": ms(call.rating.mos[0]),
            "loss_up_pct": ms(call.up.loss_pct[0]),
            "loss_down_pct": ms(call.down.loss_pct[0]),
            "at_least": still_rising(call.rtts, idle.rtt.value),
        }
        for name, call in calls.items()
    }
    half_width = math.hypot(worst.rtt_p95.half_width, idle.rtt.half_width)
    yield number(LOADED_RTT_INCREASE, worst.rtt_p95.value - idle.rtt.value, half_width, details)
    rating = min((call.rating for call in calls.values()), key=lambda rating: rating.r)
    yield number(LOADED_MOS, *rating.mos, rating_details(rating))


def loaded_call(run: NetworkRun, flow: int, call: LoadedCall | ProbeError) -> Call:
    """Return the call during one load. Raises ProbeError, also for a load that failed."""
    if isinstance(call, ProbeError):
        raise call
    assert call.log is not None  # UDP passes, or there were no idle call to compare with
    return call_of(run, flow, call.log, call.window)


def still_rising(rtts: Sequence[float], idle_ms: float) -> bool:
    """Tell whether the delay still grew when the load ended, so that the queue is deeper than was seen."""
    third = len(rtts) // 3
    before, last = (quantile(part, 0.5).value - idle_ms for part in (rtts[third : 2 * third], rtts[-third:]))
    return last > 5 and last > RISING * before


def number(quantity: Quantity, value: float, half_width: float, details: Details) -> Measurement:
    """Return a measured number, written with as many digits as anybody can use."""
    return Measurement(quantity, round(value, 4), round(half_width, 4), details=details)


def ms(value: float) -> float:
    """Return a number for the details."""
    return round(value, 3)


def packet_details(run: NetworkRun, call: Call) -> Details:
    """Return what else is known about the packets of the idle call."""
    seen = flow_of(run, IDLE_FLOW)
    return {
        "sent": call.sent,
        "answered": len(call.rtts),
        "minimum_ms": ms(min(call.rtts)),
        "kernel_timestamps": run.idle.kernel_stamps,
        "reordered_up": seen.reordered,
        "reordered_down": run.idle.reordered,
        "duplicates_up": seen.duplicates,
        "duplicates_down": run.idle.duplicates,
        "strangers": run.idle.strangers,
        "responder": run.session.far_end.name,
        "address": run.session.far_end.address,
        "responder_key_pinned": run.session.pinned,
    }


def loss_details(way: Direction) -> Details:
    """Return the counts behind a loss."""
    return {
        "lost": way.losses.lost,
        "packets": way.losses.packets,
        "late": way.late,
        "bursts": way.losses.bursts,
        "longest_gap_ms": way.losses.longest * 20,
    }


def rating_details(rating: Rating) -> Details:
    """Return what R is made of: each part is what it costs."""
    return {
        "codec": "G.711 with PLC",
        "one_way_delay_ms": ms(rating.one_way_delay_ms),
        "loss_and_late_pct": ms(rating.loss_pct),
        "burst_ratio": ms(rating.burst_ratio),
        "cost_of_delay": ms(rating.parts.i_d),
        "cost_of_loss": ms(rating.parts.ie_eff),
        "outside_range": rating.outside_range,
    }

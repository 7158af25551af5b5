"""What a call over a packet path would sound like: figures of RFC 3550, RFC 5481 and ITU-T G.107 from single packets.

Each direction stands for itself, because it carries one talker's voice: lost packets, packets that come later than a
jitter buffer waits, and their bursts. The direction that sounds worse gives the call its rating.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from homecheck.standards import (
    batch_means,
    gilbert_1960,
    itu_g107,
    itu_g107_1,
    order_statistics,
    rfc_3550,
    rfc_5481,
    wilson_1927,
)
from homecheck.standards.itu_g113 import CODECS, Codec
from homecheck.standards.order_statistics import Quantile

LEAST_PACKETS = 20  # below this nothing is said about a direction


@dataclass(frozen=True)
class Direction:
    """One way of a call. Times in ms; `transits` are transit times by two clocks, of the packets that arrived."""

    losses: gilbert_1960.Losses
    late: int  # arrived, but later than the jitter buffer waits
    discards: gilbert_1960.Losses  # lost and late together: what the ear misses
    jitter: float
    jitter_half_width: float
    jitter_mean_j: float  # mean of the running estimate J
    pdv_p95: Quantile
    pdv_p99: float

    @property
    def loss_pct(self) -> tuple[float, float]:
        """Loss in per cent and the half width of its interval."""
        return percentage(self.losses.lost, self.losses.packets)


@dataclass(frozen=True)
class Rating:
    """R of a call with the half width of its interval, and what it was computed from."""

    r: float
    r_half_width: float
    one_way_delay_ms: float
    loss_pct: float
    burst_ratio: float
    parts: itu_g107.Rating
    cost_of_late: float  # the part of Ie,eff that packets cost which came, but too late for the jitter buffer
    outside_range: str

    @property
    def mos(self) -> tuple[float, float]:
        """MOS-CQE and the half width of its interval."""
        middle = itu_g107.mos_cqe(self.r)
        ends = (itu_g107.mos_cqe(self.r - self.r_half_width), itu_g107.mos_cqe(self.r + self.r_half_width))
        return middle, max(middle - ends[0], ends[1] - middle)


def direction(arrived: Sequence[bool], transits: Sequence[float | None]) -> Direction:
    """Return the figures of one way.

    `arrived` tells of every packet, in sending order, whether it did; `transits` has its transit time in ms, or None
    where that is not known because the packet or its reply was lost. ValueError below `LEAST_PACKETS` known times.
    """
    known = [transit for transit in transits if transit is not None]
    if len(known) < LEAST_PACKETS:
        raise ValueError(f"{len(known)} packets say too little about a path")
    latest = min(known) + itu_g107.JITTER_BUFFER_MS
    late = [transit is not None and transit > latest for transit in transits]
    heard = [here and not is_late for here, is_late in zip(arrived, late, strict=True)]
    variation = rfc_5481.delay_variation(known)
    differences = [abs(difference) for difference in rfc_3550.transit_differences(known)]
    running = rfc_3550.jitter(known)
    return Direction(
        losses=gilbert_1960.count_losses(arrived),
        late=sum(late),
        discards=gilbert_1960.count_losses(heard),
        jitter=rfc_3550.mean_differences(known),
        jitter_half_width=batch_means.half_width(differences),
        jitter_mean_j=sum(running) / len(running),
        pdv_p95=order_statistics.quantile(variation, 0.95),
        pdv_p99=order_statistics.quantile(variation, 0.99).value,
    )


def rate(way: Direction, rtt_ms: Quantile) -> Rating:
    """Return the rating of a call of which `way` is one direction, G.711 with packet loss concealment."""
    lost, packets = way.discards.lost, way.discards.packets
    burst, _ = gilbert_1960.burst_ratio(way.discards)
    low, high = wilson_1927.interval(lost, packets)
    parts = _rate(rtt_ms.value, lost / packets, burst)
    best, worst = _rate(rtt_ms.low, low, burst).r, _rate(rtt_ms.high, high, burst).r
    delay = itu_g107.mouth_to_ear_ms(rtt_ms.value)
    loss_pct = 100 * lost / packets
    half_width = max(best - parts.r, parts.r - worst)
    outside = itu_g107.outside_range(delay, loss_pct, burst)
    in_time = _rate(rtt_ms.value, way.losses.lost / packets, gilbert_1960.burst_ratio(way.losses)[0])
    cost_of_late = parts.ie_eff - in_time.ie_eff
    return Rating(parts.r, half_width, delay, loss_pct, burst, parts, cost_of_late, outside)


def _rate(rtt_ms: float, share: float, burst: float) -> itu_g107.Rating:
    delay = itu_g107.mouth_to_ear_ms(rtt_ms)
    return itu_g107.rate(one_way_delay_ms=delay, loss_pct=100 * share, burst_ratio=burst)


@dataclass(frozen=True)
class CodecRating:
    """R and MOS-CQE of a call with one codec; None where its robustness against the loss of this call is not known."""

    codec: Codec
    r: float | None
    mos: float | None


def by_codec(ways: Iterable[Direction], rtt_ms: float) -> list[CodecRating]:
    """Return what the call would be with each codec of G.113: the direction that sounds worse.

    Wideband codecs stand on the scale of G.107.1, whose R goes up to 129; the MOS of both can be compared.
    """
    both = list(ways)
    # A direction that cannot be rated leaves the call without a rating: it may be the worse one.
    return [min((_with_codec(way, rtt_ms, codec) for way in both), key=lambda one: one.r or 0.0) for codec in CODECS]


def _with_codec(way: Direction, rtt_ms: float, codec: Codec) -> CodecRating:
    delay = itu_g107.mouth_to_ear_ms(rtt_ms, look_ahead_ms=codec.look_ahead_ms)
    loss_pct = 100 * way.discards.lost / way.discards.packets
    if codec.bpl is None and loss_pct > 0:
        return CodecRating(codec, None, None)
    if codec.wideband:
        r = itu_g107_1.rate(one_way_delay_ms=delay, loss_pct=loss_pct, ie=codec.ie, bpl=codec.bpl).r
        return CodecRating(codec, r, itu_g107_1.mos_cqe(r))
    assert codec.bpl is not None
    burst, _ = gilbert_1960.burst_ratio(way.discards)
    r = itu_g107.r_factor(one_way_delay_ms=delay, loss_pct=loss_pct, burst_ratio=burst, ie=codec.ie, bpl=codec.bpl)
    return CodecRating(codec, r, itu_g107.mos_cqe(r))


def percentage(part: int, whole: int) -> tuple[float, float]:
    """Return `part` of `whole` in per cent, and the longer arm of Wilson's interval."""
    low, high = wilson_1927.interval(part, whole)
    share = part / whole
    return 100 * share, 100 * max(high - share, share - low)

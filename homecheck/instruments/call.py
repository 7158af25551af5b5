"""A voice flow, or a part of it, as both ends saw it: its figures, and what else a reader wants to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homecheck.errors import ProbeError
from homecheck.instruments.believe import flow_of
from homecheck.instruments.network_run import IDLE_FLOW, NetworkRun, round_trips
from homecheck.instruments.voice_path import Packet
from homecheck.measurement import Details, Json
from homecheck.standards import call_quality, itu_g107
from homecheck.standards.call_quality import LEAST_PACKETS, Direction, Rating
from homecheck.standards.order_statistics import Quantile, quantile


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
            raise ProbeError("too_few_packets", "Repeat the check.", message=message, at_fault="line") from None
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


def ms(value: float) -> float:
    """Return a number for the details."""
    return round(value, 3)


def ms_or_none(value: float | None) -> float | None:
    """Return a number for the details, or None where there is none."""
    return None if value is None else round(value, 3)


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


def rating_details(rating: Rating) -> dict[str, Json]:
    """Return what R is made of: how the delay comes about, and what each part costs on the scale of R."""
    parts = rating.parts
    buffer, packet = itu_g107.JITTER_BUFFER_MS, itu_g107.PACKET_MS
    return {
        "codec": "G.711 with PLC",
        "one_way_delay_ms": ms(rating.one_way_delay_ms),
        "delay_ms": {
            "network": ms(rating.one_way_delay_ms - buffer - packet),
            "jitter_buffer": buffer,
            "packet": packet,
            "codec": 0.0,
        },
        "loss_and_late_pct": ms(rating.loss_pct),
        "burst_ratio": ms(rating.burst_ratio),
        "costs": {
            "simultaneous_is": ms(parts.i_s),
            "talker_echo_idte": ms(parts.i_dte),
            "listener_echo_idle": ms(parts.i_dle),
            "delay_idd": ms(parts.i_dd),
            "loss_ie_eff": ms(parts.ie_eff),
            "late_of_ie_eff": ms(rating.cost_of_late),
        },
        "outside_range": rating.outside_range,
    }


def codec_details(call: Call) -> dict[str, Json]:
    """Return R and MOS of the call with every codec; wideband R goes up to 129, narrow-band R to about 93."""
    ratings = call_quality.by_codec((call.up, call.down), call.rtt.value)
    return {
        one.codec.name: {"r": ms_or_none(one.r), "mos": ms_or_none(one.mos), "wideband": one.codec.wideband}
        for one in ratings
    }

"""Whether what the responder signed fits what this end saw. A signature proves who says it, not that it is so."""

from __future__ import annotations

import math
from typing import Final

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.byte_bins import BIN_SECONDS
from homecheck.instruments.network_run import DOWNLOAD_FLOW, IDLE_FLOW, UPLOAD_FLOW, LoadedCall, NetworkRun
from homecheck.instruments.responder_session import refused_observation
from homecheck.instruments.voice_path import Log, between
from homecheck.observation import Flow, Transfer
from homecheck.standards import goodput
from homecheck.standards.ippm_responsiveness import Sample

SLACK: Final = 0.02  # share of the bytes that may be under way while both ends count
SLACK_BYTES: Final = 2_000_000
TIME_SHARE, TIME_SLACK_SECONDS = 0.5, 1.0  # of a load, that what was sent must have arrived in: a line may stall
RTT_SLACK, RTT_SLACK_MS = 0.1, 2.0  # the kernel measures the two in different ways, one of them in milliseconds
# Below the least that this end saw: the load's TCP passes the same queue, but no threads and no timers of ours.
SHORTER, SHORTER_MS = 0.1, 1.0
SMOOTHING_SECONDS: Final = 1.0  # a smoothed round trip still tells of what was before (RFC 6298 2.3)


def believe(run: NetworkRun) -> None:
    """Raise ProbeError ``observation_refused`` (server) for counters that cannot be true."""
    try:
        for transfer in (run.seen.download, run.seen.upload):
            check_summary(transfer)
        check_round_trips(run.seen.download, run.download)
        check_round_trips(run.seen.upload, run.upload)
        check_download(run.seen.download, run.download)
        check_upload(run.seen.upload, run.upload)
        for number, log in logs(run).items():
            check_flow(flow_of(run, number), log)
        for flow in run.seen.udp:
            check_counts(flow)
    except Refused as error:
        raise refused_observation(run.session.far_end, error.message) from None


def logs(run: NetworkRun) -> dict[int, Log]:
    """Return the voice flows that were sent, by number."""
    found = {IDLE_FLOW: run.idle}
    for number, call in ((DOWNLOAD_FLOW, run.download), (UPLOAD_FLOW, run.upload)):
        if isinstance(call, LoadedCall) and call.log is not None:
            found[number] = call.log
    return found


def flow_of(run: NetworkRun, number: int) -> Flow:
    """Return what the responder saw of a flow; an empty one when it saw nothing."""
    return next((flow for flow in run.seen.udp if flow.flow == number), Flow(number))


def check_summary(transfer: Transfer) -> None:
    """Refuse a rate that does not follow from its bins, which are of 50 ms."""
    if transfer.bin_ms != round(BIN_SECONDS * 1000):
        raise Refused("lie", f"bins of {transfer.bin_ms} ms")
    if sum(transfer.bins) > transfer.bytes + len(transfer.bins):
        raise Refused("lie", f"{sum(transfer.bins)} bytes in bins, {transfer.bytes} in total")
    least, smoothed = transfer.rtt_ms, transfer.smoothed_rtt_ms
    if least is not None and smoothed is not None and smoothed < (1 - RTT_SLACK) * least - RTT_SLACK_MS:
        raise Refused("lie", f"round trips of {smoothed} ms, none below {least}")
    window = goodput.window_seconds((transfer.rtt_ms or 0.0) / 1e3)
    rate = goodput.estimate(transfer.bins, transfer.bin_ms / 1e3, window)
    said = transfer.rate_mbit_s
    if (rate is None) != (said is None):
        raise Refused("lie", f"a rate of {said} Mbit/s without bins that show it")
    if rate is not None and said is not None and not _alike(rate.mbit_s, said):
        raise Refused("lie", f"a rate of {said:.3f} Mbit/s, but its bins come to {rate.mbit_s:.3f}")
    half_width = None if rate is None else rate.uncertainty
    if not _alike(half_width, transfer.uncertainty_mbit_s) or transfer.steady != (rate is not None and rate.steady):
        raise Refused("lie", f"a rate known to {transfer.uncertainty_mbit_s} Mbit/s, but its bins tell {half_width}")


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-3)


def check_round_trips(transfer: Transfer, call: LoadedCall | ProbeError) -> None:
    """Refuse round trips that take longer than the load itself, or less than no time."""
    if isinstance(call, ProbeError):
        return
    most_ms = 1e3 * (call.load.seconds + TIME_SLACK_SECONDS)
    summary = [rtt for rtt in (transfer.rtt_ms, transfer.smoothed_rtt_ms) if rtt is not None]
    for rtt_ms in (*summary, *(us / 1e3 for us in transfer.round_trips_us)):
        if not 0 <= rtt_ms <= most_ms:
            raise Refused("lie", f"a round trip of {rtt_ms:.0f} ms in a load of {call.load.seconds:.1f} s")


def possible(told: tuple[Sample, ...], call: LoadedCall) -> tuple[Sample, ...]:
    """Return the round trips of the load's own connections, as the responder told them, that can be true.

    None is shorter than the shortest way that this end timed itself meanwhile. Where one is, the responder lies, or a
    proxy, ours or the provider's, ends TCP half way: both would make the line look faster than it is.
    """
    begin, end = call.window
    least_ms = (1 - SHORTER) * least_round_trip_ms(call, begin - SMOOTHING_SECONDS, end) - SHORTER_MS
    return tuple(one for one in told if one.ms >= least_ms)


def least_round_trip_ms(call: LoadedCall, begin: float, end: float) -> float:
    """Return the shortest way there and back by this computer's clocks alone; 0 when nothing came back.

    What the responder says about the time that it kept a packet is left out: it would shorten the way.
    """
    packets = between(call.log.packets, begin, end) if call.log is not None else ()
    voice = [(one.arrived_ns - one.sent_ns) / 1e6 for one in packets if one.arrived_ns is not None]
    connects = [one.ms for one in call.probes.samples.within(begin, end).tcp]
    return min([*voice, *connects], default=0.0)


def check_download(transfer: Transfer, call: LoadedCall | ProbeError) -> None:
    """Refuse a responder that sent less than arrived here."""
    if isinstance(call, LoadedCall) and transfer.bytes < (1 - SLACK) * call.load.total - SLACK_BYTES:
        raise Refused("lie", f"it sent {transfer.bytes} bytes, but {call.load.total} arrived")


def check_upload(transfer: Transfer, call: LoadedCall | ProbeError) -> None:
    """Refuse a responder that received more than was sent here, in less time, or less than it told meanwhile."""
    if isinstance(call, ProbeError):
        return
    load, seconds = call.load, len(transfer.bins) * transfer.bin_ms / 1e3
    if transfer.bytes > load.sent:
        raise Refused("lie", f"it received {transfer.bytes} bytes, but only {load.sent} were sent")
    if transfer.bytes < load.total:
        raise Refused("lie", f"it received {transfer.bytes} bytes, but had told {load.total} before")
    if transfer.bins and seconds < TIME_SHARE * load.seconds - TIME_SLACK_SECONDS:
        raise Refused("lie", f"it received for {seconds:.1f} s, but for {load.seconds:.1f} s it was sent to")


def check_flow(flow: Flow, log: Log) -> None:
    """Refuse a responder that answered packets which it says it never saw."""
    arrived = flow.arrived(len(log.packets))
    if log.answered > flow.reflected:
        raise Refused("lie", f"flow {flow.flow}: {log.answered} answers came, it says that it sent {flow.reflected}")
    for packet in log.packets:
        if packet.arrived_ns is not None and not arrived[packet.sequence]:
            raise Refused("lie", f"it answered packet {packet.sequence} of flow {flow.flow}, but says it never came")


def check_counts(flow: Flow) -> None:
    """Refuse counts of packets that contradict one another."""
    if flow.reflected > flow.received:
        raise Refused("lie", f"flow {flow.flow}: {flow.reflected} packets sent back, of {flow.received} that came")
    if flow.reordered >= max(flow.received, 1):
        raise Refused("lie", f"flow {flow.flow}: {flow.reordered} packets overtaken, of {flow.received} that came")

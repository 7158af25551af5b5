"""Whether what the responder signed fits what this end saw. A signature proves who says it, not that it is so."""

from __future__ import annotations

import math
from typing import Final

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.network_run import DOWNLOAD_FLOW, IDLE_FLOW, UPLOAD_FLOW, LoadedCall, NetworkRun
from homecheck.instruments.responder_session import refused_observation
from homecheck.instruments.voice_path import Log
from homecheck.observation import Flow, Transfer
from homecheck.standards import goodput

SLACK: Final = 0.02  # share of the bytes that may be under way while both ends count
SLACK_BYTES: Final = 2_000_000


def believe(run: NetworkRun) -> None:
    """Raise ProbeError ``observation_refused`` (server) for counters that cannot be true."""
    try:
        for transfer in (run.seen.download, run.seen.upload):
            check_summary(transfer)
        check_download(run.seen.download, run.download)
        check_upload(run.seen.upload, run.upload)
        for number, log in logs(run).items():
            check_flow(flow_of(run, number), log)
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
    """Refuse a rate that does not follow from its bins."""
    if sum(transfer.bins) > transfer.bytes + len(transfer.bins):
        raise Refused("lie", f"{sum(transfer.bins)} bytes in bins, {transfer.bytes} in total")
    window = goodput.window_seconds((transfer.rtt_ms or 0.0) / 1e3)
    rate = goodput.estimate(transfer.bins, transfer.bin_ms / 1e3, window)
    said = transfer.rate_mbit_s
    if (rate is None) != (said is None):
        raise Refused("lie", f"a rate of {said} Mbit/s without bins that show it")
    if rate is not None and said is not None and not math.isclose(rate.mbit_s, said, rel_tol=1e-3, abs_tol=1e-3):
        raise Refused("lie", f"a rate of {said:.3f} Mbit/s, but its bins come to {rate.mbit_s:.3f}")


def check_download(transfer: Transfer, call: LoadedCall | ProbeError) -> None:
    """Refuse a responder that sent less than arrived here."""
    if isinstance(call, LoadedCall) and transfer.bytes < (1 - SLACK) * call.load.total - SLACK_BYTES:
        raise Refused("lie", f"it sent {transfer.bytes} bytes, but {call.load.total} arrived")


def check_upload(transfer: Transfer, call: LoadedCall | ProbeError) -> None:
    """Refuse a responder that received more than was sent here."""
    if isinstance(call, LoadedCall) and transfer.bytes > call.load.sent:
        raise Refused("lie", f"it received {transfer.bytes} bytes, but only {call.load.sent} were sent")


def check_flow(flow: Flow, log: Log) -> None:
    """Refuse a responder that answered packets which it says it never saw."""
    arrived = flow.arrived(len(log.packets))
    for packet in log.packets:
        if packet.arrived_ns is not None and not arrived[packet.sequence]:
            raise Refused("lie", f"it answered packet {packet.sequence} of flow {flow.flow}, but says it never came")

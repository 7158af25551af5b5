"""What new connections tell about a run: responsiveness under load, and what is left of the picture without UDP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from homecheck.errors import ProbeError
from homecheck.instruments import far_end, spending
from homecheck.instruments.believe import possible
from homecheck.instruments.call import ms, ms_or_none
from homecheck.instruments.network_run import LoadedCall, NetworkRun, still_rising
from homecheck.instruments.responsiveness import ProbeLog
from homecheck.measurement import Json
from homecheck.standards import ippm_responsiveness
from homecheck.standards.ippm_responsiveness import Responsiveness, Sample, Samples
from homecheck.standards.order_statistics import quantile


def without_udp(run: NetworkRun) -> str:
    """Return what no UDP means, with the figures of TCP where there are some."""
    text = "calls over UDP will not work from this network, while TCP does"
    for name, connects in connects_of(run).items():
        if connects:
            median, p95 = (quantile([one.ms for one in connects], p).value for p in (0.5, 0.95))
            text += f"; TCP round trip {name.replace('_', ' ')} {median:.1f} ms (median), {p95:.1f} ms (p95)"
    return text


def connects_of(run: NetworkRun) -> dict[str, tuple[Sample, ...]]:
    """Return the connections that were opened on the idle line, and during each load."""
    found = {"idle": run.idle_probes.samples.tcp}
    for name, call in (("during_download", run.download), ("during_upload", run.upload)):
        if isinstance(call, LoadedCall):
            found[name] = call.probes.samples.within(*call.window).tcp
    return found


def connect_details(connects: Sequence[Sample]) -> dict[str, Json]:
    """Return how long TCP connections took to open: one round trip each."""
    times = [one.ms for one in connects]
    return {
        "tcp_connect_p50_ms": ms(quantile(times, 0.5).value) if times else None,
        "tcp_connect_p95_ms": ms(quantile(times, 0.95).value) if times else None,
        "tcp_connects": len(times),
    }


def own_round_trips(run: NetworkRun) -> tuple[Sample, ...]:
    """Return the round trips of the download's connections, as the responder's TCP saw them, that can be true."""
    return () if isinstance(run.download, ProbeError) else possible(told_round_trips(run), run.download)


def told_round_trips(run: NetworkRun) -> tuple[Sample, ...]:
    """Return what the responder told about the download's connections while the queue was full."""
    if isinstance(run.download, ProbeError):
        return ()
    began, seen = run.download.load.began, run.seen.download
    times = enumerate(seen.round_trips_us)
    told = tuple(Sample(began + at * seen.bin_ms / 1e3 - us / 1e6, us / 1e3) for at, us in times if us)
    return Samples(own=told).within(*run.download.window).own


def direction_rpm(
    call: LoadedCall | ProbeError, own: tuple[Sample, ...]
) -> tuple[Responsiveness, LoadedCall, Sequence[Sample]]:
    """Return the responsiveness during one load, and what it rests on. Raises ProbeError."""
    if isinstance(call, ProbeError):
        raise call
    samples = replace(call.probes.samples, own=call.probes.samples.own or own)
    found = ippm_responsiveness.measure(samples, *call.window)
    if found is None and call.load.ended == "bytes":
        raise spending.too_early(call.load.seconds, call.load.spent)
    if found is None:
        raise too_few_probes(call.probes, call.load.direction)
    return found, call, samples.within(*call.window).tcp


def too_few_probes(probes: ProbeLog, direction: str) -> ProbeError:
    """Return why a load tells nothing about responsiveness."""
    if probes.status == 404:
        return far_end.server_error("not_offered", "this responder has no object of one byte to ask for")
    if probes.status is not None:
        return far_end.server_error("responder_answer", f"/v1/small answers with HTTP status {probes.status}")
    done = len(probes.samples.http)
    message = f"{done} of {probes.sent} connections during the {direction} brought their byte, too few to tell"
    return ProbeError("too_few_probes", "Repeat the check.", message=message, at_fault="line")


def rpm_details(found: Responsiveness, call: LoadedCall, connects: Sequence[Sample], idle_ms: float) -> dict[str, Json]:
    """Return what the responsiveness of one direction is made of."""
    return {
        "rpm": ms(found.rpm),
        "foreign_rpm": ms(found.foreign_rpm),
        "loaded_rpm": ms_or_none(found.loaded_rpm),
        "tcp_ms": ms(found.tcp_ms),
        "tls_ms": ms_or_none(found.tls_ms),
        "http_ms": ms(found.http_ms),
        "own_ms": ms_or_none(found.own_ms),
        "probes": found.probes,
        "sent": call.probes.sent,
        "failed": call.probes.failed,
        "held_back": call.probes.held_back,
        "confidence": found.confidence,
        "still_rising": still_rising([one.ms for one in connects], idle_ms),
    }

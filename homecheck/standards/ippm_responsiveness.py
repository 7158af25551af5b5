"""draft-ietf-ippm-responsiveness-09: round trips per minute (RPM) that a line manages while it is full.

    Foreign responsiveness = 60000 / ((TM(tcp_f) + TM(tls_f) + TM(http_f)) / 3)      without TLS: of the other two
    Loaded responsiveness  = 60000 / TM(http_l)
    Responsiveness         = (foreign + loaded) / 2                                  all times in ms

TM is the mean without the slowest 5 %. Foreign times are those of new connections, one round trip each; http_l is that
of a connection that bears the load. Where HTTP cannot multiplex a request into it, the draft takes TCP's own estimate
of the round trip (Measuring Responsiveness); without that the foreign responsiveness stands alone, and `loaded_rpm` is
None. The value is that of the last MAD intervals. A shorter load is cut into MAD intervals all the same, and has low
confidence.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from homecheck.standards import batch_means

Confidence = Literal["low", "medium", "high"]

MAD: Final = 4  # moving average distance, in intervals
SDT: Final = 0.05  # standard deviation tolerance, of the newest moving average
PTC: Final = 0.05  # share of the capacity that probes may take
INTERVAL_SECONDS: Final = 0.5  # ID; 5 s in the draft, but loads here last 4 to 8 s and settle for 2
LEAST_SAMPLES: Final = 5  # of each kind; below that nothing is said
PROBE_BYTES: Final = 5_000  # of a foreign probe with TLS, an estimate of the draft
TLS_ROUND_TRIPS: Final = {"TLSv1.3": 1, "TLSv1.2": 2}  # of a full handshake


@dataclass(frozen=True)
class Sample:
    """One round trip: when it began, on some monotonic clock in seconds, and how long it took, in ms."""

    began: float
    ms: float

    @property
    def ended(self) -> float:
        """When it was complete."""
        return self.began + self.ms / 1e3


@dataclass(frozen=True)
class Samples:
    """The round trips of one load; `tls` is empty without TLS, `own` where the load's connections tell nothing."""

    tcp: tuple[Sample, ...] = ()
    tls: tuple[Sample, ...] = ()
    http: tuple[Sample, ...] = ()
    own: tuple[Sample, ...] = ()

    def within(self, begin: float, end: float) -> Samples:
        """Return what became complete between two readings of the clock."""
        kinds = (self.tcp, self.tls, self.http, self.own)
        return Samples(*(tuple(one for one in kind if begin <= one.ended < end) for kind in kinds))


@dataclass(frozen=True)
class Responsiveness:
    """RPM with the half width of its 95 % interval, the means (ms) it follows from, and how far to trust it."""

    rpm: float
    half_width: float
    foreign_rpm: float
    loaded_rpm: float | None
    tcp_ms: float
    tls_ms: float | None
    http_ms: float
    own_ms: float | None
    probes: int
    confidence: Confidence


def trimmed_mean(values: Sequence[float]) -> float:
    """Return TM: the mean without the slowest 5 %, rounded down to whole samples. ValueError for none."""
    kept = sorted(values)[: len(values) - len(values) // 20]
    return statistics.fmean(kept)


def foreign_rpm(tcp_ms: float, tls_ms: float | None, http_ms: float) -> float:
    """Return the foreign responsiveness of trimmed means in ms; `tls_ms` is None without TLS."""
    times = [tcp_ms, http_ms] if tls_ms is None else [tcp_ms, tls_ms, http_ms]
    return 60_000 / statistics.fmean(times)


def loaded_rpm(own_ms: float) -> float:
    """Return the loaded responsiveness of the trimmed mean of http_l, in ms."""
    return 60_000 / own_ms


def moving_averages(samples: Samples, edges: Sequence[float]) -> list[float]:
    """Return the responsiveness at the end of every interval between `edges`, each over the last MAD intervals."""
    found = (over(samples.within(edges[max(0, at - MAD)], edges[at])) for at in range(1, len(edges)))
    return [one.rpm for one in found if one is not None]


def stable(averages: Sequence[float]) -> bool:
    """Tell whether the last MAD moving averages scatter by less than SDT of the newest."""
    return len(averages) >= MAD and statistics.stdev(averages[-MAD:]) < SDT * averages[-1]


def measure(samples: Samples, begin: float, end: float) -> Responsiveness | None:
    """Return the responsiveness of a load whose queue was full from `begin` to `end`; None with too few samples."""
    enough = end - begin >= MAD * INTERVAL_SECONDS
    interval = INTERVAL_SECONDS if enough else (end - begin) / MAD
    count = max(MAD, int((end - begin) / INTERVAL_SECONDS))
    edges = [end - interval * back for back in range(count, -1, -1)]
    confidence: Confidence = "medium" if enough else "low"
    if enough and stable(moving_averages(samples, edges)):
        confidence = "high"
    return over(samples.within(edges[-1 - MAD], end), confidence)


def over(samples: Samples, confidence: Confidence = "low") -> Responsiveness | None:
    """Return the responsiveness of all `samples` together; None when there are too few of a kind that it needs."""
    tcp, tls, http, own = ([one.ms for one in kind] for kind in (samples.tcp, samples.tls, samples.http, samples.own))
    needed = [tcp, http, tls] if tls else [tcp, http]
    if min(map(len, needed)) < LEAST_SAMPLES:
        return None
    tcp_ms, http_ms, tls_ms = trimmed_mean(tcp), trimmed_mean(http), trimmed_mean(tls) if tls else None
    foreign = foreign_rpm(tcp_ms, tls_ms, http_ms)
    # The parts share one queue: their errors go the same way and add up.
    foreign_half_width = foreign * (foreign / 60_000) * statistics.fmean(map(half_width_ms, needed))
    found = Responsiveness(
        foreign, foreign_half_width, foreign, None, tcp_ms, tls_ms, http_ms, None, len(http), confidence
    )
    return found if len(own) < LEAST_SAMPLES else with_own(found, own)


def with_own(found: Responsiveness, own: Sequence[float]) -> Responsiveness:
    """Return the mean of foreign and loaded responsiveness, from what the load's own connections tell (ms)."""
    own_ms = trimmed_mean(own)
    loaded = loaded_rpm(own_ms)
    half_width = (found.half_width + loaded * half_width_ms(own) / own_ms) / 2
    return replace(found, rpm=(found.rpm + loaded) / 2, half_width=half_width, loaded_rpm=loaded, own_ms=own_ms)


def half_width_ms(times: Sequence[float]) -> float:
    """Return the half width of the 95 % interval of a mean of round trips, from those of MAD stretches of it."""
    return batch_means.half_width(times, MAD)

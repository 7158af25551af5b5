"""Whether what an agent says agrees with what the measuring server saw of the same session and signed.

The server sees one side of everything: the bytes that reached it or were acknowledged, the kernel's round trips, which
packets arrived. From these follow numbers that agree, and limits that an honest agent keeps whatever the line does:

| quantity | agrees | contradicts |
|---|---|---|
| upload | the server's own rate, within `SAME` | above `MOST` times it, or below a `MOST`-th |
| download | within `MOST` of the rate that was acknowledged | as above |
| round trips | at most `SLOWER` of TCP's shortest (RFC 6298 samples of the kernel) | below `LEAST_TRIP` of it |
| loss on the way up | the share of the packets sent that never came | further from it than one packet |
| loss both ways | | less than the server saw missing on the way up, by more than one packet |
| R, MOS | | above what the shortest round trip and the loss on the way up allow (ITU-T G.107) |
| UDP works | yes, and packets came and were answered | yes, and not one came |
| region | the server's own | any other |

Two ends of one transfer differ by the framing of TLS, by what is under way, and by how their windows lie; `MOST` is the
factor of 1.2 that an observer of both ends finds. What only the agent can know (jitter, loss on the way down) stays its
own word. A tunnel from a better place looks like that place: nothing here tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from homecheck.measurement import Measurement
from homecheck.numbers import with_unit
from homecheck.observation import Flow, SessionObservation, Transfer
from homecheck.policy import Trust
from homecheck.standards.itu_g107 import mos_cqe, mouth_to_ear_ms, r_factor

MOST: Final = 1.2
SAME: Final = 1.05  # the agent adds what its own packets took of the line, and the framing of TLS
LITTLE_MBIT_S: Final = 0.5  # voice packets and probes beside a load
SLOWER: Final = 1.5
LEAST_TRIP: Final = 0.8
TRIP_MS: Final = 5.0  # by which two round trips of one line may differ for no reason
IDLE_FLOW: Final = 0  # of UDP: the call without a load
MOS_STEP: Final = 0.05
R_STEP: Final = 2.0


@dataclass(frozen=True)
class Standing:
    """How well a value is founded, and what the other side saw, in words for a finding."""

    trust: Trust
    saw: str = ""
    differs: bool = False  # what was seen speaks against a value that nobody can prove or disprove


SELF_REPORTED: Final = Standing("self-reported")
Comparison = Callable[[Measurement, SessionObservation], Standing]


def compared(measurements: Iterable[Measurement], seen: Iterable[SessionObservation]) -> dict[str, Standing]:
    """Return the standing of every quantity of which an observation in `seen` says anything.

    Each must be proven to be of this very check: by its signature and its challenge. Where a session agrees with a
    value, another one (of a second attempt) does not contradict it.
    """
    sessions = tuple(seen)
    standings = {}
    for found in measurements:
        compare = COMPARISONS.get(found.quantity.name)
        if compare is None or found.value is None:
            continue
        said = [compare(found, session) for session in sessions]
        if strongest := max(said, key=lambda standing: _STRENGTH[standing.trust], default=None):
            standings[found.quantity.name] = strongest
    return {name: standing for name, standing in standings.items() if standing != SELF_REPORTED}


# Beside "contradicted", which somebody has to look at, one's own word is weaker: it may be of a session that failed.
_STRENGTH: Final[Mapping[Trust, int]] = {
    "self-reported": 0,
    "contradicted": 1,
    "corroborated": 2,
    "server-observed": 3,
}


def _download(found: Measurement, seen: SessionObservation) -> Standing:
    return _rate(found, seen.download, "corroborated")


def _upload(found: Measurement, seen: SessionObservation) -> Standing:
    return _rate(found, seen.upload, "server-observed")


def _rate(found: Measurement, transfer: Transfer, best: Trust) -> Standing:
    """Hold a rate against the one that the server counted; its own value only where the agent passes it on."""
    value, counted = _number(found), transfer.rate_mbit_s
    if counted is None:
        return SELF_REPORTED
    doubt = LITTLE_MBIT_S + (found.uncertainty or 0.0) + (transfer.uncertainty_mbit_s or 0.0)
    saw = f"the measuring server counted {with_unit(counted, 'Mbit/s')}"
    if value > MOST * counted + doubt or (value < counted / MOST - doubt and found.bound != "at_least"):
        return Standing("contradicted", saw)
    exact = counted / SAME - LITTLE_MBIT_S <= value <= counted * SAME + LITTLE_MBIT_S
    return Standing(best if exact else "corroborated", saw)


def _round_trip(found: Measurement, seen: SessionObservation) -> Standing:
    """Hold a round trip against TCP's shortest of the same minute."""
    shortest = _shortest_trip(seen)
    if shortest is None:
        return SELF_REPORTED
    value, saw = _number(found), f"the measuring server's shortest round trip was {with_unit(shortest, 'ms')}"
    if value + (found.uncertainty or 0.0) < LEAST_TRIP * shortest - TRIP_MS:
        return Standing("contradicted", saw)
    return Standing("corroborated", saw) if value <= SLOWER * shortest + TRIP_MS else SELF_REPORTED


def _shortest_trip(seen: SessionObservation) -> float | None:
    trips = [trip for trip in (seen.download.rtt_ms, seen.upload.rtt_ms) if trip is not None]
    return min(trips, default=None)


def _loss_up(found: Measurement, seen: SessionObservation) -> Standing:
    """Hold the loss on the way up against the packets that never came.

    How many were sent is the agent's word; that of those after the last arrival none came follows from it.
    """
    flow = _idle(seen)
    if flow is None or seen.overflowed:
        return SELF_REPORTED
    sent = found.details.get("packets")
    if not isinstance(sent, int) or sent < flow.highest + 1:
        return _loss(found, seen)
    missing = 100 * (sent - flow.received) / sent
    agrees = abs(_number(found) - missing) < 150 / sent  # one packet, however it was rounded
    return Standing("server-observed" if agrees else "contradicted", _words(flow))


def _loss(found: Measurement, seen: SessionObservation) -> Standing:
    flow = _idle(seen)
    if flow is None or seen.overflowed:
        return SELF_REPORTED
    least = _missing(flow) - 100 / (flow.highest + 1)
    return Standing("contradicted", _words(flow)) if _number(found) < least else SELF_REPORTED


def _missing(flow: Flow) -> float:
    return 100 * flow.lost / (flow.highest + 1)


def _words(flow: Flow) -> str:
    return f"the measuring server missed {flow.lost} of {flow.highest + 1} packets"


def _udp(found: Measurement, seen: SessionObservation) -> Standing:
    flow = _idle(seen)
    if found.value is not True:
        return SELF_REPORTED
    if flow is None:
        return Standing("contradicted", "not one packet reached the measuring server")
    saw = f"the measuring server answered {flow.reflected} packets"
    return Standing("corroborated" if flow.reflected else "contradicted", saw)


def _rating(found: Measurement, seen: SessionObservation) -> Standing:
    """Hold a transmission rating, or the score that follows from it, against the best that the server's side allows."""
    flow, shortest = _idle(seen), _shortest_trip(seen)
    if flow is None:
        return SELF_REPORTED
    trip = max(0.0, LEAST_TRIP * shortest - TRIP_MS) if shortest is not None else 0.0
    best = r_factor(one_way_delay_ms=mouth_to_ear_ms(trip), loss_pct=0.0 if seen.overflowed else _missing(flow))
    is_mos = found.quantity.name.endswith("mos")
    most, step = (mos_cqe(best), MOS_STEP) if is_mos else (best, R_STEP)
    if _number(found) > most + step + (found.uncertainty or 0.0):
        word = "a MOS of" if is_mos else "R of"
        return Standing("contradicted", f"what the measuring server saw allows {word} {most:.2f} at most")
    return SELF_REPORTED


def _region(found: Measurement, seen: SessionObservation) -> Standing:
    if seen.region is None or not str(seen.region):
        return SELF_REPORTED
    saw = f"the measuring server saw an address of {seen.region}"
    return Standing("server-observed" if found.value == str(seen.region) else "contradicted", saw)


def _idle(seen: SessionObservation) -> Flow | None:
    """Return the flow of the call without a load, where anything of it arrived."""
    return next((flow for flow in seen.udp if flow.flow == IDLE_FLOW and flow.received), None)


def _number(found: Measurement) -> float:
    return float(found.value) if isinstance(found.value, int | float) else 0.0


COMPARISONS: Final[Mapping[str, Comparison]] = {
    "network.download": _download,
    "network.upload": _upload,
    "network.rtt": _round_trip,
    "network.rtt_p95": _round_trip,
    "network.loss": _loss,
    "network.loss_up": _loss_up,
    "network.udp": _udp,
    "network.r": _rating,
    "network.mos": _rating,
    "network.region": _region,
}

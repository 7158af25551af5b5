"""From packets and routers' answers to the cause of each quantity."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.blame import Seen
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.hop_watch import HopLog, Sample
from homecheck.instruments.network_causes import Causes, Impairment, causes_of, way
from homecheck.instruments.network_run import LoadedCall, NetworkRun
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.responsiveness import ProbeLog
from homecheck.instruments.tcp_load import Direction, Load
from homecheck.instruments.voice_path import Log, Packet, UdpSession
from homecheck.keys import SoftwareKey
from homecheck.measurement import Cause
from homecheck.observation import SessionObservation
from probes.network import Network

DELAY, VARIATION, LOSS, DOWN, UP = (Cause("line", word) for word in ("delay", "variation", "loss", "down", "up"))
CAUSES = Causes(DELAY, VARIATION, LOSS, DOWN, UP)


@pytest.mark.parametrize(
    ("quantity", "rating", "loaded", "cause"),
    [
        ("network.rtt", "loss", "network.upload", DELAY),
        ("network.rtt_p95", "loss", "network.upload", VARIATION),
        ("network.jitter", "loss", "network.upload", VARIATION),
        ("network.pdv_p95", "loss", "network.upload", VARIATION),
        ("network.loss_down", "delay", "network.upload", LOSS),
        ("network.mos", "loss", "network.upload", LOSS),
        ("network.r", "delay", "network.upload", DELAY),
        ("network.loaded_mos", "loss", "network.upload", UP),
        ("network.loaded_rtt_increase", "loss", "network.download", DOWN),
        ("network.download", "loss", "network.upload", DOWN),
        ("network.upload", "loss", "network.download", UP),
        ("network.udp", "loss", "network.upload", None),
    ],
)
def test_each_quantity_has_the_cause_of_what_it_measures(
    quantity: str, rating: Impairment, loaded: str, cause: Cause | None
) -> None:
    assert quantity in {one.name for one in Network.quantities}
    assert CAUSES.of(quantity, rating, loaded) == cause


def packet(sequence: int, arrived_ns: int | None) -> Packet:
    return Packet(sequence, 0.02 * sequence, 0, 0, 0, arrived_ns)


def test_questions_without_an_answer_are_counted_and_not_timed() -> None:
    log = HopLog({"gateway": (Sample(0.0, 2.0), Sample(0.2, None)), "public": ()})
    seen = way([packet(0, 20_000_000), packet(1, None)], log, others=4)
    assert seen.seen == {"responder": Seen((20.0,), 2), "gateway": Seen((2.0,), 2)}
    assert seen.others == 4


def test_the_providers_router_is_the_last_one_where_no_other_answers_behind_it() -> None:
    log = HopLog({"public": (Sample(0.0, 9.0),)}, ends_at_ours=True)
    seen = way([packet(0, 20_000_000)], log, others=None)
    assert seen.seen["last"] == seen.seen["public"]
    assert seen.ends_at_ours


def many(rtt_ms: float, began: float = 0.0, count: int = 100) -> tuple[Packet, ...]:
    return tuple(Packet(n, began + 0.02 * n, 0, 0, 0, round(rtt_ms * 1e6)) for n in range(count))


def call(packets: tuple[Packet, ...] | None, direction: Direction, began: float) -> LoadedCall:
    log = None if packets is None else Log(1, packets, 0, 0, 0, 0, clock_stepped=False, kernel_stamps=True)
    return LoadedCall(Load(direction, (), 1, 0, 5.0, 4, 0.1, "time", began), log)


def run(idle: tuple[Packet, ...], down: LoadedCall | ProbeError, up: LoadedCall | ProbeError) -> NetworkRun:
    """A run of which nothing matters but the packets."""
    log = Log(0, idle, 0, 0, 0, 0, clock_stepped=False, kernel_stamps=True)
    far_end = FarEnd("http", "responder.example", 80, "", socket.AF_INET, "192.0.2.1")
    key = SoftwareKey.generate().public
    session = ResponderSession(far_end, "session", "token", (), UdpSession(1, 1, b"", 4), key, pinned=True)
    seen = SessionObservation("session", None, START, START, "203.0.113.9")
    return NetworkRun(session, log, ProbeLog(), down, up, (), seen)


def answered(spans: list[tuple[float, float]]) -> tuple[Sample, ...]:
    """Ten answers from each moment on, after so many ms."""
    return tuple(Sample(began + n / 5, ms) for began, ms in spans for n in range(10))


START = datetime(2026, 11, 23, tzinfo=UTC)
# Idle from 0 s on, a download from 100, an upload from 200; each load's queue counts as full after 2 s.
ROUTERS = HopLog(
    {
        "gateway": answered([(0, 1.0), (98, 500.0), (102, 1.0), (202, 301.0)]),
        "public": answered([(0, 40.0), (102, 240.0), (202, 340.0)]),
    }
)


def test_each_phase_is_compared_with_the_answers_of_its_own_time() -> None:
    queued = run(many(45), call(many(245, 102), "download", 100.0), call(many(345, 202), "upload", 200.0))
    causes = causes_of(queued, ROUTERS)
    assert (causes.delay, causes.loss) == (
        Cause(
            "line", "the way to your own router takes only 1.0 ms, the way to your provider's first router takes 40 ms"
        ),
        None,
    )
    assert causes.download is not None
    assert causes.upload is not None
    assert (causes.download.at_fault, causes.upload.at_fault) == ("line", "home_link")


def test_phases_that_were_not_measured_have_no_cause() -> None:
    nothing = ProbeError("metered", "", at_fault="person")
    assert causes_of(run((), nothing, nothing), ROUTERS) == Causes()
    partly = causes_of(run(many(45), nothing, call(None, "upload", 200.0)), ROUTERS)
    assert (partly.download, partly.upload) == (None, None)
    assert partly.delay is not None
    early = causes_of(run(many(45), nothing, call(many(345, 190), "upload", 200.0)), ROUTERS)
    assert early.upload is None  # no packet was sent while the queue was full

"""One honest run, and what a dishonest responder might have signed instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.believe import believe
from homecheck.instruments.network_run import NetworkRun, Plan, measure
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.tcp_load import LoadRule
from homecheck.observation import SessionObservation
from tests.far_ends import responder_thread


@pytest.fixture(scope="module")
def honest() -> NetworkRun:
    rule = LoadRule(least_seconds=1.5, most_seconds=1.5, ceiling_mbit_s=40)
    with responder_thread() as running:
        return measure(ResponderSession.open(running.far_end, None, None), Plan(0.5, rule))


def test_an_honest_observation_is_believed(honest: NetworkRun) -> None:
    assert honest.seen.upload.rate_mbit_s is not None
    believe(honest)


def faster_upload(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, rate_mbit_s=5000.0, uncertainty_mbit_s=0.0))


def faster_upload_with_fitting_bins(seen: SessionObservation) -> SessionObservation:
    upload = seen.upload
    assert upload.rate_mbit_s is not None
    bins = tuple(100 * count for count in upload.bins)
    return replace(
        seen, upload=replace(upload, bytes=100 * upload.bytes, bins=bins, rate_mbit_s=100 * upload.rate_mbit_s)
    )


def a_rate_from_nothing(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, bins=()))


def more_in_bins_than_in_all(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, bytes=1000))


def sent_nothing(seen: SessionObservation) -> SessionObservation:
    return replace(seen, download=replace(seen.download, bytes=0, bins=(), rate_mbit_s=None))


def saw_no_packet(seen: SessionObservation) -> SessionObservation:
    return replace(seen, udp=())


def saw_packets_that_nobody_sent(seen: SessionObservation) -> SessionObservation:
    return replace(seen, udp=tuple(replace(flow, received=8000, map=b"\xff" * 1000) for flow in seen.udp))


def missed_a_packet_that_it_answered(seen: SessionObservation) -> SessionObservation:
    first, *others = seen.udp
    fewer = bytes([first.map[0] & 0x7F]) + first.map[1:]
    return replace(seen, udp=(replace(first, received=first.received - 1, map=fewer), *others))


@pytest.mark.parametrize(
    "lie",
    [
        faster_upload,
        faster_upload_with_fitting_bins,
        a_rate_from_nothing,
        more_in_bins_than_in_all,
        sent_nothing,
        saw_no_packet,
        saw_packets_that_nobody_sent,
        missed_a_packet_that_it_answered,
    ],
)
def test_counters_that_cannot_be_true_are_our_servers_fault(
    honest: NetworkRun, lie: Callable[[SessionObservation], SessionObservation]
) -> None:
    with pytest.raises(ProbeError) as raised:
        believe(replace(honest, seen=lie(honest.seen)))
    assert (raised.value.code, raised.value.at_fault) == ("observation_refused", "server")

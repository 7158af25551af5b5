"""One honest run, and what a dishonest responder might have signed instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.believe import believe, possible
from homecheck.instruments.byte_bins import BIN_SECONDS
from homecheck.instruments.network_responsiveness import own_round_trips, told_round_trips
from homecheck.instruments.network_run import LoadedCall, NetworkRun, Plan, measure
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.responsiveness import ProbeLog
from homecheck.instruments.tcp_load import Load, LoadRule
from homecheck.instruments.voice_path import Log, Packet
from homecheck.observation import SessionObservation
from homecheck.standards import goodput
from homecheck.standards.ippm_responsiveness import Sample, Samples
from tests.again import again
from tests.far_ends import responder_thread


@pytest.fixture(scope="module")
@again
def honest() -> NetworkRun:
    rule = LoadRule(least_seconds=1.5, most_seconds=1.5, ceiling_mbit_s=40)
    with responder_thread() as running:
        found = measure(ResponderSession.open(running.far_end, (), None), Plan(0.5, rule))
    assert found.seen.upload.rate_mbit_s is not None
    assert found.seen.download.rate_mbit_s is not None
    for call in (found.download, found.upload):
        assert isinstance(call, LoadedCall)
        assert call.load.seconds < 2  # shorter than the round trips of the lies below
    return found


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


def shorter_bins(seen: SessionObservation) -> SessionObservation:
    upload = seen.upload
    assert upload.rate_mbit_s is not None
    return replace(seen, upload=replace(upload, bin_ms=25, rate_mbit_s=2 * upload.rate_mbit_s))


def less_than_it_told(seen: SessionObservation) -> SessionObservation:
    halves = tuple(count // 2 for count in seen.upload.bins)
    half = replace(seen.upload, bytes=seen.upload.bytes // 2, bins=halves)
    rate = goodput.estimate(halves, BIN_SECONDS, goodput.window_seconds((half.rtt_ms or 0.0) / 1e3))
    assert rate is not None
    return replace(seen, upload=replace(half, rate_mbit_s=rate.mbit_s))


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


def sent_back_more_than_came(seen: SessionObservation) -> SessionObservation:
    first, *others = seen.udp
    return replace(seen, udp=(replace(first, reflected=first.received + 1), *others))


def sent_back_less_than_arrived_here(seen: SessionObservation) -> SessionObservation:
    first, *others = seen.udp
    return replace(seen, udp=(replace(first, reflected=first.received - 1), *others))


def every_packet_overtaken(seen: SessionObservation) -> SessionObservation:
    first, *others = seen.udp
    return replace(seen, udp=(replace(first, reordered=first.received), *others))


def round_trips_below_the_least(seen: SessionObservation) -> SessionObservation:
    return replace(seen, download=replace(seen.download, rtt_ms=80.0, smoothed_rtt_ms=20.0))


def a_round_trip_longer_than_the_load(seen: SessionObservation) -> SessionObservation:
    return replace(seen, download=replace(seen.download, round_trips_us=(2_600_000,)))


def a_least_round_trip_longer_than_the_load(seen: SessionObservation) -> SessionObservation:
    return replace(seen, download=replace(seen.download, rtt_ms=2_600.0, smoothed_rtt_ms=None))


def a_smoothed_round_trip_longer_than_the_load(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, smoothed_rtt_ms=2_600.0))


def a_round_trip_of_less_than_no_time(seen: SessionObservation) -> SessionObservation:
    return replace(seen, download=replace(seen.download, rtt_ms=-0.001))


def surer_than_its_bins(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, uncertainty_mbit_s=0.0))


def less_than_sure(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, uncertainty_mbit_s=-1.0))


def of_no_certainty(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, uncertainty_mbit_s=None))


def steady_or_not(seen: SessionObservation) -> SessionObservation:
    return replace(seen, upload=replace(seen.upload, steady=not seen.upload.steady))


@pytest.mark.parametrize(
    "lie",
    [
        surer_than_its_bins,
        less_than_sure,
        of_no_certainty,
        steady_or_not,
        sent_back_more_than_came,
        sent_back_less_than_arrived_here,
        every_packet_overtaken,
        round_trips_below_the_least,
        a_round_trip_longer_than_the_load,
        a_least_round_trip_longer_than_the_load,
        a_smoothed_round_trip_longer_than_the_load,
        a_round_trip_of_less_than_no_time,
        faster_upload,
        faster_upload_with_fitting_bins,
        a_rate_from_nothing,
        more_in_bins_than_in_all,
        shorter_bins,
        less_than_it_told,
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


def test_bytes_that_came_in_less_time_than_they_were_sent_in_are_our_servers_fault(honest: NetworkRun) -> None:
    assert isinstance(honest.upload, LoadedCall)
    longer = replace(honest.upload, load=replace(honest.upload.load, seconds=8.0))
    with pytest.raises(ProbeError) as raised:
        believe(replace(honest, upload=longer))
    assert (raised.value.code, raised.value.at_fault) == ("observation_refused", "server")


def test_a_round_trip_as_long_as_the_load_is_believed(honest: NetworkRun) -> None:
    believe(
        replace(honest, seen=replace(honest.seen, download=replace(honest.seen.download, round_trips_us=(1_500_000,))))
    )


def full_line(packets: tuple[Packet, ...], connects: tuple[Sample, ...] = ()) -> LoadedCall:
    """Return a load of 5 s that began at 100 on the monotonic clock: its queue counts as full from 102 to 105."""
    load = Load("download", (), 1, 0, 5.0, 4, 0.1, "time", 100.0)
    return LoadedCall(load, Log(1, packets, 0, 0, 0, 0, False, True), ProbeLog(Samples(tcp=connects)))


def packet(moment: float, ms: int, kept_ms: int = 0) -> Packet:
    sent = round(moment * 1e9)
    return Packet(0, moment, sent, sent, sent + kept_ms * 1_000_000, sent + ms * 1_000_000)


QUEUE_OF_200_MS = (packet(100.5, 10), packet(103.0, 200), packet(104.0, 230), packet(106.0, 10))


@pytest.mark.parametrize(
    ("call", "told_ms", "believed"),
    [
        (full_line(QUEUE_OF_200_MS), 179.0, True),  # 200 ms less a tenth and 1 ms
        (full_line(QUEUE_OF_200_MS), 178.9, False),
        (full_line(QUEUE_OF_200_MS), 0.001, False),
        (full_line((packet(103.0, 200, kept_ms=190),)), 10.0, False),  # what it says does not shorten the way
        (full_line(QUEUE_OF_200_MS, (Sample(103.0, 100.0),)), 89.0, True),
        (full_line(QUEUE_OF_200_MS, (Sample(103.0, 100.0),)), 88.9, False),
        (full_line((), (Sample(103.0, 100.0),)), 88.9, False),  # UDP does not pass
        (full_line((packet(101.2, 20), packet(103.0, 200))), 17.0, True),  # a smoothed one still tells of it
        (full_line((Packet(0, 103.0, 0),)), 0.001, True),  # nothing came back: nothing is known
    ],
)  # fmt: skip
def test_no_round_trip_is_shorter_than_what_this_end_timed_itself(
    call: LoadedCall, told_ms: float, believed: bool
) -> None:
    told = Sample(103.5, told_ms)
    assert possible((told,), call) == ((told,) if believed else ())


def test_round_trips_that_cannot_be_do_not_make_a_line_look_responsive(honest: NetworkRun) -> None:
    assert isinstance(honest.download, LoadedCall)
    late = honest.download.load.began + honest.download.load.seconds - 0.1
    queued = replace(honest.download, log=full_line((packet(late, 200),)).log, probes=ProbeLog())
    told = replace(honest.seen.download, round_trips_us=(1,) * 5 + (0,) * 15 + (1, 150_000, 200_000))
    lie = replace(honest, download=queued, seen=replace(honest.seen, download=told))
    assert [one.ms for one in own_round_trips(lie)] == [200.0]
    assert [one.ms for one in told_round_trips(lie)] == [0.001, 150.0, 200.0]

"""A run of the network measurements: what is begun at the far end is ended there, also when it is broken off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import cast

import pytest
from aiohttp import web

from homecheck.errors import ProbeError
from homecheck.instruments.byte_bins import ByteBins
from homecheck.instruments.network_run import (
    News,
    Plan,
    QueueWatcher,
    deepening,
    deepest_second,
    drain,
    measure,
    nobody_watches,
    still_rising,
)
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.responsiveness import ForeignProbes
from homecheck.instruments.tcp_load import LoadRule
from homecheck.instruments.voice_path import VoiceFlow
from homecheck.responder.app import Responder
from tests.far_ends import responder_thread


def test_a_measurement_that_is_broken_off_ends_its_session_at_the_responder() -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with responder_thread() as responder:
        session = ResponderSession.open(responder.far_end, ("challenge",), responder.key.public.jwk())
        with pytest.raises(KeyboardInterrupt):
            measure(session, Plan(1.0, LoadRule(), sleep=interrupted))
        with pytest.raises(ProbeError):  # it is over: there is nothing left to finish
            session.finish()
    assert "voice" not in [thread.name for thread in threading.enumerate()]  # and nothing is sent any more


class Forgetful(Responder):
    """A responder that has dropped the session for being idle too long."""

    async def finish(self, request: web.Request) -> web.Response:
        raise web.HTTPUnauthorized


@pytest.mark.parametrize("kind", [Responder, Forgetful], ids=["in time", "too late for the responder"])
def test_a_run_that_was_slept_through_is_void_and_the_device_is_at_fault(kind: type[Responder]) -> None:
    clock = iter([0.0, 61.0])
    with responder_thread(kind) as responder:
        session = ResponderSession.open(responder.far_end, (), None)
        with pytest.raises(ProbeError) as raised:
            measure(
                session,
                Plan(0.3, LoadRule(least_seconds=0.3, most_seconds=0.3, ceiling_mbit_s=20), asleep=lambda: next(clock)),
            )
    assert (raised.value.code, raised.value.at_fault) == ("interrupted", "device")
    assert "slept for 61 s" in raised.value.message


@pytest.mark.parametrize(
    ("delays", "is_deepening"),
    [
        ([20.0] * 30, False),
        ([20.0 + index for index in range(30)], True),
        ([20.0 + index for index in range(10)] + [29.0] * 20, False),
        ([20.0] * 10 + [60.0, 20.0] * 10, False),  # jumps, but no higher than before
        ([20.0 + index + 500 * (index in (3, 4)) for index in range(30)], True),  # a stall does not hide it
        ([20.0] * 9, True),  # nothing to compare with
    ],
    ids=["flat", "grows", "is full", "scatters", "grows after a stall", "too short"],
)
def test_a_queue_that_grows_is_told_from_one_that_is_full(delays: list[float], *, is_deepening: bool) -> None:
    assert deepening(delays, second=10) is is_deepening


def test_the_next_phase_waits_until_the_queue_is_empty() -> None:
    delays = iter([[300.0] * 5, [20.0, 20.0, 60.0, 20.0, 20.0], [20.0] * 4, [20.0] * 5, [300.0] * 5])
    slept: list[float] = []
    drain(lambda _count: next(delays), 25.0, slept.append)
    assert len(slept) == 4
    assert next(delays) == [300.0] * 5


def test_a_queue_that_never_empties_is_waited_for_a_bounded_time() -> None:
    begun = time.monotonic()
    drain(lambda _count: [300.0] * 5, 25.0, time.sleep, most_seconds=0.5)
    assert 0.5 <= time.monotonic() - begun < 5


def test_the_deepest_second_is_the_one_around_the_longest_delays() -> None:
    delays = [float(delay) for delay in (*[20] * 100, *[320] * 100, *[150] * 200)]
    assert list(deepest_second(delays, second=50)) == [20.0] * 20 + [320.0] * 30
    assert list(deepest_second(delays[:120], second=50)) == [20.0] * 30 + [320.0] * 20


def test_one_late_packet_makes_no_deepest_second() -> None:
    delays = [20.0] * 100 + [900.0] + [20.0] * 100 + [30.0] * 50
    assert 900.0 not in deepest_second(delays, second=50)
    assert deepest_second(delays, second=50)[-1] == 30.0


def test_of_a_queue_that_fills_to_the_end_the_last_second_is_the_deepest() -> None:
    assert list(deepest_second([float(index) for index in range(400)], second=50)) == [
        float(index) for index in range(350, 400)
    ]


def test_of_a_short_load_all_delays_count() -> None:
    assert list(deepest_second([20.0, 30.0], second=50)) == [20.0, 30.0]
    assert list(deepest_second([], second=50)) == []


@pytest.mark.parametrize(("newest", "is_deepening"), [(102.5, False), (103.5, True)])
def test_deeper_is_by_two_per_cent_and_a_millisecond_than_any_second_before(newest: float, is_deepening: bool) -> None:
    delays = [50.0] * 10 + [100.0] * 10 + [80.0] * 10 + [newest] * 10
    assert deepening(delays, second=10) is is_deepening


@pytest.mark.parametrize(
    ("before", "last", "rising"),
    [(60.0, 63.0, False), (60.0, 65.0, True), (21.0, 24.5, False), (21.0, 26.0, True)],
    ids=["less than a tenth", "more", "less than 5 ms", "more than 5 ms"],
)
def test_a_delay_still_rises_when_its_last_third_is_a_tenth_longer(before: float, last: float, rising: bool) -> None:
    assert still_rising([20.0] * 10 + [before] * 10 + [last] * 10, idle_ms=20.0) is rising


class Heard:
    """A voice flow whose round trips are known."""

    def __init__(self, rtts: list[float]) -> None:
        self.rtts = rtts

    def recent_rtts(self, count: int) -> list[float]:
        return self.rtts[-count:]


class Untold:
    """Probes beside a load that take in nothing."""

    def tell(self, load_bytes: int, sending: Sequence[object]) -> None:
        pass


def watcher(rtts: list[float], news: Callable[[News], None] = nobody_watches) -> QueueWatcher:
    return QueueWatcher(cast(ForeignProbes, Untold()), cast(VoiceFlow, Heard(rtts)), 30.0, news)


def test_a_line_is_full_when_most_of_the_newest_packets_waited() -> None:
    assert watcher([99.0] * 50 + [20.0] * 7 + [31.0] * 8).is_full()
    assert not watcher([99.0] * 50 + [20.0] * 8 + [31.0] * 7).is_full()
    assert not watcher([]).is_full()


def test_a_load_goes_on_while_its_queue_deepens() -> None:
    assert not watcher([20.0] * 50 + [120.0] * 50 + [170.0] * 50).satisfied()
    assert watcher([20.0] * 50 + [170.0] * 50 + [120.0] * 100).satisfied()


def test_what_comes_after_a_standstill_is_not_told_as_the_speed_of_the_line() -> None:
    told: list[News] = []
    onlooker, bins = watcher([20.0], told.append), ByteBins(0.0)
    onlooker.tell(bins, ())
    for total, seconds in (
        (1_250_000, 0.25),
        (2_500_000, 0.50),
        (8_750_000, 1.75),  # this computer stood still for a second; what had come meanwhile is read at once
        (8_950_000, 1.752),  # a little more 2 ms later, which alone would be 800 Mbit/s
        (10_000_000, 2.00),
    ):
        bins.reach(total, seconds)
        onlooker.tell(bins, ())
    # 1,250,000 bytes in a quarter of a second are 40 Mbit/s, all the time.
    assert [one.mbit_s for one in told] == [None, *[pytest.approx(40.0, abs=0.1)] * 5]

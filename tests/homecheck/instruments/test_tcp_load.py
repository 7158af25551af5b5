from __future__ import annotations

import socket
import time

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.byte_bins import ByteBins
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.tcp_load import Load, LoadRule, Pace, cpu_bound, download, opened, upload
from tests.far_ends import finish, open_session, responder_thread


def load_of(cpu_share: float, ended: str = "steady") -> Load:
    assert ended in ("steady", "ceiling")
    kind = "ceiling" if ended == "ceiling" else "steady"
    return Load("download", (), 0, 0, 5.0, 4, cpu_share, "ceiling" if kind == "ceiling" else "steady", 0.0)


def test_a_processor_at_its_end_is_not_a_slow_line() -> None:
    error = cpu_bound(load_of(0.85))
    assert error is not None
    assert (error.code, error.at_fault) == ("cpu_bound", "device")
    assert cpu_bound(load_of(0.5)) is None
    assert cpu_bound(load_of(0.85, "ceiling")) is None  # faster than anybody wants to know


def test_a_load_ends_when_it_is_steady_and_old_enough() -> None:
    rule = LoadRule(least_seconds=3, most_seconds=10)
    bins = ByteBins(0.0)
    for step in range(1, 101):
        bins.add(100_000, step * 0.05)
    assert rule.ended(bins, 2.9, bins.total) is None
    assert rule.ended(bins, 3.0, bins.total) == "steady"
    assert LoadRule(most_seconds=5).ended(ByteBins(0.0), 5.0, 0) == "time"
    assert LoadRule(most_bytes=1000).ended(ByteBins(0.0), 2.5, 1000) == "bytes"


def test_a_load_ends_at_its_bytes() -> None:
    rule = LoadRule(least_seconds=9, most_seconds=9, most_bytes=5_000_000, ceiling_mbit_s=80)
    with responder_thread() as running:
        session = open_session(running.far_end)
        load = download(running.far_end, session["token"], rule)
    assert load.total >= 5_000_000
    assert load.seconds < 5


def test_a_pace_lets_through_what_it_promises_and_no_burst_after_a_pause() -> None:
    pace = Pace(1_000_000, last=0.0)
    assert pace.refill(0.01) == 10_000
    pace.allowance -= 10_000
    assert pace.refill(0.02) == pytest.approx(10_000, abs=1)
    assert pace.refill(60.0) == 50_000  # 50 ms, not a minute


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_a_token_that_is_void_is_told_from_a_slow_line(direction: str) -> None:
    with responder_thread() as running:
        session = open_session(running.far_end)
        finish(running.far_end, session)
        run = download if direction == "download" else upload
        with pytest.raises(ProbeError) as raised:
            run(running.far_end, session["token"], LoadRule(least_seconds=1, most_seconds=1))
    assert raised.value.at_fault == "server"


def test_no_connection_stays_open_after_a_load() -> None:
    with responder_thread() as running:
        session = open_session(running.far_end)
        upload(running.far_end, session["token"], LoadRule(least_seconds=0.5, most_seconds=0.5, ceiling_mbit_s=20))
        time.sleep(0.2)
        (kept,) = list(running.responder.sessions)
        assert kept.upload.active == 0
        assert kept.upload.total > 100_000


def test_connections_that_cannot_be_opened_say_why_and_leave_none_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    far_end = FarEnd("http", "127.0.0.1", port, "", socket.AF_INET, "127.0.0.1")
    with pytest.raises(ProbeError) as raised, opened(far_end, 3):
        pytest.fail("nobody listens there")
    assert raised.value.code == "responder_refused"

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime

import pytest

from homecheck.responder.limits import Limits
from homecheck.responder.sessions import Busy, FlowCount, Session, Sessions

START = datetime(2026, 11, 23, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(sessions: Sessions, source: str = "203.0.113.7") -> Session:
    return sessions.open("nonce", source, START)


def test_a_session_is_found_by_its_token_alone() -> None:
    sessions = Sessions(Limits(), Clock())
    session = opened(sessions)
    assert sessions.find(session.token) is session
    assert sessions.find(session.id) is None
    assert sessions.find("") is None


def test_a_closed_session_is_a_stranger() -> None:
    sessions = Sessions(Limits(), Clock())
    session = opened(sessions)
    assert session.ssid in sessions.flows
    sessions.close(session)
    assert sessions.find(session.token) is None
    assert not sessions.flows
    assert not session.open


def test_one_address_cannot_take_all_sessions() -> None:
    sessions = Sessions(Limits(sessions=5, sessions_per_source=2), Clock())
    for _ in range(2):
        opened(sessions)
    with pytest.raises(Busy, match="from this address"):
        opened(sessions)
    for last in range(3):
        opened(sessions, f"203.0.113.{last}")
    with pytest.raises(Busy, match="too many sessions are open"):
        opened(sessions, "203.0.113.99")


def test_a_session_that_nobody_uses_is_closed() -> None:
    clock = Clock()
    sessions = Sessions(Limits(idle_seconds=30), clock)
    idle, busy = opened(sessions), opened(sessions)
    clock.now += 20
    sessions.find(busy.token)
    clock.now += 15
    sessions.drop_expired()
    assert list(sessions) == [busy]
    assert idle.ssid not in sessions.flows


def test_a_session_ends_however_busy_it_is() -> None:
    clock = Clock()
    sessions = Sessions(Limits(session_seconds=100), clock)
    session = opened(sessions)
    for _ in range(11):
        clock.now += 10
        sessions.find(session.token)
    sessions.drop_expired()
    assert not session.open


def test_an_abandoned_session_makes_room_for_the_next() -> None:
    clock = Clock()
    sessions = Sessions(Limits(sessions_per_source=1, idle_seconds=30), clock)
    opened(sessions)
    clock.now += 31
    opened(sessions)
    assert len(list(sessions)) == 1


def test_flows_of_different_sessions_have_different_ssids() -> None:
    sessions = Sessions(Limits(sessions_per_source=64), Clock())
    everyone = [opened(sessions) for _ in range(64)]
    assert len(sessions.flows) == 64 * 4
    assert all(session.ssid > 0 and session.ssid % 4 == 0 for session in everyone)


def test_a_snapshot_while_packets_are_counted_is_a_flow_that_can_be_signed() -> None:
    """An observation is made while the reflector's thread counts; it must never be refused for that."""
    flow, counting = FlowCount(0, most=16_000), threading.Event()

    def count() -> None:
        for sequence in range(0, 16_000, 8):  # each needs room of its own in the map
            flow.is_new(sequence)
        counting.set()

    thread = threading.Thread(target=count)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        while not counting.is_set():
            flow.snapshot()
    finally:
        sys.setswitchinterval(switch)
        thread.join()
    assert flow.snapshot().received == 2_000


def test_packets_are_counted_once_each() -> None:
    flow = FlowCount(0, most=100)
    answers = [flow.is_new(sequence) for sequence in (0, 1, 3, 2, 3, 9, 100, 5000)]
    assert answers == [True, True, True, True, False, True, False, False]
    counts = flow.snapshot()
    assert (counts.received, counts.duplicates, counts.reordered) == (5, 1, 1)
    assert counts.arrived(10) == [True] * 4 + [False] * 5 + [True]

"""One measurement against a responder, in order: a call on the idle line, then the same call during each load.

Between the phases the queue is left to drain; without that the next phase starts with the delays of the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import tcp_load
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.tcp_load import Load, LoadRule
from homecheck.instruments.voice_path import INTERVAL_SECONDS, Log, Packet, VoiceFlow
from homecheck.observation import SessionObservation
from homecheck.standards import goodput
from homecheck.standards.order_statistics import quantile

IDLE_FLOW, DOWNLOAD_FLOW, UPLOAD_FLOW = range(3)
UDP_SECONDS: Final = 2.0  # without any reply: UDP does not pass
SETTLE_SECONDS: Final = 2.0  # of load, before its delays count
DRAIN_SECONDS: Final = 5.0  # that a queue may take to empty
DRAINED_MS: Final = 5.0  # above what is usual on the idle line
DRAINED_PACKETS: Final = 5


@dataclass(frozen=True)
class LoadedCall:
    """A load, and the voice flow that ran over it (None where UDP does not pass)."""

    load: Load
    log: Log | None

    @property
    def window(self) -> tuple[float, float]:
        """From when to when the queue was as full as the load made it, on the monotonic clock."""
        settle = min(SETTLE_SECONDS, 0.4 * self.load.seconds)
        return self.load.began + settle, self.load.began + self.load.seconds


@dataclass(frozen=True)
class NetworkRun:
    """Everything that both ends saw. A load that failed stands there as its error."""

    session: ResponderSession
    idle: Log
    download: LoadedCall | ProbeError
    upload: LoadedCall | ProbeError
    envelope: str
    seen: SessionObservation


@dataclass(frozen=True)
class Plan:
    """How long, and with how much."""

    voice_seconds: float
    load: LoadRule
    sleep: Callable[[float], None] = time.sleep


def measure(session: ResponderSession, plan: Plan) -> NetworkRun:
    """Run all phases in an open session and end it. Raises ProbeError."""
    with ExitStack() as when_broken_off:
        when_broken_off.callback(give_up, session)
        idle = idle_call(session, plan)
        rule = rule_for(plan.load, idle)
        download = loaded_call(session, plan, idle, lambda: tcp_load.download(session.far_end, session.token, rule))
        upload = loaded_call(
            session, plan, idle, lambda: tcp_load.upload(session.far_end, session.token, rule), UPLOAD_FLOW
        )
        when_broken_off.pop_all()
    envelope, seen = session.finish()
    return NetworkRun(session, idle, download, upload, envelope, seen)


def give_up(session: ResponderSession) -> None:
    """End a session whose measurement was broken off: the responder need not wait for us."""
    with suppress(ProbeError):
        session.finish()


def idle_call(session: ResponderSession, plan: Plan) -> Log:
    """Send as long as the plan says; stop early when nothing comes back at all."""
    flow = VoiceFlow(session.far_end, session.udp, IDLE_FLOW)
    flow.start()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < plan.voice_seconds:
        if passed >= UDP_SECONDS and flow.answered == 0:
            break
        plan.sleep(min(0.1, plan.voice_seconds - passed))
    return flow.stop()


def loaded_call(
    session: ResponderSession, plan: Plan, idle: Log, run: Callable[[], Load], flow_number: int = DOWNLOAD_FLOW
) -> LoadedCall | ProbeError:
    """Load the line in one direction while a voice flow runs over it, then wait until the queue is empty."""
    usual = round_trips(idle.packets)
    if not usual:
        load = _attempt(run)
        return load if isinstance(load, ProbeError) else LoadedCall(load, None)
    flow = VoiceFlow(session.far_end, session.udp, flow_number)
    flow.start()
    try:
        load = _attempt(run)
        drain(flow, quantile(usual, 0.95).value + DRAINED_MS, plan.sleep)
    finally:
        log = flow.stop()
    return load if isinstance(load, ProbeError) else LoadedCall(load, log)


def rule_for(rule: LoadRule, idle: Log) -> LoadRule:
    """Return `rule` with a window that fits the round trip of the idle line."""
    rtts = round_trips(idle.packets)
    return replace(rule, window_seconds=goodput.window_seconds(quantile(rtts, 0.5).value / 1e3)) if rtts else rule


def drain(flow: VoiceFlow, limit_ms: float, sleep: Callable[[float], None]) -> None:
    """Wait until the newest packets come back within `limit_ms`, or a few seconds."""
    deadline = time.monotonic() + DRAIN_SECONDS
    sleep(DRAINED_PACKETS * INTERVAL_SECONDS)
    while time.monotonic() < deadline:
        recent = flow.recent_rtts(DRAINED_PACKETS)
        if len(recent) == DRAINED_PACKETS and max(recent) < limit_ms:
            return
        sleep(INTERVAL_SECONDS)


def round_trips(packets: Sequence[Packet]) -> list[float]:
    """Return the round trips of the packets that came back, in ms."""
    return [rtt for packet in packets if (rtt := packet.rtt_ms) is not None]


def _attempt(run: Callable[[], Load]) -> Load | ProbeError:
    """Return the load, or why there is none: the other direction is measured all the same."""
    try:
        return run()
    except ProbeError as error:
        return error

"""The agent: runs the probes of one check side by side and builds the evidence.

Probes that would disturb one another (see `Need`) run one after the other, all others at the same time. Each has a
deadline. Whatever goes wrong inside a probe becomes a failed measurement of every quantity it owed: a failed
measurement is data, and one broken probe never costs the others their place in the evidence.
"""

from __future__ import annotations

import platform
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from homecheck import __version__
from homecheck.clock import utc_now
from homecheck.errors import ProbeError, SetupError
from homecheck.evidence import Declaration, Device, Evidence, ProbeRun, Software
from homecheck.measurement import Measurement, Need, Observation, Probe
from homecheck.signing import Signer
from homecheck.standards.rfc_9562 import uuid7

Clock = Callable[[], datetime]

# Sound that is played would be heard by the microphone, and load would spoil a quiet measurement.
_DISTURB: Final = ({Need.MICROPHONE, Need.SPEAKER}, {Need.NETWORK_QUIET, Need.NETWORK_LOAD})


class Progress(Protocol):
    """Who wants to know how the check gets on; called from one thread."""

    def started(self, probe: Probe) -> None:
        """A probe has begun."""

    def finished(self, probe: Probe, run: ProbeRun) -> None:
        """A probe has ended, with measurements or failures."""


@dataclass(frozen=True)
class Collected:
    """What the probes of one check gave, in the order of the probes."""

    started_at: datetime
    finished_at: datetime
    runs: tuple[ProbeRun, ...]
    observations: tuple[str, ...]


@dataclass
class _Underway:
    probe: Probe
    started_at: datetime
    deadline: float
    began: float = field(default_factory=time.monotonic)


def collect(probes: Sequence[Probe], progress: Progress, clock: Clock = utc_now) -> Collected:
    """Run all probes and return what they measured. Takes no longer than the deadlines of those that had to queue.

    SetupError, before anything is measured, when two probes measure the same quantity.
    """
    _refuse_shared_quantities(probes)
    started_at = clock()
    waiting = list(enumerate(probes))
    underway: dict[int, _Underway] = {}
    results: queue.Queue[tuple[int, ProbeRun, tuple[str, ...]]] = queue.Queue()
    done: dict[int, tuple[ProbeRun, tuple[str, ...]]] = {}
    while waiting or underway:
        # 1. Start what disturbs nobody.
        for index, probe in list(waiting):
            if not any(disturb(probe.needs, other.probe.needs) for other in underway.values()):
                waiting.remove((index, probe))
                underway[index] = _start(index, probe, results, clock)
                progress.started(probe)
        # 2. Wait for the next result or the next deadline.
        next_deadline = min(running.deadline for running in underway.values())
        try:
            index, run, observations = results.get(timeout=max(0.0, next_deadline - time.monotonic()))
        except queue.Empty:
            index = min(underway, key=lambda late: underway[late].deadline)
            run, observations = _overdue(underway[index]), ()
        # 3. Keep it; a result that comes after its deadline was recorded as late and stays so.
        running = underway.pop(index, None)
        if running is not None:
            done[index] = run, observations
            progress.finished(running.probe, run)
    ordered = [done[index] for index in sorted(done)]
    return Collected(
        started_at,
        clock(),
        tuple(run for run, _ in ordered),
        tuple(observation for _, observations in ordered for observation in observations),
    )


def disturb(needs: frozenset[Need], others: frozenset[Need]) -> bool:
    """Tell whether two probes with these needs would spoil each other's measurements."""
    if needs & others:
        return True
    return any(pair & needs and pair & others for pair in _DISTURB)


def run_probe(probe: Probe, clock: Clock = utc_now) -> tuple[ProbeRun, tuple[str, ...]]:
    """Run one probe to its end and return every declared quantity once, measured or failed, and its observations."""
    started_at, began = clock(), time.monotonic()
    measured: dict[str, Measurement] = {}
    observations: list[str] = []
    owed = ProbeError("not_returned", "Tell us: this is a fault in homecheck.", at_fault="agent")
    try:
        for found in probe.run():
            if isinstance(found, Observation):
                observations.append(found.envelope)
                continue
            name = found.quantity.name
            if found.quantity not in probe.quantities:
                raise ValueError(f"{name} was not declared")
            if measured.pop(name, None) is not None:  # which of the two is right, nobody knows
                raise ValueError(f"{name} was returned twice")
            measured[name] = found
    except ProbeError as error:
        owed = error
    except Exception as error:  # noqa: BLE001 - other people's drivers and devices: no list of exceptions is complete
        message = f"{probe.name} stopped with {type(error).__name__}: {error}"
        owed = ProbeError("crashed", "Tell us: this is a fault in homecheck.", message=message, at_fault="agent")
    return _run(probe, started_at, time.monotonic() - began, measured, owed), tuple(observations)


def build_evidence(
    collected: Collected,
    signer: Signer,
    *,
    seq: int,
    aud: str | None = None,
    sub: str | None = None,
    nonce: str | None = None,
    declarations: Iterable[Declaration] = (),
) -> Evidence:
    """Return the evidence of one check for one collector (`aud`, `sub` and `nonce` are None in a private check)."""
    unix_ms = int(collected.finished_at.timestamp() * 1000)
    return Evidence(
        id=uuid7(unix_ms, secrets.token_bytes(10)),
        aud=aud,
        iat=unix_ms // 1000,
        nonce=nonce,
        seq=seq,
        sub=sub,
        device=Device(signer.public.kid, signer.store),
        started_at=collected.started_at,
        finished_at=collected.finished_at,
        software=Software(
            "homecheck", __version__, platform.python_version(), f"{platform.system()} {platform.release()}"
        ),
        runs=collected.runs,
        declarations=tuple(declarations),
        observations=collected.observations,
    )


def _refuse_shared_quantities(probes: Sequence[Probe]) -> None:
    """Evidence holds every quantity once; found out afterwards, a second one would cost the whole check."""
    owners: dict[str, Probe] = {}
    for probe in probes:
        for quantity in probe.quantities:
            other = owners.setdefault(quantity.name, probe)
            if other is not probe:
                raise SetupError(
                    f"the probes {other.name} and {probe.name} both measure {quantity.name}",
                    "Uninstall the package that brings one of them: homecheck probes lists them all.",
                )


def _start(
    index: int, probe: Probe, results: queue.Queue[tuple[int, ProbeRun, tuple[str, ...]]], clock: Clock
) -> _Underway:
    def work() -> None:
        results.put((index, *run_probe(probe, clock)))

    running = _Underway(probe, clock(), time.monotonic() + probe.deadline_seconds)
    # A daemon: a thread cannot be killed, and one that hangs must not keep the program from ending.
    threading.Thread(target=work, name=f"probe {probe.name}", daemon=True).start()
    return running


def _overdue(running: _Underway) -> ProbeRun:
    probe = running.probe
    message = f"{probe.name} did not finish within {probe.deadline_seconds:.0f} seconds"
    late = ProbeError("timeout", "Run the check again; restart the computer if it stays so.", message=message)
    return _run(probe, running.started_at, time.monotonic() - running.began, {}, late)


def _run(
    probe: Probe, started_at: datetime, seconds: float, measured: dict[str, Measurement], owed: ProbeError
) -> ProbeRun:
    measurements = tuple(
        measured.get(quantity.name) or Measurement.failed(quantity, owed) for quantity in probe.quantities
    )
    return ProbeRun(probe.name, probe.version, started_at, round(seconds, 3), measurements)

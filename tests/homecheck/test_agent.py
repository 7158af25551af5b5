"""The agent: side by side where nothing disturbs, each with a deadline; no probe costs the others their place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from homecheck.agent import Collected, build_evidence, collect, disturb, run_probe
from homecheck.errors import ProbeError, SetupError
from homecheck.evidence import Evidence, ProbeRun
from homecheck.keys import SoftwareKey
from homecheck.measurement import Measurement, Need, Observation, Probe, Quantity
from homecheck.signing import EVIDENCE, sign, verify

LENGTH = Quantity("test.length", "m", "tape")
COLOUR = Quantity.text("test.colour", "eye")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

Run = Callable[[], Iterable[Measurement | Observation]]


@dataclass(frozen=True)
class Tape:
    run: Run
    name: str = "tape"
    version: str = "1"
    quantities: tuple[Quantity, ...] = (LENGTH, COLOUR)
    needs: frozenset[Need] = frozenset()
    reveals: str = "how long something is"
    deadline_seconds: float = 5.0


@dataclass
class Silent:
    events: list[str] = field(default_factory=list)

    def started(self, probe: Probe) -> None:
        self.events.append(f"started {probe.name}")

    def finished(self, probe: Probe, run: ProbeRun) -> None:
        self.events.append(f"finished {probe.name}")


def both() -> Iterable[Measurement | Observation]:
    yield Measurement(LENGTH, 1.5, 0.1)
    yield Measurement(COLOUR, "blå")
    yield Observation("a.b.c")


def failures(run: ProbeRun) -> dict[str, str]:
    return {found.quantity.name: found.failure.code for found in run.measurements if found.failure}


def test_a_probe_returns_its_measurements_and_its_observations() -> None:
    run, observations = run_probe(Tape(both), lambda: NOON)
    assert [found.value for found in run.measurements] == [1.5, "blå"]
    assert run.started_at == NOON
    assert observations == ("a.b.c",)


def test_a_probe_error_fails_what_is_owed_and_keeps_what_was_measured() -> None:
    def broken() -> Iterable[Measurement]:
        yield Measurement(LENGTH, 1.5, 0.1)
        raise ProbeError("no_light", "Switch on the lamp.", at_fault="room")

    run, _ = run_probe(Tape(broken))
    assert run.measurements[0].value == 1.5
    failure = run.measurements[1].failure
    assert failure is not None
    assert (failure.code, failure.at_fault, failure.advice) == ("no_light", "room", "Switch on the lamp.")


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("ü \udc80 \0"), RecursionError(), KeyError("x"), OSError(5, "I/O")]
)
def test_any_exception_of_a_driver_becomes_a_failed_measurement_at_the_agents_fault(error: Exception) -> None:
    def crash() -> Iterable[Measurement]:
        raise error

    run, _ = run_probe(Tape(crash))
    assert failures(run) == {"test.length": "crashed", "test.colour": "crashed"}
    failure = run.measurements[0].failure
    assert failure is not None
    assert failure.at_fault == "agent"
    assert type(error).__name__ in failure.message


def test_a_quantity_that_a_probe_forgets_is_a_failure_and_not_a_gap() -> None:
    run, _ = run_probe(Tape(lambda: [Measurement(LENGTH, 2, 0)]))
    assert failures(run) == {"test.colour": "not_returned"}


def test_a_quantity_that_was_never_declared_is_a_crash_and_not_a_silent_extra() -> None:
    weight = Quantity("test.weight", "kg", "scales")
    run, _ = run_probe(Tape(lambda: [Measurement(weight, 2, 0)]))
    assert failures(run) == {"test.length": "crashed", "test.colour": "crashed"}


def test_a_quantity_that_is_returned_twice_has_no_value() -> None:
    """Neither of the two is better than the other, so none is shown as measured."""
    run, _ = run_probe(Tape(lambda: [*both(), Measurement(LENGTH, 9.5, 0.1)]))
    assert failures(run) == {"test.length": "crashed"}
    assert run.measurements[1].value == "blå"
    assert run.measurements[0].failure is not None
    assert "test.length was returned twice" in run.measurements[0].failure.message


def test_a_result_after_its_deadline_changes_nothing_any_more() -> None:
    late, all_told = threading.Event(), threading.Event()

    def too_late() -> Iterable[Measurement]:
        late.wait(20)
        yield Measurement(LENGTH, 1.5, 0.1)
        all_told.set()

    def patient() -> Iterable[Measurement]:
        all_told.wait(20)
        time.sleep(0.2)  # the late result is on its way to the queue
        return [Measurement(COLOUR, "red")]

    class LetGo(Silent):
        def finished(self, probe: Probe, run: ProbeRun) -> None:
            super().finished(probe, run)
            late.set()

    progress = LetGo()
    stuck = Tape(too_late, name="stuck", quantities=(LENGTH,), deadline_seconds=0.1)
    other = Tape(patient, name="other", quantities=(COLOUR,), deadline_seconds=30)
    collected = collect([stuck, other], progress)
    assert failures(collected.runs[0]) == {"test.length": "timeout"}
    assert progress.events.count("finished stuck") == 1


def test_two_probes_of_one_quantity_are_refused_before_anything_is_measured() -> None:
    ran: list[str] = []

    def note() -> Iterable[Measurement]:
        ran.append("ran")
        return []

    with pytest.raises(SetupError, match=r"the probes tape and laser both measure test\.length"):
        collect([Tape(note), Tape(note, name="laser", quantities=(LENGTH,))], Silent())
    assert ran == []


def test_a_probe_that_hangs_is_late_and_the_others_are_kept() -> None:
    never = threading.Event()

    def hang() -> Iterable[Measurement]:
        never.wait(20)
        return []

    began = time.monotonic()
    stuck = Tape(hang, name="stuck", quantities=(LENGTH,), deadline_seconds=0.2)
    fine = Tape(lambda: [Measurement(COLOUR, "red")], name="fine", quantities=(COLOUR,))
    collected = collect([stuck, fine], Silent())
    never.set()
    assert time.monotonic() - began < 15  # of the 20 s for which it hangs
    assert failures(collected.runs[0]) == {"test.length": "timeout"}
    assert collected.runs[1].measurements[0].value == "red"


def test_probes_that_disturb_nobody_run_side_by_side_and_the_others_wait() -> None:
    # Two probes meet at a barrier, which is only possible while both run; the third needs what the first holds.
    barrier = threading.Barrier(2, timeout=30)
    progress = Silent()

    def meet() -> Iterable[Measurement]:
        barrier.wait()
        return []

    microphone = frozenset({Need.MICROPHONE})
    quiet = frozenset({Need.NETWORK_QUIET})
    first = Tape(meet, name="first", quantities=(), needs=microphone, deadline_seconds=60)
    second = Tape(meet, name="second", quantities=(), needs=quiet, deadline_seconds=60)
    third = Tape(list, name="third", quantities=(), needs=microphone)
    collect([first, third, second], progress)
    assert progress.events.index("finished first") < progress.events.index("started third")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({Need.MICROPHONE}, {Need.SPEAKER}, True),
        ({Need.NETWORK_QUIET}, {Need.NETWORK_LOAD}, True),
        ({Need.MICROPHONE, Need.PERSON}, {Need.PERSON}, True),
        ({Need.MICROPHONE}, {Need.NETWORK_LOAD}, False),
        (set(), set(), False),
    ],
)
def test_what_disturbs_what(one: set[Need], other: set[Need], expected: bool) -> None:
    assert disturb(frozenset(one), frozenset(other)) is expected
    assert disturb(frozenset(other), frozenset(one)) is expected


def test_evidence_of_a_check_is_what_comes_out_after_signing_and_verifying() -> None:
    run, observations = run_probe(Tape(both), lambda: NOON)
    key = SoftwareKey.generate()
    evidence = build_evidence(
        Collected(NOON, NOON, (run,), observations), key, seq=7, aud="https://it.example", sub="p1", nonce="n"
    )
    envelope = sign(evidence.to_bytes(), EVIDENCE, key)
    again = Evidence.from_bytes(verify(envelope, EVIDENCE, {key.public.kid: key.public}.get))
    assert again == evidence
    assert (again.seq, again.iat, again.device.store) == (7, 1_795_435_200, "file")

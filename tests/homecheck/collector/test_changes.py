"""What is another thing than at the check before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from homecheck.collector.changes import Change, changes
from homecheck.collector.course import Step
from homecheck.evidence import Declaration, Device, Evidence, ProbeRun, Software
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.standards.rfc_9562 import uuid7

AT = datetime(2026, 3, 1, tzinfo=UTC)
MODEL = Quantity.text("headset.model", "USB descriptors")
SCREENS = Quantity("host.screens", "1", "what the system says")
DOWNLOAD = Quantity("network.download", "Mbit/s", "a method")
LOSS = Quantity("network.loss", "%", "a method")
UNPLUGGED = Failure("no_device", "device", "no headset is plugged in", "Plug it in.")
FIRST = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
SECOND = "qMG4sPZ_Hx2tE2bWxGQ5nGkYqyZb7WpdmAdPMR0X1Bs"


def step(*found: Measurement, door: bool = True) -> Step:
    evidence = Evidence(
        uuid7(0, bytes(10)), None, 0, None, 1, None, Device(FIRST, "file"), AT, AT,
        Software("homecheck", "1.4", "3.12", "Windows 11"), (ProbeRun("p", "1", AT, 1.0, found),),
        (Declaration("door", door),),
    )  # fmt: skip
    return Step("sha256:1", AT, evidence)


def test_another_headset_is_told_with_both_names() -> None:
    found = changes(step(Measurement(MODEL, "Jabra Evolve2 40")), step(Measurement(MODEL, "AirPods Pro")))
    assert found == [Change("", "headset.model", "Jabra Evolve2 40", "AirPods Pro")]


def test_another_machine_and_another_key_are_told() -> None:
    before = step()
    other = replace(
        before.evidence,
        device=Device(SECOND, "tpm"),
        software=Software("homecheck", "1.5", "3.12", "Darwin 24.6.0"),
    )
    found = changes(before, replace(before, evidence=other))
    assert [one.label for one in found] == ["Device key", "System", "homecheck"]
    assert (found[1].before, found[1].after) == ("Windows 11", "Darwin 24.6.0")


def test_an_exact_count_that_differs_is_told_and_a_number_that_varies_is_not() -> None:
    before = step(Measurement(SCREENS, 2, 0.0), Measurement(DOWNLOAD, 40.0, 1.0), Measurement(LOSS, 0.0, 0.0))
    after = step(Measurement(SCREENS, 1, 0.0), Measurement(DOWNLOAD, 20.0, 1.0), Measurement(LOSS, 0.1, 0.0))
    assert changes(before, after) == [Change("", "host.screens", "2", "1")]


def test_a_headset_that_is_gone_is_a_change_and_still_gone_is_none() -> None:
    gone = step(Measurement(MODEL, failure=UNPLUGGED))
    (found,) = changes(step(Measurement(MODEL, "Jabra Evolve2 40")), gone)
    assert found.after == "not measured: no headset is plugged in"
    assert changes(gone, gone) == []
    other = step(Measurement(MODEL, failure=replace(UNPLUGGED, code="busy", message="in use by another program")))
    assert [one.after for one in changes(gone, other)] == ["not measured: in use by another program"]


def test_what_was_not_sent_before_is_no_change() -> None:
    assert changes(step(), step(Measurement(MODEL, "AirPods Pro"))) == []


def test_another_answer_is_told() -> None:
    assert changes(step(door=True), step(door=False)) == [Change("", "declaration.door", "yes", "no")]

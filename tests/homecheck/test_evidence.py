"""Evidence: written once, read back exactly, and nobody gets more of it than they ask for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from homecheck.evidence import Declaration, Evidence, measurement_members
from homecheck.measurement import Measurement
from homecheck.signing import EVIDENCE, sign, verify
from tests.forgeries import COLOUR, DEVICE, ENROLLED, GENUINE, LENGTH, NOON, accept

# The members and their order are the format; written down by hand.
WRITTEN = {
    "v": 1,
    "id": "019ab1c2-d3e4-7f01-8234-56789abcdef0",
    "aud": "https://collector.example",
    "iat": 1795435200,
    "nonce": "challenge",
    "seq": 7,
    "sub": "person-1",
    "device": {"kid": DEVICE.public.kid, "store": "file"},
    "started_at": "2026-11-23T12:00:00.250Z",
    "finished_at": "2026-11-23T12:00:00.250Z",
    "software": {"name": "homecheck", "version": "1.0", "python": "3.11.2", "system": "Linux 6.1"},
    "runs": [
        {
            "probe": "tape",
            "version": "1",
            "started_at": "2026-11-23T12:00:00.250Z",
            "seconds": 1.5,
            "measurements": [
                {
                    "quantity": "test.length",
                    "kind": "number",
                    "value": 1.25,
                    "unit": "m",
                    "uncertainty": 0.05,
                    "method": "tape",
                    "failure": None,
                    "details": {"reading": [1, 2.5, "ü", None, {"on": True}]},
                },
                {
                    "quantity": "test.colour",
                    "kind": "text",
                    "value": "blå",
                    "unit": "",
                    "uncertainty": None,
                    "method": "eye",
                    "failure": None,
                    "details": {},
                },
                {
                    "quantity": "test.open",
                    "kind": "yes/no",
                    "value": None,
                    "unit": "",
                    "uncertainty": None,
                    "method": "eye",
                    "failure": {
                        "code": "no_light",
                        "at_fault": "room",
                        "message": "too dark to see",
                        "advice": "Switch on the lamp.",
                    },
                    "details": {},
                },
            ],
        }
    ],
    "declarations": [{"id": "corded_phone", "answer": True}],
    "observations": ["aGVhZA.Ym9keQ.c2ln"],
}


def test_evidence_is_written_as_documented() -> None:
    written = json.loads(GENUINE.to_bytes())
    assert written == WRITTEN
    assert list(written) == list(WRITTEN)


def test_evidence_holds_no_verdict() -> None:
    assert b"verdict" not in GENUINE.to_bytes()


def test_what_was_written_is_read_back_and_written_the_same() -> None:
    read = accept(sign(GENUINE.to_bytes(), EVIDENCE, DEVICE))
    assert read == GENUINE
    assert read.to_bytes() == GENUINE.to_bytes()


@pytest.mark.parametrize(
    "value", [1e-05, -0.0, 1e300, 5, 2**53, -1.7976931348623157e308, 0.1 + 0.2], ids=lambda value: repr(value)
)
def test_odd_numbers_survive_the_way(value: float) -> None:
    run = replace(GENUINE.runs[0], measurements=(Measurement(LENGTH, value, 1e-30),))
    read = accept(sign(replace(GENUINE, runs=(run,)).to_bytes(), EVIDENCE, DEVICE))
    found = next(iter(read.measurements()))
    assert found.value == value
    assert repr(found.value) == repr(value)


def test_a_private_offline_check_has_no_audience_nonce_or_person() -> None:
    private = replace(GENUINE, aud=None, nonce=None, sub=None)
    assert accept(sign(private.to_bytes(), EVIDENCE, DEVICE)) == private


def test_only_what_was_asked_for_is_kept() -> None:
    kept = GENUINE.only(["test.colour", "declaration.other"])
    assert [found.quantity for found in kept.measurements()] == [COLOUR]
    assert kept.declarations == ()
    assert b"1.25" not in kept.to_bytes()
    assert GENUINE.only(["declaration.corded_phone"]).declarations == (Declaration("corded_phone", True),)


def test_what_the_far_end_saw_goes_only_to_those_who_ask_about_the_network() -> None:
    """It holds the home's internet address and the bytes of every stream."""
    assert GENUINE.only(["test.length"]).observations == ()
    assert GENUINE.only(["test.length", "network.loss"]).observations == ("aGVhZA.Ym9keQ.c2ln",)


def test_a_run_of_which_nothing_was_asked_for_is_left_out() -> None:
    assert GENUINE.only([]).runs == ()


def test_a_quantity_stands_once_in_a_run_and_once_in_all() -> None:
    run = GENUINE.runs[0]
    with pytest.raises(ValueError, match=r"tape: a quantity stands twice in test\.length, test\.length"):
        replace(run, measurements=(run.measurements[0], run.measurements[0]))
    with pytest.raises(ValueError, match=r"the quantity 'test\.length' stands twice"):
        replace(GENUINE, runs=(run, replace(run, probe="tape2")))


def test_a_declaration_stands_once() -> None:
    with pytest.raises(ValueError, match="the declaration 'a' stands twice"):
        replace(GENUINE, declarations=(Declaration("a", True), Declaration("a", False)))


@pytest.mark.parametrize("bad", ["", "1", "019ab1c2-d3e4-4f01-8234-56789abcdef0", "../../etc/passwd"])
def test_an_id_that_is_no_uuid7_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="is no UUIDv7"):
        replace(GENUINE, id=bad)


def test_a_time_without_its_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="a time without its zone"):
        replace(GENUINE, started_at=NOON.replace(tzinfo=None)).to_bytes()


def test_two_runs_with_different_quantities_are_read_in_order() -> None:
    second = replace(GENUINE.runs[0], probe="eye", measurements=(Measurement(COLOUR, "red"),))
    first = replace(GENUINE.runs[0], measurements=(Measurement(LENGTH, 1, 0),))
    both = replace(GENUINE, runs=(first, second))
    read = Evidence.from_bytes(verify(sign(both.to_bytes(), EVIDENCE, DEVICE), EVIDENCE, ENROLLED.get))
    assert [run.probe for run in read.runs] == ["tape", "eye"]


def test_a_measurement_as_members_has_unit_and_method() -> None:
    assert measurement_members(Measurement(LENGTH, 1.25, 0.05)) == {
        "value": 1.25,
        "unit": "m",
        "uncertainty": 0.05,
        "method": "tape",
        "failure": None,
        "details": {},
    }

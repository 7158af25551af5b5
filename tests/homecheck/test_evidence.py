"""Evidence: written once, read back exactly, and nobody gets more of it than they ask for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from homecheck.errors import Refused
from homecheck.evidence import Declaration, Evidence, _read_measurement, _read_ordinary, measurement_members
from homecheck.measurement import Cause, Level, Measurement
from homecheck.signing import EVIDENCE, Verified, sign, verify
from homecheck.strict_json import Record
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
                    "cause": None,
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
                    "cause": None,
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
                    "cause": None,
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


ORDINARY: dict[str, Any] = WRITTEN["runs"][0]["measurements"][0]  # type: ignore[index]  # a list of objects
CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a whole number": {"value": 3, "uncertainty": 0},
    "yes": {"kind": "yes/no", "unit": "", "value": True, "uncertainty": None},
    "a text": {"kind": "text", "unit": "", "value": "blå", "uncertainty": None},
    "a text of 500": {"kind": "text", "unit": "", "value": "x" * 500, "uncertainty": None},
    "a text of 501": {"kind": "text", "unit": "", "value": "x" * 501, "uncertainty": None},
    "NUL in the value": {"kind": "text", "unit": "", "value": "x\0", "uncertainty": None},
    "NUL in the name": {"quantity": "x\0"},
    "a name of 501": {"quantity": "x" * 501},
    "a method that is a number": {"method": 1},
    "a unit that is a list": {"unit": ["m"]},
    "true for a number": {"value": True},
    "true for an uncertainty": {"uncertainty": True},
    "a text for an uncertainty": {"uncertainty": "0.1"},
    "no uncertainty": {"uncertainty": None},
    "an uncertainty below 0": {"uncertainty": -0.1},
    "an unknown kind": {"kind": "colour"},
    "a number without a unit": {"unit": ""},
    "no value": {"value": None},
    "a list as a value": {"value": [1]},
    "value and failure": {"failure": {"code": "a", "at_fault": "room", "message": "b", "advice": "c"}},
    "a failure that is none": {"failure": 0},
    "a cause": {"cause": {"at_fault": "room", "sentence": "a"}},
    "details that are a list": {"details": []},
    "a long text in details": {"details": {"a": {"b": ["x" * 501]}}},
    "NUL in details": {"details": {"a": "\0"}},
    "nothing in details": {"details": {"a": None, "b": 2**53, "c": 0.5, "d": {}}},
    "a further member": {"limit": 1},
    "a bound": {"bound": "at_least"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_quick_reader_of_ordinary_measurements_takes_nothing_that_the_other_refuses(
    change: dict[str, Any],
) -> None:
    members = {**ORDINARY, **change}
    quick = _read_ordinary(members)
    if quick is not None:
        assert quick == _read_measurement(Record(members, "it"))
        assert [type(value) for value in vars(quick).values()] == [
            type(value) for value in vars(_read_measurement(Record(members, "it"))).values()
        ]


def test_the_quick_reader_takes_what_nearly_all_evidence_consists_of() -> None:
    for name in ("nothing", "a whole number", "yes", "a text", "a text of 500", "nothing in details"):
        assert _read_ordinary({**ORDINARY, **CHANGES[name]}) is not None, name


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
        "cause": None,
        "details": {},
    }


# --- Earlier levels ---------------------------------------------------------------------------------------------------

EARLIER = (Level(1_795_000_000, 1.5, 0.25), Level(1_795_100_000, 2, 0))


def with_earlier() -> Evidence:
    run = GENUINE.runs[0]
    return replace(GENUINE, runs=(replace(run, measurements=(Measurement(LENGTH, 1.25, 0.05, earlier=EARLIER),)),))


def altered(earlier: Any) -> Verified:
    """Return the signed evidence with something else in the place of the earlier levels."""
    members = json.loads(with_earlier().to_bytes())
    members["runs"][0]["measurements"][0]["earlier"] = earlier
    return verify(sign(json.dumps(members).encode(), EVIDENCE, DEVICE), EVIDENCE, ENROLLED.get)


def test_earlier_levels_are_written_as_rows_and_come_back() -> None:
    found = with_earlier()
    assert b'"earlier":[[1795000000,1.5,0.25],[1795100000,2,0]]' in found.to_bytes()
    assert Evidence.from_bytes(verify(sign(found.to_bytes(), EVIDENCE, DEVICE), EVIDENCE, ENROLLED.get)) == found
    assert b"earlier" not in GENUINE.to_bytes()


def test_earlier_levels_go_to_those_alone_who_ask_for_them_by_name() -> None:
    (asked,) = with_earlier().only(["test.length", "test.length.earlier"]).measurements()
    (others,) = with_earlier().only(["test.length"]).measurements()
    assert (asked.earlier, others.earlier) == (EARLIER, ())
    assert not list(with_earlier().only(["test.length.earlier"]).measurements())


@pytest.mark.parametrize(
    ("earlier", "message"),
    [
        ({}, "earlier: a list is expected"),
        ([[1, 2]], "lists of 3 plain values"),
        ([[1, 2, [3]]], "lists of 3 plain values"),
        ([1, 2, 3], "lists of 3 plain values"),
        ([[1, 2, None]], "lists of 3 plain values"),
        ([["2026-11-23", 2, 3]], "no time in Unix seconds"),
        ([[True, 2, 3]], "no time in Unix seconds"),
        ([[1.0, 2, 3]], "no time in Unix seconds"),
        ([[-1, 2, 3]], "no time in Unix seconds"),
        ([[253_402_300_800, 2, 3]], "no time in Unix seconds"),
        ([[2, 2, 3], [1, 2, 3]], "not in order of time"),
        ([[1, 2, 3], [1, 2, 3]], "not in order of time"),
        ([[1, "fast", 3]], "'fast' is not a number"),
        ([[1, True, 3]], "True is not a number"),
        ([[1, 2, "3"]], "'3' is no uncertainty"),
        ([[1, 2, True]], "True is no uncertainty"),
        ([[1, 2, -3]], "a number needs an uncertainty of 0 or more"),
        ([[second, 2, 3] for second in range(61)], "61 earlier levels, at most 60"),
    ],
)
def test_earlier_levels_that_are_none_are_refused_as_schema(earlier: Any, message: str) -> None:
    with pytest.raises(Refused) as refused:
        Evidence.from_bytes(altered(earlier))
    assert refused.value.reason == "schema"
    assert message in refused.value.message


def test_a_text_has_no_earlier_levels() -> None:
    with pytest.raises(ValueError, match="text has no earlier levels"):
        Measurement(COLOUR, "red", earlier=EARLIER)


def test_a_bound_is_signed_with_its_value() -> None:
    run = replace(GENUINE.runs[0], measurements=(Measurement(LENGTH, 1, 0, bound="at_least"),))
    sent = replace(GENUINE, runs=(run,))
    assert b'"bound":"at_least"' in sent.to_bytes()
    assert [found.bound for found in Evidence.from_bytes(Verified(sent.to_bytes())).measurements()] == ["at_least"]


@pytest.mark.parametrize("bound", ['"about"', '"at least"', "7", "null", '""'])
def test_a_bound_of_another_word_is_refused(bound: str) -> None:
    run = replace(GENUINE.runs[0], measurements=(Measurement(LENGTH, 1, 0, bound="at_least"),))
    forged = replace(GENUINE, runs=(run,)).to_bytes().replace(b'"bound":"at_least"', f'"bound":{bound}'.encode())
    with pytest.raises(Refused):
        Evidence.from_bytes(Verified(forged))


def test_the_cause_of_a_value_is_signed_with_it() -> None:
    cause = Cause("line", "the way to your provider's first router varies by 41 ms")
    run = replace(GENUINE.runs[0], measurements=(Measurement(LENGTH, 1, 0, cause=cause),))
    read = Evidence.from_bytes(
        verify(sign(replace(GENUINE, runs=(run,)).to_bytes(), EVIDENCE, DEVICE), EVIDENCE, ENROLLED.get)
    )
    assert [found.cause for found in read.measurements()] == [cause]

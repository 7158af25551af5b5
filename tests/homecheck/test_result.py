"""The collector's signed result: written, read back, and refused where it is anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from homecheck.errors import Refused
from homecheck.evidence import Evidence, ProbeRun
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.result import Request, Result, regions_of, verify_result
from homecheck.signing import RECEIPT, RESULT, RESULT_REQUEST, sign, verify
from tests.credentials import COLLECTOR, FINDINGS, PINNED, RESULT_OF_IT, STRANGER, signed_result
from tests.forgeries import DEVICE, GENUINE, NOON


def test_a_result_is_read_as_it_was_written() -> None:
    assert verify_result(signed_result(), PINNED.get) == RESULT_OF_IT


def test_a_person_may_have_a_long_name_and_a_program_a_long_title() -> None:
    long = replace(RESULT_OF_IT, name="å" * 200, program_title="t" * 3000, number=7)
    assert verify_result(signed_result(long), PINNED.get) == long


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    members = json.loads(RESULT_OF_IT.to_bytes())
    change(members)
    return sign(json.dumps(members).encode(), RESULT, COLLECTOR)


FORGED: dict[str, tuple[bytes, str]] = {
    "by a stranger": (signed_result(key=STRANGER), "unknown-key"),
    "by the device": (signed_result(key=DEVICE), "unknown-key"),
    "a receipt": (sign(RESULT_OF_IT.to_bytes(), RECEIPT, COLLECTOR), "typ"),
    "verdict painted green": (changed(lambda members: members["result"].update(verdict="pass")), "schema"),
    "finding left out": (changed(lambda members: members["result"]["findings"].pop(2)), "schema"),
    "unknown member": (changed(lambda members: members.update(note="x")), "schema"),
    "unknown member of the person": (changed(lambda members: members["person"].update(age=30)), "schema"),
    "unknown version": (changed(lambda members: members.update(v=2)), "schema"),
    "unknown freshness": (changed(lambda members: members.update(freshness="very")), "schema"),
    "unknown region": (changed(lambda members: members["regions"].update(planet="earth")), "schema"),
    "time without zone": (changed(lambda members: members.update(expires_at="2026-11-23T12:00:00")), "schema"),
    "number below zero": (changed(lambda members: members.update(number=-1)), "schema"),
    "no person": (changed(lambda members: members.pop("person")), "schema"),
    "no policy": (changed(lambda members: members["result"].pop("policy")), "schema"),
}


@pytest.mark.parametrize(("envelope", "reason"), FORGED.values(), ids=FORGED)
def test_anything_else_is_no_result(envelope: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        verify_result(envelope, PINNED.get)
    assert refused.value.reason == reason


def evidence_with(*measurements: Measurement) -> Evidence:
    return replace(GENUINE, runs=(ProbeRun("network", "1", NOON, 1.0, measurements),))


NETWORK_REGION, PLACE_REGION = (Quantity.text(name, "told") for name in ("network.region", "place.region"))


def test_regions_are_those_that_the_evidence_names() -> None:
    both = evidence_with(Measurement(NETWORK_REGION, "SE-AB"), Measurement(PLACE_REGION, "SE-C"))
    assert regions_of(both) == {"place.region": "SE-C", "network.region": "SE-AB"}
    assert regions_of(GENUINE) == {}
    failed = Measurement(NETWORK_REGION, failure=Failure("not_offered", "server", "no file", ""))
    assert regions_of(evidence_with(failed)) == {}


@pytest.mark.parametrize("name", ["", "x" * 101, "SE\n", "SE\x1b[2J"])
def test_what_can_be_no_region_does_not_spoil_the_result(name: str) -> None:
    assert regions_of(evidence_with(Measurement(NETWORK_REGION, name))) == {}


REQUEST = Request("https://collector.example", "nonce", "credential", None)


@pytest.mark.parametrize("request_", [REQUEST, replace(REQUEST, asks="result", evidence=FINDINGS.evidence)])
def test_a_request_is_read_as_it_was_written(request_: Request) -> None:
    keys = {DEVICE.public.kid: DEVICE.public}
    assert (
        Request.from_bytes(verify(sign(request_.to_bytes(), RESULT_REQUEST, DEVICE), RESULT_REQUEST, keys.get))
        == request_
    )


@pytest.mark.parametrize(
    "members",
    [{"asks": "everything"}, {"v": 2}, {"more": 1}, {"evidence": 7}, {"nonce": None}, {"aud": "x" * 501}],
    ids=str,
)
def test_any_other_request_is_refused(members: dict[str, Any]) -> None:
    payload = json.dumps({**json.loads(REQUEST.to_bytes()), **members}).encode()
    keys = {DEVICE.public.kid: DEVICE.public}
    with pytest.raises(Refused) as refused:
        Request.from_bytes(verify(sign(payload, RESULT_REQUEST, DEVICE), RESULT_REQUEST, keys.get))
    assert refused.value.reason == "schema"


def test_the_verdict_of_a_result_is_that_of_its_findings() -> None:
    assert isinstance(RESULT_OF_IT, Result)
    assert RESULT_OF_IT.findings.verdict.word == "fail"

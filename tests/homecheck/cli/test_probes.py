"""`homecheck probes`: everything that can be measured, with unit, method, needs, and what it reveals."""

from __future__ import annotations

import json

import pytest

from homecheck.cli import run
from homecheck.measurement import FOR_LISTS
from probes import PROBES


def test_every_probe_and_quantity_is_listed_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probes", "--output", "json"]) == 0
    listed = {probe["name"]: probe for probe in json.loads(capsys.readouterr().out)}
    for probe in (found.for_check(FOR_LISTS) for found in PROBES):
        one = listed[probe.name]
        assert one["reveals"]
        assert one["needs"] == sorted(need.value for need in probe.needs)
        assert [found["name"] for found in one["quantities"]] == [found.name for found in probe.quantities]
        for found in one["quantities"]:
            assert found["method"]
            assert bool(found["unit"]) == (found["kind"] == "number")


def test_every_probe_and_quantity_is_listed_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probes"]) == 0
    out = capsys.readouterr().out
    for probe in (found.for_check(FOR_LISTS) for found in PROBES):
        assert f"{probe.name} (version {probe.version})" in out
        for quantity in probe.quantities:
            assert quantity.name in out


def test_names_of_quantities_are_unique() -> None:
    names = [quantity.name for probe in PROBES for quantity in probe.for_check(FOR_LISTS).quantities]
    assert len(names) == len(set(names))

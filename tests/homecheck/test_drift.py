"""What is another thing than at the first check: headset, line, computer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck import drift
from homecheck.config import Home
from homecheck.drift import Setup, differences, setup_of
from homecheck.errors import ProbeError
from homecheck.evidence import ProbeRun
from homecheck.measurement import Measurement, Quantity

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
FIRST: dict[str, float | str | bool] = {
    "headset.model": "Jabra Link 370",
    "headset.transport": "rf-dongle",
    "link.type": "ethernet",
    "network.region": "SE-AB",
    "host.cpu_cores": 4.0,
    "host.memory": 15.5,
    "host.virtual_machine": False,
}


def changed(**facts: float | str | bool) -> list[str]:
    later = {**FIRST, **{name.replace("_", ".", 1): value for name, value in facts.items()}}
    return [found.words() for found in differences(Setup(NOW, FIRST), Setup(NOW, later))]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, []),
        (
            {"headset_model": "B", "headset_transport": "bluetooth"},
            ["other headset: Jabra Link 370 → B"],
        ),
        ({"headset_transport": "wired"}, ["other headset: rf-dongle → wired"]),
        ({"link_type": "wifi"}, ["other line: connection ethernet → wifi"]),
        ({"network_region": "SE-O"}, ["other region: SE-AB → SE-O"]),
        (
            {"network_region": "ES-M", "link_type": "wifi"},  # who moves has both, and neither hides the other
            ["other line: connection ethernet → wifi", "other region: SE-AB → ES-M"],
        ),
        ({"host_cpu_cores": 8.0}, ["other computer: processor cores 4 → 8"]),
        ({"host_memory": 15.2}, []),  # what a newer kernel keeps for itself
        ({"host_memory": 7.6}, ["other computer: GiB of memory 15.5 → 7.6"]),
        ({"host_virtual_machine": True}, ["other computer: virtual machine no → yes"]),
        ({"host_memory": "much"}, ["other computer: GiB of memory 15.5 → much"]),
    ],
)
def test_each_kind_of_thing_is_told_once(facts: dict[str, float | str | bool], told: list[str]) -> None:
    assert changed(**facts) == told


def test_what_was_not_measured_has_not_changed(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    drift.note(home, ["voice"], Setup(NOW, {"link.type": "ethernet"}))
    (voice,) = drift.note(home, ["voice"], Setup(NOW + timedelta(days=7), {"headset.model": "A"})).values()
    assert voice.differences() == ()
    (voice,) = drift.note(home, ["voice"], Setup(NOW + timedelta(days=14), {"headset.model": "B"})).values()
    assert [found.words() for found in voice.differences()] == ["other headset: A → B"]  # A was the first one known
    assert voice.first.at == NOW


def test_each_program_has_a_first_check_of_its_own_and_leaving_forgets_it(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    drift.note(home, ["voice"], Setup(NOW, {"headset.model": "A"}))
    noted = drift.note(home, ["voice", "chat"], Setup(NOW, {"headset.model": "B"}))
    assert {name: len(one.differences()) for name, one in noted.items()} == {"voice": 1, "chat": 0}
    drift.forget(home, "voice")
    assert list(drift.load(home)) == ["chat"]
    assert len(drift.load(home)["chat"].differences()) == 0


def test_a_setup_has_what_was_measured_and_no_failure() -> None:
    model, memory = Quantity.text("headset.model", "test"), Quantity("host.memory", "GiB", "test")
    noise = Quantity("room.noise", "dBFS(A)", "test")
    found = (
        Measurement.failed(model, ProbeError("no_device", "Plug it in.")),
        Measurement(memory, 15.5, 0.0),
        Measurement(noise, -60.0, 1.0),
    )
    runs = [ProbeRun("x", "1", NOW, 1.0, found)]
    assert setup_of(runs, NOW) == Setup(NOW, {"host.memory": 15.5})


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"v":2,"programs":{}}', b'{"v":1,"programs":{"a":{"first":{},"last":{}}}}', b"\xff\xfe"],
)
def test_a_damaged_file_is_none_and_is_written_anew(tmp_path: Path, content: bytes) -> None:
    home = Home.at(tmp_path)
    home.setups.write_bytes(content)
    assert drift.load(home) == {}
    drift.note(home, ["voice"], Setup(NOW, {"link.type": "wifi"}))
    assert list(drift.load(home)) == ["voice"]

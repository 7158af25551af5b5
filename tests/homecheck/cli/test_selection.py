"""Which probes a check runs: those that measure what is asked for, or what the options name."""

from __future__ import annotations

import pytest

from homecheck.cli.selection import build_probes
from homecheck.errors import SetupError
from homecheck.measurement import CheckSetup
from homecheck.policy import PRESETS, load_policy


def chosen(asked: frozenset[str] | None, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> list[str]:
    return [probe.name for probe in build_probes(CheckSetup(asked=asked), only, skip)]


def of(preset: str) -> frozenset[str]:
    return load_policy(preset).quantities()


def test_what_no_preset_asks_for_is_not_measured() -> None:
    assert chosen(of("chat-only")) == ["host", "security", "link", "network"]
    assert chosen(of("voice-standard")) == ["host", "security", "link", "network", "nat", "headset", "quiet_room"]
    assert {"landline", "callback"} <= set(chosen(of("voice-landline")))
    assert all("path" not in chosen(of(preset)) for preset in PRESETS)


def test_without_a_question_everything_is_measured() -> None:
    assert {"host", "path", "landline", "place"} <= set(chosen(None))


def test_what_helps_with_a_connection_is_looked_at_beside_it_and_can_be_skipped() -> None:
    assert chosen(frozenset({"network.rtt"})) == ["link", "network"]
    assert chosen(frozenset({"network.rtt"}), skip=("link",)) == ["network"]
    assert chosen(frozenset({"room.noise"})) == ["quiet_room"]


def test_a_policy_of_questions_alone_measures_nothing() -> None:
    assert chosen(frozenset({"declaration.door"})) == []


def test_options_that_leave_nothing_are_a_mistake() -> None:
    with pytest.raises(SetupError, match="leave nothing to measure"):
        chosen(of("chat-only"), only=("no-such-probe",))

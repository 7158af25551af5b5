"""What a check keeps of itself: that it was made, and what was plugged in, told when it is another thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from homecheck import drift, rechecks
from homecheck.config import Home
from homecheck.measurement import Measurement, Need, Quantity
from tests.command_line import homecheck
from tests.scripted_collector import ScriptedCollector, problem

MODEL = Quantity.text("headset.model", "test")
POLICY = 'name = "mine"\nversion = "1"\n[[requirement]]\nquantity = "headset.model"\nnone_of = ["Toy"]\n'


@dataclass(frozen=True)
class Plugged:
    """A headset probe that finds one at once."""

    model: str
    name: str = "headset"
    version: str = "1"
    quantities: tuple[Quantity, ...] = (MODEL,)
    needs: ClassVar[frozenset[Need]] = frozenset()
    reveals: str = "Nothing."
    deadline_seconds: float = 5.0

    def run(self) -> Iterator[Measurement]:
        yield Measurement(MODEL, self.model)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def plug_in(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real probe needs a sound card, and a person who reads a sentence.
    monkeypatch.setattr("homecheck.cli.check.build_probes", lambda *_: [Plugged(model)])


def test_another_headset_is_told_at_each_check_and_kept_apart_for_each_program(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in("Jabra", monkeypatch)
    with ScriptedCollector(policy_text=POLICY) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        first = homecheck(home, "check", "--unattended")
        assert "Since your first check" not in first.err
        made = rechecks.load(home).checks["voice"]
        assert (made.verdict, made.delivered) == ("pass", True)
        plug_in("WH\x1b[31m", monkeypatch)
        second = homecheck(home, "check", "--unattended")
    since = (
        f"Since your first check for voice, {drift.load(home)['voice'].first.at:%Y-%m-%d}: other headset: Jabra → WH"
    )
    assert since in " ".join(second.err.split())
    assert "\x1b" not in second.err
    homecheck(home, "leave", "voice", "--yes")
    assert drift.load(home) == {}


@pytest.mark.parametrize("arguments", [("--no-upload",), ("--only", "headset*"), ("--policy", "chat-only")])
def test_a_check_that_was_not_sent_or_is_no_whole_one_does_not_put_off_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    plug_in("Jabra", monkeypatch)
    with ScriptedCollector(policy_text=POLICY) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        assert homecheck(home, "check", "--unattended", *arguments).status in (0, 10, 11)
    assert rechecks.load(home).checks == {}


def test_a_check_that_waits_to_be_sent_counts_as_made_and_not_delivered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in("Jabra", monkeypatch)
    with ScriptedCollector(policy_text=POLICY) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        collector.script("PUT", problem(429, "slow-down", {"Retry-After": "1800"}))
        assert homecheck(home, "check", "--unattended").status == 20
    assert not rechecks.load(home).checks["voice"].delivered
    assert "not delivered yet" in homecheck(home, "status").out


def test_a_disk_that_takes_no_note_costs_no_check(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in("Jabra", monkeypatch)
    with ScriptedCollector(policy_text=POLICY) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        home.setups.mkdir()
        done = homecheck(home, "check", "--unattended")
    assert done.status == 0
    assert "That this check was made could not be kept" in done.err

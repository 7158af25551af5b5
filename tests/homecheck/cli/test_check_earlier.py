"""Levels of earlier checks: kept by every check, judged where the policy asks, sent where the person has agreed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from homecheck import history
from homecheck.config import Home
from homecheck.enrolment import agree, find
from homecheck.evidence import Evidence, ProbeRun
from homecheck.history import Source, load
from homecheck.measurement import Measurement, Need, Quantity
from homecheck.policy import parse_policy
from homecheck.signing import EVIDENCE, verify
from tests.command_line import homecheck
from tests.scripted_collector import ScriptedCollector

DOWNLOAD = Quantity("network.download", "Mbit/s", "test transfer")
FAR_END = "http://127.0.0.1:9"
HERE = Source(FAR_END, "responder")
LIMIT = '[[requirement]]\nquantity = "network.download"\nat_least = 10\n'
LATEST = f'name = "mine"\nversion = "1"\n{LIMIT}'
WORST = f'name = "mine"\nversion = "2"\n{LIMIT}statistic = "worst"\nruns_at_least = 3\n'


@dataclass(frozen=True)
class Measured:
    """A network probe that measures in no time."""

    name: str = "network"
    version: str = "1"
    quantities: tuple[Quantity, ...] = (DOWNLOAD,)
    needs: ClassVar[frozenset[Need]] = frozenset()
    reveals: str = "Nothing."
    deadline_seconds: float = 5.0

    def run(self) -> Iterator[Measurement]:
        yield Measurement(DOWNLOAD, 40.0, 1.0, details={"spent_bytes": 74_300_000})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    # A whole run of the real probe takes half a minute.
    monkeypatch.setattr("homecheck.cli.check.build_probes", lambda *_: [Measured()])
    return Home.at(tmp_path / "home")


@pytest.fixture
def policy_file(tmp_path: Path) -> str:
    (tmp_path / "mine.toml").write_text(WORST)
    return str(tmp_path / "mine.toml")


def remember(home: Home, *earlier: float, source: Source = HERE) -> None:
    """Make it so that checks found these downloads: one a day, the last one yesterday."""
    now = datetime.now(UTC)
    for days, value in enumerate(reversed(earlier), start=1):
        run = ProbeRun("network", "1", now - timedelta(days=days), 30.0, (Measurement(DOWNLOAD, value, 1.0),))
        history.append(home, load(home), [run], source, now)


def check(home: Home, *arguments: str) -> tuple[dict[str, Any], str]:
    done = homecheck(home, "check", "--unattended", "--output", "json", "--responder", FAR_END, *arguments)
    return json.loads(done.out), done.err


def test_each_check_keeps_its_levels(home: Home, policy_file: str) -> None:
    found, _ = check(home, "--policy", policy_file)
    assert found["findings"][0]["explanation"] == "1 of 3 runs in 14 days"
    (kept,) = load(home).runs
    assert (kept.source, kept.levels["network.download"].value) == (HERE, 40.0)


def test_the_worst_of_the_last_days_decides(home: Home, policy_file: str) -> None:
    remember(home, 8.0, 30.0)
    found, _ = check(home, "--policy", policy_file)
    assert found["verdict"] == "fail"
    assert found["findings"][0]["explanation"].startswith("worst of 3 runs in 14 days, ")
    assert [value for _, value, _ in found["measurements"]["network.download"]["earlier"]] == [8.0, 30.0]


def test_checks_against_another_far_end_do_not_count(home: Home, policy_file: str) -> None:
    remember(home, 8.0, 30.0, source=Source("https://other.example", "responder"))
    found, _ = check(home, "--policy", policy_file)
    assert found["findings"][0]["explanation"] == "1 of 3 runs in 14 days"


def test_a_history_that_is_damaged_or_cannot_be_written_does_not_cost_the_check(home: Home, policy_file: str) -> None:
    remember(home, 8.0, 30.0)
    home.history.write_bytes(home.history.read_bytes() + b'{"at": 1')
    found, told = check(home, "--policy", policy_file)
    assert found["verdict"] == "fail"
    assert "left out: 1 damaged line" in told
    home.history.unlink()
    home.history.mkdir()
    found, told = check(home, "--policy", policy_file)
    assert found["verdict"] == "inconclusive"
    assert "history.jsonl" in told


def test_the_report_says_how_much_data_was_used(home: Home, policy_file: str) -> None:
    assert "Used 74 MB of data." in homecheck(home, "check", "--unattended", "--policy", policy_file).out


def test_earlier_levels_are_sent_when_they_are_asked_for_and_the_person_has_agreed(home: Home) -> None:
    with ScriptedCollector(policy_text=LATEST) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        remember(home, 8.0, 30.0)

        def sent() -> list[float]:
            evidence = Evidence.from_bytes(verify(collector.sent("PUT")[-1].body, EVIDENCE, collector.devices.get))
            (measurement,) = evidence.measurements()
            return [level.value for level in measurement.earlier]

        check(home)
        assert sent() == []  # nobody asks for them
        collector.policy = parse_policy(WORST, "test")
        found, told = check(home)
        assert "asks for more than you agreed to: Download speed, of earlier checks too, with their times" in told
        assert sent() == []  # somebody asks, and nobody has agreed
        assert found["findings"][0]["explanation"] == "1 of 3 runs in 14 days"
        agree(find(home, "voice"), home)
        found, _ = check(home)
        assert sent()[:2] == [8.0, 30.0]
        assert found["verdict"] == "fail"

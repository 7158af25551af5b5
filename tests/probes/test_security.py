"""The security probe: each quantity against a known computer, and against this one for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.agent import run_probe
from homecheck.appraisal import appraise
from homecheck.errors import ProbeError
from homecheck.instruments.security.facts import Told, Updates, names, untold
from homecheck.instruments.security.linux import Linux
from homecheck.measurement import CheckSetup, Measurement
from homecheck.policy import load_policy
from probes.security import Security
from tests.live_collector import wait_until
from tests.needs import need
from tests.ui_evidence import evidence_of

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@dataclass
class Computer:
    """A computer whose protection is known; None: it does not tell."""

    guarded: bool | None = True
    newest: Updates = field(default_factory=lambda: Updates(NOW - timedelta(days=9, hours=12), 0.5, "a test"))

    def firewall(self) -> Told:
        if self.guarded is None:
            raise untold("firewall", "a test")
        return Told(self.guarded, "a test", {"products": names(["Guard\0 One", "Guard\0 One", ""])})

    antivirus = firewall
    disk_encrypted = firewall

    def updates(self) -> Updates:
        return self.newest


def measured(computer: Computer) -> dict[str, Measurement]:
    run, _ = run_probe(Security(computer, now=lambda: NOW), lambda: NOW)
    assert {found.quantity for found in run.measurements} == set(Security.quantities)
    return {found.quantity.name.removeprefix("security."): found for found in run.measurements}


def test_a_guarded_computer_comes_out_right() -> None:
    found = measured(Computer())
    assert {name: (one.value, one.uncertainty) for name, one in found.items()} == {
        "firewall": (True, None),
        "antivirus": (True, None),
        "disk_encrypted": (True, None),
        "updates_age": (9.5, 0.5),
    }
    assert found["firewall"].details == {"told_by": "a test", "products": ["Guard One"]}
    assert found["updates_age"].details == {"newest": "2026-11-17", "told_by": "a test"}


def test_what_is_off_is_a_no_and_what_is_not_told_is_a_failure() -> None:
    assert measured(Computer(guarded=False))["firewall"].value is False
    found = measured(Computer(guarded=None))
    assert [found[name].value for name in ("firewall", "antivirus", "disk_encrypted")] == [None] * 3
    assert found["firewall"].failure is not None
    assert (found["firewall"].failure.code, found["firewall"].failure.at_fault) == ("not_told", "device")
    assert found["updates_age"].value == 9.5


def test_a_log_that_begins_later_is_a_bound() -> None:
    old = Updates(NOW - timedelta(days=40), 0.1, "a test", at_least=True)
    assert measured(Computer(newest=old))["updates_age"].bound == "at_least"


def test_an_update_of_today_by_whole_days_is_no_negative_age() -> None:
    today = Updates(NOW + timedelta(hours=6), 0.5, "a test")
    assert measured(Computer(newest=today))["updates_age"].value == 0.0


def test_an_update_of_next_week_is_a_wrong_clock() -> None:
    found = measured(Computer(newest=Updates(NOW + timedelta(days=7), 0.5, "a test")))["updates_age"]
    assert found.failure is not None
    assert (found.failure.code, found.failure.message[:3]) == ("clock", "by ")


def test_names_of_products_are_few_short_and_clean() -> None:
    found = names([f"{number} {'x' * 200}" for number in range(50)])
    assert len(found) == 10
    assert all(isinstance(name, str) and len(name) == 80 for name in found)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks this Linux")
def test_this_linux_tells_each_or_says_why_not() -> None:
    run, _ = run_probe(Security.for_check(CheckSetup()))
    assert len(run.measurements) == len(Security.quantities)
    for found in run.measurements:
        assert found.failure is None or found.failure.code == "not_told", found.failure
        assert json.dumps(dict(found.details))  # goes into evidence as it is


def test_this_machines_rules_in_force_are_seen_when_they_change() -> None:
    """A network namespace of its own gets a firewall with iptables, and the probe sees it come."""
    need(os.geteuid() == 0, "network namespaces need root", "run the tests as root")
    script = (
        "from homecheck.instruments.security.linux import Linux\n"
        "import subprocess\n"
        "subprocess.run(['iptables', '-P', 'INPUT', 'ACCEPT'], check=True)\n"
        "before = Linux().firewall().value\n"
        "subprocess.run(['iptables', '-P', 'INPUT', 'DROP'], check=True)\n"
        "print(before, Linux().firewall().value)\n"
    )
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    need(done.returncode == 0, f"iptables in a namespace: {done.stderr[-200:]}", "apt-get install iptables")
    assert done.stdout.split() == ["False", "True"]


def test_a_virus_scanner_that_starts_is_seen(tmp_path: Path) -> None:
    """A real process by the name of clamd, which sleeps."""
    program = tmp_path / "clamd"
    program.symlink_to("/bin/sleep")
    before = Linux().antivirus()
    running = subprocess.Popen([program, "60"])
    try:
        comm = Path(f"/proc/{running.pid}/comm")
        wait_until(lambda: comm.read_text() == "clamd\n")  # the kernel names it a moment after it tells us
        found = Linux().antivirus()
    finally:
        running.kill()
        running.wait()
    assert found.value is True
    assert "ClamAV" in list(found.details["products"])  # type: ignore[arg-type]  # a list of names
    assert before.value is False or "ClamAV" in list(before.details["products"])  # type: ignore[arg-type]


def test_a_system_that_hides_everything_fails_in_each_part_alone(tmp_path: Path) -> None:
    bare = Linux(run=lambda command: "", root=tmp_path, home="/home/ada")
    run, _ = run_probe(Security(bare))
    assert [found.failure.code for found in run.measurements if found.failure] == ["not_told"] * 4


def test_a_probe_error_keeps_its_own_words() -> None:
    error = untold("firewall", "why")
    assert isinstance(error, ProbeError)
    assert "ask" in error.advice


# One computer after another, by the requirements on security alone of every preset: the verdict that docs and
# decision 84 promise.
WINDOWS = {"firewall": True, "antivirus": True, "updates_age": 12.0}
DEBIAN = {"firewall": None, "antivirus": False, "updates_age": 3.0}
UBUNTU_OFF = {"firewall": False, "antivirus": False, "updates_age": 3.0}
UBUNTU_ON = {"firewall": True, "antivirus": False, "updates_age": 70.0}
EXPECTED = {
    "chat-only": ("pass", "warn", "warn", "warn"),
    "voice-basic": ("pass", "warn", "warn", "warn"),
    "voice-standard": ("pass", "inconclusive", "fail", "warn"),
    "strict-wired": ("pass", "fail", "fail", "fail"),
    "voice-landline": ("pass", "warn", "warn", "warn"),
    "video-agent": ("pass", "inconclusive", "fail", "warn"),
}


@pytest.mark.parametrize("preset", EXPECTED)
@pytest.mark.parametrize("number", range(4))
def test_each_preset_ends_as_documented_on_each_computer(preset: str, number: int) -> None:
    told = (WINDOWS, DEBIAN, UBUNTU_OFF, UBUNTU_ON)[number]
    found = measured(Computer())
    values = [
        Measurement.failed(found[name].quantity, untold("firewall", "a test"))
        if value is None
        else Measurement(found[name].quantity, value, 0.5 if name == "updates_age" else None)
        for name, value in told.items()
    ]
    findings = appraise(evidence_of(*values), load_policy(preset), "sha256:00").findings
    guarded = [finding.verdict for finding in findings if finding.quantity.startswith("security.")]
    assert max(guarded).word == EXPECTED[preset][number]

"""What lies in deploy/ as far as it can be tested without containers and without a running systemd."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from homecheck.cli import homecheck
from tests.needs import need_program

DEPLOY = Path("deploy")
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
WORST_EXPOSURE = 3.0  # of 10, by systemd's own rating; a service without any hardening has 9.6


def check_command(words: list[str]) -> None:
    """Walk our own command line: each word is a command or one of its options."""
    command: click.Command = homecheck
    context = click.Context(homecheck)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    options = {name for one in command.params for name in one.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    words = shlex.split(line)
    if words[0] == "/bin/sh":
        words = shlex.split(words[2].removeprefix("exec "))
    assert words[0] == "/opt/homecheck/bin/homecheck"
    check_command(words[1:])


def test_the_container_starts_a_command_that_there_is() -> None:
    (words,) = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Containerfile").read_text("utf-8"), re.MULTILINE)
    check_command(re.findall(r'"([^"]*)"', words))


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit_and_little_exposure(unit: Path) -> None:
    analyze = need_program("systemd-analyze", package="systemd")
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    ours = [line for line in verified.stderr.splitlines() if unit.name in line or str(unit) in line]
    # The program is not installed in /opt where tests run; anything else is wrong.
    assert [line for line in ours if "/opt/homecheck/bin/homecheck is not executable" not in line] == []
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True, check=False
    )
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", rated.stdout)
    assert float(exposure) <= WORST_EXPOSURE


def test_each_timer_has_its_service() -> None:
    timers = [unit for unit in UNITS if unit.suffix == ".timer"]
    assert {unit.with_suffix(".service").name for unit in timers} == {one.name for one in SERVICES} - {
        "homecheck-collector.service"
    }


def test_no_secret_stands_in_what_is_shipped() -> None:
    assert [line for line in (DEPLOY / "example.env").read_text("utf-8").splitlines() if not line.startswith("#")] == [
        "HOMECHECK_HOST=",
        "HOMECHECK_PASSWORD=",
    ]
    ports = re.findall(r"^    ports: (.*)$", (DEPLOY / "compose.yaml").read_text("utf-8"), re.MULTILINE)
    assert ports == ['["80:80", "443:443"]']  # the proxy's; neither collector nor database is reached past it

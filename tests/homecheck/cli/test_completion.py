"""Shell completion in the shells themselves, with a program called homecheck on their path."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from homecheck.cli import COMMANDS
from homecheck.cli import homecheck as command
from homecheck.config import Home
from tests.command_line import homecheck
from tests.needs import need_program

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A path on which `homecheck` is this tree's."""
    program = tmp_path / "bin" / "homecheck"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {shlex.quote(sys.executable)} -m homecheck "$@"\n'
    )
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}


def printed(environment: dict[str, str], *command: str) -> list[str]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(sys.platform == "win32", reason="these shells are not Windows' own")
def test_bash_completes_commands_and_options(tmp_path: Path, environment: dict[str, str]) -> None:
    need_program("bash", package="bash")
    script = homecheck(Home.at(tmp_path), "completion", "bash").out
    asks = (
        f"{script}\n"
        'COMP_WORDS=(homecheck doc); COMP_CWORD=1; _homecheck_completion homecheck; echo "${COMPREPLY[@]}"\n'
        "COMPREPLY=()\n"
        'COMP_WORDS=(homecheck doctor --c); COMP_CWORD=2; _homecheck_completion homecheck; echo "${COMPREPLY[@]}"\n'
    )
    assert printed(environment, "bash", "-c", asks) == ["doctor", "--collector"]


@pytest.mark.skipif(sys.platform == "win32", reason="these shells are not Windows' own")
def test_fish_completes_commands(tmp_path: Path, environment: dict[str, str]) -> None:
    need_program("fish", package="fish")
    folder = tmp_path / ".config" / "fish" / "completions"
    folder.mkdir(parents=True)
    (folder / "homecheck.fish").write_text(homecheck(Home.at(tmp_path), "completion", "fish").out)
    assert printed(environment, "fish", "-c", "complete -C 'homecheck doc'")[0] == "doctor"


@pytest.mark.skipif(sys.platform == "win32", reason="these shells are not Windows' own")
def test_the_script_for_zsh_is_good_zsh(tmp_path: Path, environment: dict[str, str]) -> None:
    need_program("zsh", package="zsh")
    path = tmp_path / "_homecheck"
    path.write_text(homecheck(Home.at(tmp_path), "completion", "zsh").out)
    assert path.read_text().startswith("#compdef homecheck\n")
    assert printed(environment, "zsh", "-n", str(path)) == []


def test_another_shell_is_wrong_usage(tmp_path: Path) -> None:
    assert homecheck(Home.at(tmp_path), "completion", "cmd").status == 2


def test_the_first_word_is_completed_without_loading_commands(tmp_path: Path) -> None:
    asked = {"_HOMECHECK_COMPLETE": "bash_complete", "COMP_WORDS": "homecheck ", "COMP_CWORD": "1"}
    script = (
        "import sys\n"
        "from homecheck.cli import homecheck\n"
        "try:\n    homecheck(prog_name='homecheck')\n"
        "except SystemExit:\n    pass\n"
        "print(*sorted(name for name in sys.modules if name.startswith('homecheck.cli.')), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **asked},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.removeprefix("plain,") for line in done.stdout.split()] == list(COMMANDS)
    assert done.stderr.split() == ["homecheck.cli.help_texts"]  # which imports none of them


def test_options_of_the_whole_program_are_completed_too() -> None:
    with click.Context(command, info_name="homecheck") as context:
        assert [item.value for item in command.shell_complete(context, "--")] == ["--version", "--help"]

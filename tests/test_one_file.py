"""homecheck as one file, up to PyInstaller: its beginning becomes the child in which sound drivers run.

The file itself is built by tools/packages.py, which takes minutes; here a script stands for its executable.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from homecheck.cli import SERVERS, run
from homecheck.errors import ProbeError
from homecheck.instruments import child

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the script that stands for it is one of a POSIX shell")


@pytest.fixture
def _one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "homecheck"
    begin = f"{shlex.quote(sys.executable)} {shlex.quote(str(ROOT / 'packaging' / 'one_file.py'))}"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {begin} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(sys, "frozen", True, raising=False)


@pytest.mark.usefixtures("_one_file")
def test_its_executable_becomes_the_child_and_answers() -> None:
    assert child.call(len, "abc", deadline_seconds=60) == 3
    with pytest.raises(ProbeError, match="unpack"):
        child.call(os.path.join, 7, deadline_seconds=60, device="unpack")


@pytest.mark.usefixtures("_one_file")
@pytest.mark.parametrize(("before", "after"), [("/own", "/own"), (None, None)])
def test_programs_of_the_system_get_their_own_libraries(before: str | None, after: str | None) -> None:
    bundled = {"LD_LIBRARY_PATH": "/bundled", **({"LD_LIBRARY_PATH_ORIG": before} if before else {})}
    assert child.call(os.getenv, "LD_LIBRARY_PATH", environment=bundled, deadline_seconds=60) == after


@pytest.mark.usefixtures("_one_file")
def test_it_has_no_command_whose_packages_it_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "doctor" in shown
    for name in SERVERS:
        assert f"\n  {name} " not in shown
        assert run([name]) == 2
        assert "No such command" in capsys.readouterr().err

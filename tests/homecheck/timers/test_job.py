"""What a timer starts: this homecheck, whatever it is installed as."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

import homecheck
from homecheck.config import Home
from homecheck.timers.job import job_for, name_for, this_program


def test_the_command_names_this_python_and_this_folder_of_state(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "hö me")
    job = job_for(home, 7)
    assert job.command == (sys.executable, "-P", "-m", "homecheck", "schedule", "run", "--home", str(home.root))
    assert job.minutes == (7, 22, 37, 52)


def test_one_file_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert this_program() == (sys.executable,)


def test_a_zipapp_is_started_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "homecheck.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("homecheck/__init__.py", "")
    monkeypatch.setattr(homecheck, "__file__", str(archive / "homecheck/__init__.py"))
    assert this_program() == (sys.executable, "-P", str(archive))
    monkeypatch.setattr(sys, "argv", [str(archive), "schedule", "install"])
    for root in (tmp_path / ".shiv", tmp_path / "SHIV_ROOT"):
        unpacked = root / "homecheck.pyz_1a2b" / "site-packages" / "homecheck" / "__init__.py"
        monkeypatch.setattr(homecheck, "__file__", str(unpacked))
        assert this_program() == (sys.executable, "-P", str(archive))


def test_each_folder_of_state_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert name_for(Home.default({})) == "homecheck"
    one, other = name_for(Home.at(tmp_path / "a")), name_for(Home.at(tmp_path / "b"))
    assert one != other
    assert one == name_for(Home.at(tmp_path / "a"))

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.durable import write


def test_homecheck_home_names_the_folder(tmp_path: Path) -> None:
    home = Home.default({"HOMECHECK_HOME": str(tmp_path / "ü")})
    assert home.root == tmp_path / "ü"
    folders = (home.keys, home.enrolments, home.spool, home.receipts, home.seq)
    assert [folder.name for folder in folders] == ["keys", "enrolments", "spool", "receipts", "seq"]
    assert {folder.parent for folder in folders} == {tmp_path / "ü"}


def test_an_empty_variable_counts_as_none() -> None:
    home = Home.default({"HOMECHECK_HOME": ""})
    assert home.root.is_absolute()
    assert "homecheck" in home.root.name


def test_a_relative_folder_stays_the_same_when_the_program_changes_its_folder() -> None:
    assert Home.default({"HOMECHECK_HOME": "state"}).root == Path.cwd() / "state"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
def test_what_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "a" / "b")
    write(home.keys / "secret", b"x")
    for folder in (tmp_path / "a", home.root, home.keys):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.keys / "secret").stat().st_mode) == 0o600

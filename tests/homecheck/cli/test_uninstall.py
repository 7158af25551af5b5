from __future__ import annotations

from pathlib import Path

import pytest

from homecheck import durable, spool
from homecheck.cli.uninstall import how_to_remove
from homecheck.config import Home
from homecheck.file_lock import exclusive
from homecheck.removal import own_files
from homecheck.schedule_settings import Settings, load, store
from homecheck.timers.chosen import timer
from homecheck.timers.job import job_for
from tests.command_line import homecheck
from tests.needs import need_program
from tests.scripted_collector import NOW


def test_a_person_is_told_what_is_lost_and_no_is_no(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    spool.put(home, b"one", "voice", NOW)
    before = own_files(home)
    for typed in ("", "n\n"):
        result = homecheck(home, "uninstall", typed=typed)
        assert result.status == 1
        assert "Not sent yet, and never will be: one result" in result.err
        assert "Nothing was changed." in result.err
    assert own_files(home) == before


def test_after_yes_nothing_is_there_and_the_way_of_the_program_is_said(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    spool.put(home, b"one", "voice", NOW)
    (home.root / "audio-devices.toml").write_text("", encoding="utf-8")
    result = homecheck(home, "uninstall", typed="y\n")
    assert result.status == 0
    assert f"Removed from {home.root}: 2 files\n" in result.out
    assert f"left alone, for it is not the agent's: {home.root / 'audio-devices.toml'}" in result.out
    assert "The program itself: " in result.out
    again = homecheck(home, "uninstall")
    assert (again.status, again.out.splitlines()[0]) == (0, "Nothing of homecheck is kept here.")


def test_re_checks_go_with_it(tmp_path: Path) -> None:
    need_program("crontab", package="cron")
    home = Home.at(tmp_path / "home")
    store(home, Settings("cron", 7, NOW))
    cron, job = timer("cron"), job_for(home, 7)
    cron.install(job)
    try:
        result = homecheck(home, "uninstall", "--yes")
        assert (result.status, result.out.splitlines()[0]) == (0, "Re-checks are over: removed from cron.")
        assert not cron.is_installed(job)
        assert not home.root.exists()
    finally:
        cron.remove(job)


def test_beside_the_guide_nothing_goes_and_re_checks_go_on(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    store(home, Settings("cron", 7, NOW))
    spool.put(home, b"one", "voice", NOW)
    before = own_files(home)
    with exclusive(home.lock("ui")):
        result = homecheck(home, "uninstall", "--yes")
    assert (result.status, result.out) == (1, "")
    assert "another homecheck is at work on this computer" in result.err
    assert own_files(home) == before
    assert load(home) is not None


def test_a_timer_that_does_not_answer_keeps_nobody_from_removing_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crontab").write_text("#!/bin/sh\necho 'You (ada) are not allowed to use this program' >&2\nexit 1\n")
    (tmp_path / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    home = Home.at(tmp_path / "home")
    store(home, Settings("cron", 7, NOW))
    durable.write(home.keys / "one.jwk", b"{}")
    removed = homecheck(home, "schedule", "remove")
    assert (removed.status, removed.out) == (1, f"Removed from {home.schedule}.\n")
    assert "crontab -l: You (ada) are not allowed to use this program" in removed.err
    store(home, Settings("cron", 7, NOW))
    result = homecheck(home, "uninstall", "--yes")
    assert result.status == 1
    assert f"Removed from {home.root}: 2 files" in result.out
    assert "crontab -l: You (ada) are not allowed to use this program" in result.err
    assert not home.root.exists()


@pytest.mark.parametrize(
    ("executable", "module", "one_file", "words"),
    [
        ("/home/ada/homecheck", "/tmp/_MEI1/homecheck/__init__.pyc", True, "delete the file /home/ada/homecheck"),
        (
            "/usr/bin/python3",
            "/home/ada/.shiv/homecheck.pyz_1a2b/site-packages/homecheck/__init__.py",
            False,
            "delete homecheck.pyz, the folder /home/ada/.shiv/homecheck.pyz_1a2b, and the file "
            "/home/ada/.shiv/.homecheck.pyz_1a2b_lock",
        ),
        (
            "/usr/bin/python3",
            "/tmp/unpacked/homecheck.pyz_1a2b/site-packages/homecheck/__init__.py",
            False,
            "delete homecheck.pyz, the folder /tmp/unpacked/homecheck.pyz_1a2b, and the file "
            "/tmp/unpacked/.homecheck.pyz_1a2b_lock",
        ),
        (
            "/home/ada/.local/share/pipx/venvs/homecheck/bin/python",
            "/home/ada/.local/share/pipx/venvs/homecheck/lib/python3.11/site-packages/homecheck/__init__.py",
            False,
            "pipx uninstall homecheck",
        ),
        (
            "/home/ada/.local/share/uv/tools/homecheck/bin/python",
            "/home/ada/.local/share/uv/tools/homecheck/lib/python3.11/site-packages/homecheck/__init__.py",
            False,
            "uv tool uninstall homecheck",
        ),
        ("/opt/env/bin/python", "/opt/env/lib/x/homecheck/__init__.py", False,
         "/opt/env/bin/python -m pip uninstall homecheck"),
    ],
    ids=["one file", "zipapp", "zipapp under SHIV_ROOT", "pipx", "uv", "pip"],
)  # fmt: skip
def test_the_program_goes_as_it_came(executable: str, module: str, one_file: bool, words: str) -> None:
    started = "/home/ada/homecheck.pyz" if module.count(".pyz") else "/usr/bin/homecheck"
    assert how_to_remove(Path(executable), Path(module), started, one_file) == words


@pytest.mark.parametrize(
    ("left", "words"),
    [("uv-receipt.toml", "uv tool uninstall homecheck"), ("pipx_metadata.json", "pipx uninstall homecheck")],
)
def test_tools_are_known_wherever_they_keep_their_environments(tmp_path: Path, left: str, words: str) -> None:
    """UV_TOOL_DIR and PIPX_HOME: an environment of uv has no pip that could remove anything."""
    executable = tmp_path / "homecheck" / "bin" / "python"
    executable.parent.mkdir(parents=True)
    (tmp_path / "homecheck" / left).touch()
    assert how_to_remove(executable, Path("/x/homecheck/__init__.py"), "/usr/bin/homecheck", False) == words

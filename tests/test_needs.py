"""A test that cannot run is skipped with the package it needs, and fails under CI."""

from __future__ import annotations

import os

import pytest

from tests.needs import need, need_library, need_program

PROGRAM = "no-such-program-anywhere"


def test_a_missing_program_skips_and_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"'{PROGRAM}' is not installed .*apt-get install some-package"):
        need_program(PROGRAM, package="some-package")


def test_under_ci_a_missing_program_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match=PROGRAM):
        need_program(PROGRAM, package="some-package")
    with pytest.raises(pytest.fail.Exception, match="no-such-library"):
        need_library("no-such-library", package="some-package")
    with pytest.raises(pytest.fail.Exception, match="a second screen"):
        need(False, "a second screen is missing", "plug one in")


def test_what_is_there_is_returned() -> None:
    assert os.access(need_program("sh", package="dash"), os.X_OK)
    need(True, "nothing", "nothing")

"""A Python that is too old, packages that are missing, libraries that do not load."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from homecheck.doctor.installation import (
    examine_installation,
    examine_libraries,
    examine_python,
    is_needed,
    load,
    missing,
)


def test_this_installation_is_complete() -> None:
    assert [one.message for one in examine_installation() if one.state != "ok"] == []


def test_an_old_python_is_said_to_be_too_old() -> None:
    assert examine_python((3, 11)).state == "ok"
    assert examine_python((3, 10)).trouble == "python-too-old"


@pytest.mark.parametrize(
    ("requirement", "wrong"),
    [
        ("click>=8.1", None),
        ("click >= 8", None),
        ("click", None),
        ("click>=900", "click is "),
        ("no-such-package-here>=1", "no-such-package-here is missing"),
        ('no-such-package-here>=1; extra == "collector"', None),
        ("no such package", None),
    ],
)
def test_a_requirement_is_met_or_named(requirement: str, wrong: str | None) -> None:
    found = list(missing([requirement]))
    assert [one.startswith(wrong) for one in found] == [True] if wrong else found == []


@pytest.mark.parametrize(
    ("file", "needed"),
    [
        ("homecheck/cli/doctor.py", True),
        ("homecheck/report/templates/report.html", True),
        ("probes/host.py", True),
        ("homecheck/__pycache__/agent.cpython-311.pyc", False),
        ("../../bin/homecheck", False),
        ("../../share/man/man1/homecheck.1", False),
        ("homecheck-0.1.0.dist-info/RECORD", False),
    ],
)
def test_a_file_that_does_not_run_is_not_missed(file: str, needed: bool) -> None:
    assert is_needed(PurePosixPath(file)) is needed  # a zipapp has no scripts, no manual and no compiled code


def test_a_library_that_is_broken_is_no_crash_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_one.py").write_text("import ctypes\nctypes.string_at(0)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = examine_libraries(("json", "broken_one"))
    assert (found.state, found.trouble) == ("fail", "library-broken")
    assert examine_libraries(("json", "no_such_library")).trouble == "library-broken"


def test_a_library_that_does_not_load_says_why() -> None:
    assert load(("json",)) == ""
    assert load(("json", "no_such_library")) == "no_such_library: No module named 'no_such_library'"

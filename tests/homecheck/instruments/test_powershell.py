"""PowerShell as a process: a program of that name stands in its place, since there is none on Linux."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.powershell import last_line, output_of_script


def powershell(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = folder / "powershell.exe"
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_it_is_started_without_profile_and_without_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    powershell(tmp_path, monkeypatch, 'printf "%s|" "$@"; cat')
    assert output_of_script("'ü'", 20) == "-NoProfile|-NonInteractive|-Command|'ü'|"


def test_a_byte_order_mark_is_left_out_and_a_broken_byte_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    powershell(tmp_path, monkeypatch, r"printf '\357\273\277{\344}'")
    assert output_of_script("x", 20) == "{\ufffd}"


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ("exec sleep 60", "timeout", "did not answer within 0.5 seconds"),
        ("echo 'blocked by group policy' >&2; exit 1", "failed", "ended with status 1: blocked by group policy"),
        ("exit 7", "failed", "ended with status 7: it said nothing"),
    ],
)
def test_the_failure_says_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, code: str, reason: str
) -> None:
    powershell(tmp_path, monkeypatch, body)
    with pytest.raises(ProbeError, match=reason) as failed:
        output_of_script("x", 0.5 if "sleep" in body else 20)
    assert (failed.value.code, failed.value.at_fault) == (f"powershell_{code}", "device")
    assert "blocked" in failed.value.advice


def test_a_computer_without_powershell_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProbeError, match="is not there") as failed:
        output_of_script("x", 20)
    assert failed.value.code == "powershell_blocked"


def test_the_last_line_is_short_and_printable() -> None:
    assert last_line(b"a\r\n  b\xff \r\n\r\n") == "b\ufffd"
    assert len(last_line(b"x" * 5000)) == 200

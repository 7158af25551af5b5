"""A program that is ended, and what it had started ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from homecheck.process_tree import run_tree

STARTS_ANOTHER = 'sleep 600 & echo $! >"$1"'


def test_what_it_says_and_how_it_ended_come_back() -> None:
    script = "import os, sys; print(os.environ['WORD']); print(repr(sys.stdin.read()), file=sys.stderr); sys.exit(11)"
    status, out, complaints = run_tree([sys.executable, "-c", script], {**os.environ, "WORD": "ö"}, 60)
    assert (status, out.decode().strip(), complaints.decode().strip()) == (11, "ö", "''")


@pytest.mark.parametrize("then", ["; wait", ""], ids=["waits for it", "has ended before"])
def test_whatever_it_had_started_ends_with_it(tmp_path: Path, then: str) -> None:
    file = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        run_tree(["/bin/sh", "-c", STARTS_ANOTHER + then, "sh", str(file)], os.environ, 3)
    pid = int(file.read_text())
    end = time.monotonic() + 60
    while not has_ended(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert has_ended(pid)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # whoever inherits it has to bury it
    except psutil.NoSuchProcess:
        return True

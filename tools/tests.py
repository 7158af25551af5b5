"""Run the complete suite in two phases, name all failures at the end, and fail if either phase did.

First, some at a time, the files that share nothing on this machine; then, one after the other, what needs the machine
for itself (tests/alone.py says what that is). Plain `python -m pytest` runs all in turn.

    .venv/bin/python tools/tests.py [options of pytest for both phases]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
AT_ONCE = min((os.cpu_count() or 2) + 1, 8)  # one more than there are processors: most of the time tests wait
# A file is never torn apart: its tests share servers, and may follow one another.
PHASES = {
    "side by side": ("-m", "not alone", "-n", str(AT_ONCE), "--dist", "loadfile"),
    "alone": ("-m", "alone"),
}
NOTHING_CHOSEN = 5  # pytest's exit status when no test was left, as with a path that has tests of one phase alone
TOLD = ("FAILED ", "ERROR ", "SKIPPED ", "REPEATED ")  # the last: tests/again.py


def run(options: Sequence[str]) -> tuple[int, list[str]]:
    """Run pytest, show what it says, and return its exit status and the lines of its summary."""
    summary: list[str] = []
    command = [sys.executable, "-u", "-m", "pytest", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith(TOLD):
                summary.append(line)
    return process.returncode, summary


def main() -> int:
    """Run both phases, whatever becomes of the first, and return the exit status of the first that failed."""
    statuses, told = [], []
    for name, options in PHASES.items():
        print(f"=== Tests that run {name} ===", flush=True)
        began = time.monotonic()
        status, summary = run([*options, *sys.argv[1:]])
        statuses.append(0 if status == NOTHING_CHOSEN else status)
        told.append((name, status, time.monotonic() - began, summary))
    print("=== Both phases ===")
    for name, status, seconds, summary in told:
        print(f"{name}: exit status {status} after {seconds / 60:.1f} minutes")
        print("".join(summary), end="")
    return next(filter(None, statuses), 0)


if __name__ == "__main__":
    sys.exit(main())

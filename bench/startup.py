"""CPU seconds that `homecheck --version` takes, beside a bare Python in the same run. The limit is 0.15 s.

.venv/bin/python bench/startup.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

RUNS = 15
LIMIT_S = 0.15


def cpu_seconds(*arguments: str) -> float:
    """Return the median user + system seconds of a command."""
    seconds = []
    for _ in range(RUNS):
        child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0
        seconds.append(usage.ru_utime + usage.ru_stime)
    return statistics.median(seconds)


if __name__ == "__main__":
    bare, click, version = (
        cpu_seconds("-c", "pass"),
        cpu_seconds("-c", "import click"),
        cpu_seconds("-m", "homecheck", "--version"),
    )
    print(f"python {bare:.3f} s, with click {click:.3f} s, homecheck --version {version:.3f} s (limit {LIMIT_S} s)")
    sys.exit(version > LIMIT_S)

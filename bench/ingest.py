"""CPU that a report costs a collector, in units of work measured in the same run, beside the most that it may cost.

.venv/bin/python bench/ingest.py [--database URL] [--reports N] [--most-units X]

Runs `homecheck collector bench` and ends with 1 when a report costs more units (docs/decisions/0055) than it may. CPU
time is counted, never reports a second. On a machine that others use as well the units of one run lie up to a third
apart, so the limits are a third above what was found there (docs/decisions/0110).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MOST_UNITS = {"sqlite": 12.5, "postgresql": 18.0}


def measured(database: str, reports: int) -> dict[str, Any]:
    """Return what the bench found."""
    command = (sys.executable, "-m", "homecheck", "collector", "bench", "--output", "json", "--reports", str(reports))
    found = subprocess.run([*command, "--database", database], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(found.stdout))


def main() -> int:
    """Measure once and compare."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--database", default="")
    asked.add_argument("--reports", type=int, default=2_000)
    asked.add_argument("--most-units", type=float)
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # not in memory: a commit would cost nothing there
        found = measured(chosen.database or f"sqlite:///{folder}/ingest.db", chosen.reports)
    units = found["cpu_us_per_report"] / found["unit_us"]
    most = chosen.most_units or MOST_UNITS[found["engine"]]
    print(
        f"{found['engine']}: {found['cpu_us_per_report']:.0f} us, {units:.1f} units (limit {most:g}) of"
        f" {found['unit_us']:.0f} us; p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms at"
        f" {found['rate']:.0f}/s, {found['fsyncs_per_report']:.2f} fsyncs a report"
    )
    return int(units > most)


if __name__ == "__main__":
    sys.exit(main())

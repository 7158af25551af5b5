"""The program starts quickly because it loads what a command needs, and no more. Seconds are in bench/startup.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "numpy",
    "requests",
    "sounddevice",
    "cryptography",
    "rich",
    "starlette",
    "aiohttp",
    "jinja2",
    "psutil",
    "pytest",
)


def loaded_by(code: str, names: tuple[str, ...] = HEAVY) -> set[str]:
    program = f"import sys\n{code}\nprint(*(name for name in {names!r} if name in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_version_loads_no_heavy_package() -> None:
    assert loaded_by("from homecheck.cli import run; assert run(['--version']) == 0") == set()


def test_the_probe_list_loads_neither_numpy_nor_audio() -> None:
    assert loaded_by("import probes") & {"numpy", "sounddevice", "aiohttp", "starlette"} == set()


def test_deleting_a_month_loads_nothing_that_only_a_collector_needs_that_serves(tmp_path: Path) -> None:
    command = f"['collector', '--database', 'sqlite:///{tmp_path}/x.db', 'purge', '--month', '2020-01']"
    code = f"import homecheck.collector.monthly\nfrom homecheck.cli import run\nassert run({command}) == 1"
    serving = ("homecheck.collector.context", "homecheck.collector.results", "homecheck.appraisal")
    assert loaded_by(code, serving) == set()


def test_python_dash_m_homecheck_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "homecheck", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "homecheck, version 0.1.0\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "homecheck", "chekc"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "chekc" in done.stderr

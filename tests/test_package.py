"""What is installed: the two packages with their data, no tests, and an agent that works without the extras."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTRAS = ("starlette", "uvicorn", "aiohttp", "httptools", "uvloop")

# Stands in the place of every package of the extras, in a process that must do without them.
ABSENT = "raise ModuleNotFoundError('not installed here')\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, tracked)):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(folder.glob("homecheck-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process that has the wheel, and none of the extras."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for extra in EXTRAS:
        (site / f"{extra}.py").write_text(ABSENT, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(site), "HOMECHECK_HOME": str(site / "home"), "SITE": str(site)}


def run(installed: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    # -P: nothing is imported from the current folder, which is no part of the installation.
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        env=installed,
        cwd=installed["SITE"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_the_wheel_holds_every_module_and_data_file_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "homecheck", "probes"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert packed == {name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()}
    assert not any("test" in name for name in packed)


def test_the_installed_program_is_the_one_from_the_wheel(installed: dict[str, str]) -> None:
    done = run(installed, "-c", "import homecheck, probes; print(homecheck.__file__, probes.__file__)")
    assert all(path.startswith(installed["SITE"]) for path in done.stdout.split()), done.stdout + done.stderr


def test_the_agent_checks_without_the_extras(installed: dict[str, str]) -> None:
    done = run(installed, "-m", "homecheck", "check", "--unattended", "--policy", "chat-only", "--output", "json")
    assert '"host.memory"' in done.stdout, done.stderr
    assert done.returncode in (10, 11), done.stderr  # there is no responder: the network is not decided


@pytest.mark.parametrize("command", [("collector", "serve"), ("responder", "serve")])
def test_a_server_without_its_extra_names_the_extra(installed: dict[str, str], command: tuple[str, str]) -> None:
    done = run(installed, "-m", "homecheck", *command, "--port", "0")
    assert done.returncode == 1
    assert "homecheck[collector]" in done.stderr
    assert "Traceback" not in done.stderr

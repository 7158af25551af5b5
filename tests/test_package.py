"""What is installed: the two packages with their data, no tests, and an agent that works without the extras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTRAS = ("aiohttp", "httptools", "uvloop", "alembic", "psycopg")

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
        packed = {name for name in archive.namelist() if ".dist-info/" not in name and ".data/" not in name}
        manual = [name for name in archive.namelist() if ".data/data/share/man/man1/" in name]
    tracked = subprocess.run(
        ["git", "ls-files", "homecheck", "probes"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert packed == {name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()}
    assert len(manual) == len(list((ROOT / "packaging" / "man").glob("*.1")))
    assert not any(part == "tests" or part.startswith("test_") for name in packed for part in name.split("/"))


def test_the_installed_program_is_the_one_from_the_wheel(installed: dict[str, str]) -> None:
    done = run(installed, "-c", "import homecheck, probes; print(homecheck.__file__, probes.__file__)")
    assert all(path.startswith(installed["SITE"]) for path in done.stdout.split()), done.stdout + done.stderr


def test_the_agent_checks_without_the_extras(installed: dict[str, str]) -> None:
    done = run(installed, "-m", "homecheck", "check", "--unattended", "--policy", "chat-only", "--output", "json")
    assert '"host.memory"' in done.stdout, done.stderr
    assert done.returncode in (10, 11), done.stderr  # there is no responder: the network is not decided


@pytest.mark.parametrize("command", [("collector", "serve"), ("responder", "serve"), ("collector", "init")])
def test_a_server_without_its_extra_names_the_extra(installed: dict[str, str], command: tuple[str, str]) -> None:
    done = run(installed, "-m", "homecheck", *command, *(("--port", "0") if "serve" in command else ()))
    assert done.returncode == 1
    assert "homecheck[collector]" in done.stderr
    assert "Traceback" not in done.stderr


@dataclass(frozen=True)
class Environment:
    """An environment of its own with the wheel, put there by pip; the packages that it needs are links to ours."""

    folder: Path

    @property
    def site(self) -> Path:
        """Where packages are."""
        return next(self.folder.glob("lib/python*/site-packages"))

    def pip(self, *arguments: str) -> None:
        """Run pip for it."""
        command = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python"), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, encoding="utf-8", timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def homecheck(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the console script, as somebody who has it on their path."""
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        return subprocess.run(
            [self.folder / "bin" / "homecheck", *arguments],
            env={**environment, "HOMECHECK_HOME": str(self.folder / "home")},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def files(self) -> set[Path]:
        """Return every file in it, without what Python keeps of its own modules."""
        return {path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    made = Environment(folder)
    needed = folder / "needed"
    needed.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "homecheck" not in path.name:  # nor what would lead an interpreter to our source
            (needed / path.name).symlink_to(path)
    (made.site / "needed.pth").write_text(f"{needed}\n", encoding="utf-8")
    return made


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has Scripts and no symbolic links for everybody")
def test_what_pip_installs_runs_finds_itself_complete_and_goes_without_a_trace(wheel: Path, empty: Environment) -> None:
    before = empty.files()
    empty.pip("install", "--no-index", "--no-deps", "--no-compile", str(wheel))

    doctor = empty.homecheck("doctor", "--output", "json")
    found = {one["subject"]: one for one in json.loads(doctor.stdout)["diagnoses"]}
    assert doctor.returncode == 0, found
    assert found["packages"]["message"].startswith("every package that is needed is there")
    assert "files" not in found
    assert '"headset.transport"' in empty.homecheck("probes", "--output", "json").stdout
    assert (empty.folder / "share" / "man" / "man1" / "homecheck-doctor.1").is_file()

    # What an antivirus program or half an update leaves behind.
    (empty.site / "homecheck" / "instruments" / "speedtest_cli.py").unlink()
    (empty.folder / "needed" / "speedtest.py").unlink()
    (link,) = (empty.folder / "needed").glob("speedtest_cli-*")
    link.unlink()
    broken = empty.homecheck("doctor", "--output", "json")
    troubles = {one["trouble"]: one["message"] for one in json.loads(broken.stdout)["diagnoses"] if one["trouble"]}
    assert broken.returncode == 1
    assert troubles["package-missing"] == "speedtest-cli is missing"
    assert str(Path("homecheck", "instruments", "speedtest_cli.py")) in troubles["file-missing"]

    removed = empty.homecheck("uninstall", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not (empty.folder / "home").exists()
    empty.pip("uninstall", "--yes", "homecheck")
    assert not (empty.site / "homecheck").exists()
    assert empty.files() <= before

"""Builds what candidates install: the wheel, homecheck as one file, and a zipapp. Nothing of the project changes.

    python tools/packages.py [wheel] [one-file] [zipapp]        all three without arguments; into dist/

The wheel runs on every system; one file and zipapp on the system, processor and (zipapp) Python that they are made on.
An environment of its own is made in build/packages, so that nothing of yours gets into them. PyInstaller and shiv come
from PyPI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK, DIST = ROOT / "build" / "packages", ROOT / "dist"
PYTHON = WORK / "environment" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
KINDS = ("wheel", "one-file", "zipapp")


def main(wanted: list[str]) -> int:
    """Build the kinds that are wanted, and print where each is and how large."""
    if unknown := sorted(set(wanted) - set(KINDS)):
        print(f"tools/packages.py: {', '.join(unknown)}: not one of {', '.join(KINDS)}", file=sys.stderr)
        return 2
    wheel = build_wheel()
    made = [wheel]
    kinds = wanted or KINDS
    if "one-file" in kinds:
        made.append(build_one_file(wheel))
    if "zipapp" in kinds:
        made.append(build_zipapp(wheel))
    for path in made:
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


def build_wheel() -> Path:
    """Return a new wheel, made from the project's files as they are."""
    shutil.rmtree(WORK, ignore_errors=True)
    DIST.mkdir(exist_ok=True)
    venv.create(WORK / "environment", with_pip=True, clear=True)
    pip("install", "build", "pyinstaller", "shiv")
    for old in DIST.glob("homecheck-*.whl"):
        old.unlink()
    forget_earlier_builds()
    run(PYTHON, "-m", "build", "--wheel", "--outdir", DIST, ROOT)
    forget_earlier_builds()
    return next(DIST.glob("homecheck-*.whl"))


def forget_earlier_builds() -> None:
    """Remove what setuptools leaves beside the source: a module that is gone would come back from there."""
    for path in (*(ROOT / "build").glob("lib*"), *(ROOT / "build").glob("bdist*"), ROOT / "homecheck.egg-info"):
        shutil.rmtree(path, ignore_errors=True)


def build_one_file(wheel: Path) -> Path:
    """Return homecheck as one file for this system, with a Python and all packages in it."""
    pip("install", "--force-reinstall", "--no-deps", wheel)
    pip("install", wheel)
    recipe = ROOT / "packaging" / "homecheck.spec"
    run(PYTHON, "-m", "PyInstaller", "--noconfirm", "--distpath", DIST, "--workpath", WORK / "one-file", recipe)
    return DIST / ("homecheck.exe" if sys.platform == "win32" else "homecheck")


def build_zipapp(wheel: Path) -> Path:
    """Return a zipapp: one file with all packages, for a Python that is there already."""
    made = DIST / "homecheck.pyz"
    run(PYTHON, "-m", "shiv", "--compressed", "--console-script", "homecheck", "--output-file", made, wheel)
    return made


def pip(*arguments: str | Path) -> None:
    """Run pip in the environment of the packages."""
    run(PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def run(*command: str | Path) -> None:
    """Run one step; what it says goes to stderr, for stdout names what was made."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(list(map(str, command)), check=True, cwd=WORK, env=clean, stdout=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

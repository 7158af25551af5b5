"""What a test needs from the machine: skipped loudly on a developer's machine, failed under CI.

Import it as ``from tests.needs import need_program``. A skipped test names the package that is missing; under CI (the
environment variable CI is set) the same test fails, so that nothing is skipped there unseen.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
from typing import NoReturn

import pytest


def need_program(program: str, *, package: str) -> str:
    """Return the path of `program`, or skip the test (fail it under CI) and name the Debian `package` that has it."""
    path = shutil.which(program)
    if path is None:
        missing(f"the program {program!r} is not installed", f"apt-get install {package}")
    return path


def need_library(library: str, *, package: str) -> str:
    """Return the file name of the shared `library`, or skip the test (fail it under CI) and name its `package`."""
    name = ctypes.util.find_library(library)
    if name is None:
        missing(f"the library {library!r} is not installed", f"apt-get install {package}")
    return name


def need(condition: bool, what: str, remedy: str) -> None:
    """Skip the test (fail it under CI) unless `condition` holds; say `what` is missing and its `remedy`."""
    if not condition:
        missing(what, remedy)


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test that is running, or fail it when the environment variable CI is set."""
    text = f"{what} ({remedy})"
    if os.environ.get("CI"):
        pytest.fail(text, pytrace=False)
    pytest.skip(text)

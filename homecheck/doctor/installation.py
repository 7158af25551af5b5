"""This program: the Python that it runs on, the packages that it needs, and whether all of it is still there."""

from __future__ import annotations

import platform
import re
import struct
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module, metadata
from pathlib import Path, PurePosixPath
from typing import Final

from homecheck import __version__
from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.troubles import FILE_MISSING, LIBRARY_BROKEN, PACKAGE_MISSING, PYTHON_TOO_OLD
from homecheck.errors import ProbeError
from homecheck.instruments import child

OLDEST: Final = (3, 11)
NATIVE: Final = ("numpy", "cryptography.hazmat.bindings._rust", "orjson", "pybase64", "psutil")
LOAD_SECONDS: Final = 30.0
# As setup.cfg writes what is needed: a name, and the least version. What only an extra needs has a marker behind it.
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:>=\s*([0-9.]+))?")


def examine_installation() -> Iterator[Diagnosis]:
    """Yield how Python and the packages are."""
    yield examine_python(sys.version_info[:2])
    if getattr(sys, "frozen", False):
        yield ok("packages", "this homecheck is one file, with everything in it")
    else:
        yield from _installed()
    yield examine_libraries()


def examine_python(version: tuple[int, ...]) -> Diagnosis:
    """Return whether this Python is new enough."""
    bits = struct.calcsize("P") * 8
    message = (
        f"homecheck {__version__} on Python {platform.python_version()} ({bits} bit), {platform.system()} "
        f"{platform.release()}"
    )
    return ok("python", message) if version >= OLDEST else found("python", PYTHON_TOO_OLD, message)


def _installed() -> Iterator[Diagnosis]:
    try:
        distribution = metadata.distribution("homecheck")
    except metadata.PackageNotFoundError:
        yield ok("packages", "homecheck runs from its source, not from an installation")
        return
    wrong = list(missing(distribution.requires or ()))
    if wrong:
        yield found("packages", PACKAGE_MISSING, "; ".join(wrong))
    else:
        yield ok("packages", "every package that is needed is there, in a version that will do")
    own = [file for file in distribution.files or () if is_needed(file)]
    gone = [path for file in own if not (path := Path(str(file.locate()))).exists()]
    if gone:
        yield found("files", FILE_MISSING, f"{len(gone)} of homecheck's files are gone, among them {gone[0]}")


def is_needed(file: PurePosixPath) -> bool:
    """Tell whether a file of the wheel is one that runs; scripts, manual and compiled code are not in a zipapp."""
    return file.parts[:1] in (("homecheck",), ("probes",)) and file.suffix != ".pyc"


def missing(requirements: Iterable[str]) -> Iterator[str]:
    """Yield which of the requirements of an installed package are not met, extras apart."""
    for requirement in requirements:
        wanted, _, marker = requirement.partition(";")
        match = _REQUIREMENT.fullmatch(wanted.strip())
        if "extra" in marker or match is None:  # a form that is not ours is pip's business
            continue
        name, least = match.groups()
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} is missing"
            continue
        if least and _numbers(version) < _numbers(least):
            yield f"{name} is {version}, and at least {least} is needed"


def _numbers(version: str) -> tuple[int, ...]:
    """Return the release numbers of a version, without zeros at the end: 2.0rc1 counts as 2 (PEP 440)."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def examine_libraries(names: tuple[str, ...] = NATIVE) -> Diagnosis:
    """Return whether machine code loads; in a process of its own, which a broken library may take down with it."""
    try:
        told = child.call(load, names, deadline_seconds=LOAD_SECONDS, device="Python's packages")
    except ProbeError as error:
        return found("libraries", LIBRARY_BROKEN, error.message)
    return found("libraries", LIBRARY_BROKEN, told) if told else ok("libraries", "everything in machine code loads")


def load(names: tuple[str, ...]) -> str:
    """Return why one of the modules cannot be loaded, empty when all can."""
    for name in names:
        try:
            import_module(name)
        except (ImportError, OSError) as error:
            return f"{name}: {error}"
    return ""

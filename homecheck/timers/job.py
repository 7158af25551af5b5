"""What a timer starts: this homecheck, by its whole path, for one folder of state."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import homecheck
from homecheck.config import Home
from homecheck.errors import SetupError
from homecheck.schedule_settings import QUARTER
from homecheck.shiv import unpacked

NAME: Final = "homecheck"


@dataclass(frozen=True)
class Job:
    """`name` tells the jobs of one person apart; `minute` is the first of the hour, 0 to 14, and then every quarter."""

    name: str
    command: tuple[str, ...]
    minute: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.minute < QUARTER:
            raise ValueError(f"minute {self.minute} is not in the first quarter of an hour")
        for word in self.command:
            if not word.isprintable():
                advice = "Move homecheck, or the folder in HOMECHECK_HOME, to a path without such characters."
                raise SetupError(f"{word!r:.200}: no timer can start a path with unprintable characters", advice)

    @property
    def minutes(self) -> tuple[int, ...]:
        """The four minutes of an hour at which it starts."""
        return tuple(range(self.minute, 60, QUARTER))


def job_for(home: Home, minute: int) -> Job:
    """Return the job for the state in `home`. SetupError for a path that no timer can start."""
    return Job(name_for(home), (*this_program(), "schedule", "run", "--home", str(home.root)), minute)


def name_for(home: Home) -> str:
    """Return the job's name: the same for the usual folder of state, another for each other one."""
    if home == Home.default({}):
        return NAME
    return f"{NAME}-{hashlib.sha256(str(home.root).encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def this_program() -> tuple[str, ...]:
    """Return the command that starts this homecheck: one file, a zipapp, or a package of this Python."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    archive = Path(homecheck.__file__).parents[1]
    if archive.is_file():
        return (sys.executable, "-P", str(archive))
    if unpacked(Path(homecheck.__file__), sys.argv[0]):  # it is started by its own path
        return (sys.executable, "-P", str(Path(sys.argv[0]).resolve()))
    return (_silent(Path(sys.executable)), "-P", "-m", NAME)  # -P: nothing is imported from where the timer starts it


def _silent(python: Path) -> str:
    """Return the Python that opens no window, which is another program on Windows."""
    windowless = python.with_name("pythonw.exe")
    return str(windowless if sys.platform == "win32" and windowless.is_file() else python)

"""Which timer starts re-checks here: the one that the person names, or the one that is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from homecheck.errors import SetupError
from homecheck.timers.cron import Cron
from homecheck.timers.job import Job
from homecheck.timers.launchd import Launchd
from homecheck.timers.systemd import Systemd
from homecheck.timers.task_scheduler import TaskScheduler


class Timer(Protocol):
    """One of the system's ways to start a program regularly."""

    @property
    def name(self) -> str:
        """Its name on the command line."""

    def is_there(self) -> bool:
        """Tell whether it can be used here."""

    def shown(self, job: Job) -> str:
        """Return what `install` writes, for people to read."""

    def is_installed(self, job: Job) -> bool:
        """Tell whether exactly this job is installed."""

    def install(self, job: Job) -> None:
        """Install the job, in place of an earlier one of its name. SetupError."""

    def remove(self, job: Job) -> bool:
        """Remove the job of this name; tell whether there was one. SetupError."""


def timer(name: str) -> Timer:
    """Return the timer of this name, which is one of `NAMES` in homecheck.schedule_settings."""
    timers: tuple[Timer, ...] = (Systemd(), Cron(), Launchd(), TaskScheduler())
    return next(one for one in timers if one.name == name)


def usual(system: str = sys.platform) -> tuple[Timer, ...]:
    """Return the timers that such a system may have, the best first."""
    if system == "win32":
        return (TaskScheduler(),)
    return (Launchd(),) if system == "darwin" else (Systemd(), Cron())


def choose(timers: Sequence[Timer]) -> Timer:
    """Return the first of the timers that is there. SetupError when there is none."""
    for one in timers:
        if one.is_there():
            return one
    names = " and ".join(one.name for one in timers)
    advice = (
        "Sign in at the computer itself and try again, install cron, or let something else run:  homecheck schedule run"
    )
    raise SetupError(f"this computer has no timer that answers (looked for: {names})", advice)

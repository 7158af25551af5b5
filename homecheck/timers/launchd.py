"""launchd (launchd.plist(5), launchctl(1)): an agent of the signed-in user. Written from the manual, never run here.

An agent of the session "Aqua" may be given the microphone; a start that was slept through comes when the Mac wakes.
"""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from homecheck.session_environment import user_number
from homecheck.timers.job import Job
from homecheck.timers.system_program import Run, must, run_program
from homecheck.timers.written import read_text, remove, write_text


def plist_text(job: Job) -> str:
    """Return the agent's property list."""
    agent = {
        "Label": label(job),
        "ProgramArguments": list(job.command),
        "StartCalendarInterval": [{"Minute": minute} for minute in job.minutes],
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Standard",  # a background process is slowed down, which would be measured
    }
    return plistlib.dumps(agent, sort_keys=False).decode("utf-8")


def label(job: Job) -> str:
    """Return the agent's name."""
    return f"org.homecheck.{job.name}"


@dataclass(frozen=True)
class Launchd:
    """The launchd of this user's session."""

    run: Run = run_program
    folder: Callable[[], Path] = lambda: Path("~/Library/LaunchAgents").expanduser()
    uid: Callable[[], int] = user_number
    name: str = "launchd"

    def is_there(self) -> bool:
        """Tell whether this user is signed in at a launchd."""
        return self.run(("launchctl", "print", self._domain()), b"").status == 0

    def shown(self, job: Job) -> str:
        """Return the file that `install` writes."""
        return plist_text(job)

    def is_installed(self, job: Job) -> bool:
        """Tell whether exactly this job is loaded."""
        return read_text(self._file(job)) == plist_text(job) and self._is_loaded(job)

    def install(self, job: Job) -> None:
        """Write the agent and load it. SetupError."""
        write_text(self._file(job), plist_text(job))
        if self._is_loaded(job):
            must(self.run, "launchctl", "bootout", f"{self._domain()}/{label(job)}")
        must(self.run, "launchctl", "bootstrap", self._domain(), str(self._file(job)))

    def remove(self, job: Job) -> bool:
        """Unload the agent and remove its file; tell whether there was one. SetupError."""
        loaded, there = self._is_loaded(job), self._file(job).exists()
        if loaded:
            must(self.run, "launchctl", "bootout", f"{self._domain()}/{label(job)}")
        remove(self._file(job))
        return loaded or there

    def _file(self, job: Job) -> Path:
        return self.folder() / f"{label(job)}.plist"

    def _domain(self) -> str:
        return f"gui/{self.uid()}"

    def _is_loaded(self, job: Job) -> bool:
        return self.run(("launchctl", "print", f"{self._domain()}/{label(job)}"), b"").status == 0

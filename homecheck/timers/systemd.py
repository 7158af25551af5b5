"""systemd user units (systemd.service, systemd.timer and systemd.time in its manual).

A timer of the user's own systemd runs while they are signed in, or always where lingering is on. A start that was
missed meanwhile is made up for at once (``Persistent``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from homecheck.schedule_settings import QUARTER
from homecheck.timers.job import Job
from homecheck.timers.system_program import Run, must, run_program
from homecheck.timers.written import read_text, remove, write_text


def service_text(job: Job) -> str:
    """Return the unit that is started."""
    return (
        "# Written by: homecheck schedule install. Removed by: homecheck schedule remove\n"
        "[Unit]\n"
        "Description=homecheck: re-check this home office when it is time\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"ExecStart=:{' '.join(map(quoted, job.command))}\n"
        "TimeoutStartSec=2h\n"
    )


def timer_text(job: Job) -> str:
    """Return the unit that starts it, every quarter of an hour."""
    return (
        "# Written by: homecheck schedule install. Removed by: homecheck schedule remove\n"
        "[Unit]\n"
        "Description=homecheck: look whether it is time for a re-check\n"
        "\n"
        "[Timer]\n"
        f"OnCalendar=*:{job.minute}/{QUARTER}\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def quoted(word: str) -> str:
    """Return a word of a command line as a unit holds it.

    Percent signs begin specifiers. Dollar signs stay, because the colon before the command turns variables off.
    """
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


@dataclass(frozen=True)
class Systemd:
    """The systemd of this user."""

    run: Run = run_program
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    name: str = "systemd"

    def is_there(self) -> bool:
        """Tell whether this user's systemd answers."""
        return self.run(("systemctl", "--user", "show-environment"), b"").status == 0

    def shown(self, job: Job) -> str:
        """Return the units that `install` writes, each behind its path."""
        return "\n".join(f"# {path}\n{text}" for path, text in self._files(job).items())

    def is_installed(self, job: Job) -> bool:
        """Tell whether exactly this job is installed, and its timer runs."""
        if any(read_text(path) != text for path, text in self._files(job).items()):
            return False
        timer = f"{job.name}.timer"
        return all(
            self.run(("systemctl", "--user", word, timer), b"").status == 0 for word in ("is-enabled", "is-active")
        )

    def install(self, job: Job) -> None:
        """Write the units and start the timer. SetupError."""
        for path, text in self._files(job).items():
            write_text(path, text)
        must(self.run, "systemctl", "--user", "daemon-reload")
        must(self.run, "systemctl", "--user", "enable", f"{job.name}.timer")
        must(self.run, "systemctl", "--user", "restart", f"{job.name}.timer")

    def remove(self, job: Job) -> bool:
        """Stop the timer and remove the units; tell whether there were any. SetupError."""
        units = [path for path in self._files(job) if path.exists()]
        traces = [path for path in self._traces(job) if path.exists() or path.is_symlink()]
        if not units and not traces:
            return False
        if units and self.is_there():
            must(self.run, "systemctl", "--user", "disable", "--now", f"{job.name}.timer")
            must(self.run, "systemctl", "--user", "clean", "--what=state", f"{job.name}.timer")  # when it last ran
        for path in (*units, *traces):  # systemd has removed its own, if it is there
            remove(path)
        units_folder = self._units()
        for folder in (units_folder / "timers.target.wants", units_folder, units_folder.parent):
            with suppress(OSError):  # it holds something else, or is not there
                folder.rmdir()
        if self.is_there():
            must(self.run, "systemctl", "--user", "daemon-reload")
        return True

    def _files(self, job: Job) -> dict[Path, str]:
        folder = self._units()
        return {folder / f"{job.name}.service": service_text(job), folder / f"{job.name}.timer": timer_text(job)}

    def _traces(self, job: Job) -> tuple[Path, ...]:
        """Return what systemd itself makes of the timer: the link that enables it, and when it last ran."""
        base = self.environment.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
        link = self._units() / "timers.target.wants" / f"{job.name}.timer"
        return link, Path(base) / "systemd" / "timers" / f"stamp-{job.name}.timer"

    def _units(self) -> Path:
        """Return where a user's own units are: systemd.unit, "User Unit Search Path"."""
        base = self.environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
        return Path(base) / "systemd" / "user"

"""Linux: what an ordinary user can learn about the computer's protection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homecheck.instruments.host.program import Runner, output_of
from homecheck.instruments.security import linux_agents, linux_disk, linux_firewall, linux_updates
from homecheck.instruments.security.facts import Told, Updates

SECONDS: Final = 15.0


def run_program(command: Sequence[str]) -> str:
    """Return what a program prints; systemctl and rpm say what they know with an exit status of their own."""
    return output_of(command, SECONDS, whatever_its_status=True)


@dataclass(frozen=True)
class Linux:
    """Everything is read below `root`, so that a test can bring a computer of its own."""

    run: Runner = run_program
    root: Path = Path("/")
    home: str | None = None  # the user's folder; None: of whoever runs this

    def firewall(self) -> Told:
        """Return whether what comes in is filtered."""
        return linux_firewall.firewall(self.run, self.root)

    def antivirus(self) -> Told:
        """Return whether a known program against viruses runs."""
        return linux_agents.antivirus(self.root)

    def disk_encrypted(self) -> Told:
        """Return whether system and user's folder lie on encrypted disks."""
        return linux_disk.disk_encrypted(self.run, self.root, self.home or str(Path.home()))

    def updates(self) -> Updates:
        """Return when the newest update was installed."""
        return linux_updates.updates(self.run, self.root)

"""Where homecheck keeps its state: one folder, named by HOMECHECK_HOME or by the system's custom."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

Lock = Literal["check", "spot", "recheck", "ui", "notes"]
LOCKS: Final[tuple[Lock, ...]] = get_args(Lock)


@dataclass(frozen=True)
class Home:
    """The state of one person's homecheck. Every folder is made with mode 0700 when something is first written.

    keys        one record per enrolment's key: the private half, or where it is
    enrolments  one file per program, with everything pinned at enrolment; `begun`, `rotating`: not complete
    spool       evidence that waits for its receipt; `aside` in it: evidence that no collector will ever take
    receipts    evidence that was taken, each beside its receipt
    results     what the collector says of it, signed for third parties
    credentials what can be carried to somebody else, one per program
    seq         the last sequence number used, per key
    logs        the newest checkpoint of each collector's log, per key
    history     levels of earlier runs, one line each
    schedule    how often re-checks are made, and in which hours; `rechecks`: what became of them
    setups      headset, line and computer at each program's first check, and at the last
    sitting     what was measured in the guide and is neither sent nor taken back yet
    <LOCK>.lock held while one is at work: a check, the wait for a spot check, a re-check, the guide; and, for a
                moment, whoever writes `rechecks` or `setups`

    audio-devices.toml in it is IT's: sound devices beside those that are shipped (instruments/audio/knowledge.py).
    """

    root: Path

    @classmethod
    def default(cls, environment: Mapping[str, str] = os.environ) -> Home:
        """Return the folder that HOMECHECK_HOME names, else the one for user data on this system."""
        if named := environment.get("HOMECHECK_HOME"):
            return cls.at(Path(named).expanduser())
        from platformdirs import user_data_path  # here: a service that names its folder does not need it

        return cls.at(user_data_path("homecheck", appauthor=False))

    @classmethod
    def at(cls, root: Path) -> Home:
        """Return the state in the folder `root`, made absolute."""
        return cls(root.absolute())

    @property
    def keys(self) -> Path:
        """Records of private keys: ``<kid>.jwk``."""
        return self.root / "keys"

    @property
    def enrolments(self) -> Path:
        """Enrolments: ``<program>.json``."""
        return self.root / "enrolments"

    @property
    def spool(self) -> Path:
        """Evidence that waits: ``<digest>.jws``."""
        return self.root / "spool"

    @property
    def receipts(self) -> Path:
        """Evidence that was taken, ``<digest>.jws``, and its receipt, ``<digest>.receipt.jws``."""
        return self.root / "receipts"

    @property
    def results(self) -> Path:
        """The newest signed result of each: ``<digest>.jws``."""
        return self.root / "results"

    @property
    def credentials(self) -> Path:
        """Credentials: ``<program>.sd-jwt``."""
        return self.root / "credentials"

    @property
    def seq(self) -> Path:
        """Sequence numbers: ``<kid>``."""
        return self.root / "seq"

    @property
    def logs(self) -> Path:
        """Checkpoints of collectors' logs: ``<kid>.json``."""
        return self.root / "logs"

    @property
    def history(self) -> Path:
        """Levels of earlier runs: one file, a line each."""
        return self.root / "history.jsonl"

    @property
    def schedule(self) -> Path:
        """What the person wants of re-checks: one file."""
        return self.root / "schedule.json"

    @property
    def rechecks(self) -> Path:
        """What became of re-checks: one file."""
        return self.root / "rechecks.json"

    @property
    def setups(self) -> Path:
        """What was plugged in and where, per program: one file."""
        return self.root / "setups.json"

    def lock(self, name: Lock) -> Path:
        """The file by which processes keep out of each other's way; no part of the state."""
        return self.root / f"{name}.lock"

    @property
    def sitting(self) -> Path:
        """A guided check that was not ended: one file."""
        return self.root / "sitting.json"

"""Where homecheck keeps its state: one folder, named by HOMECHECK_HOME or by the system's custom."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The state of one person's homecheck. Every folder is made with mode 0700 when something is first written.

    keys        private keys, one per enrolment
    enrolments  one file per program, with everything pinned at enrolment
    spool       evidence that waits for its receipt; `aside` in it: evidence that no collector will ever take
    receipts    evidence that was taken, each beside its receipt
    seq         the last sequence number used, per key
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
        """Private keys: ``<kid>.jwk``."""
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
    def seq(self) -> Path:
        """Sequence numbers: ``<kid>``."""
        return self.root / "seq"

"""How the computer is guarded: firewall, virus protection, disk encryption, and when it was last updated."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from homecheck.clock import utc_now
from homecheck.errors import ProbeError
from homecheck.instruments.attempt import attempt
from homecheck.instruments.security.facts import Security as System
from homecheck.instruments.security.facts import Told, Updates
from homecheck.instruments.security.linux import Linux
from homecheck.instruments.security.macos import MacOS
from homecheck.instruments.security.windows import Windows
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Quantity, clean_text

FIREWALL: Final = Quantity.yes_no("security.firewall", "the operating system's own statement, or its rules")
ANTIVIRUS: Final = Quantity.yes_no("security.antivirus", "the operating system's own statement, or known programs")
DISK_ENCRYPTED: Final = Quantity.yes_no(
    "security.disk_encrypted", "disks of the system and the user's folder: BitLocker, FileVault, dm-crypt"
)
UPDATES_AGE: Final = Quantity("security.updates_age", "days", "days since the newest update was installed")
DAY: Final = 86_400.0  # seconds
CLOCK_SLACK: Final = 1.0  # days that a clock may have been set back since an update


def this_system() -> System:
    """Return what asks this operating system."""
    if sys.platform == "win32":
        return Windows()
    if sys.platform == "darwin":
        return MacOS()
    return Linux()


@dataclass(frozen=True)
class Security:
    """Asks the operating system as an ordinary user; what it does not tell is a failure of that alone, never a no."""

    system: System | None = None
    now: Callable[[], datetime] = utc_now

    name: ClassVar[str] = "security"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (FIREWALL, ANTIVIRUS, DISK_ENCRYPTED, UPDATES_AGE)
    needs: ClassVar[frozenset[Need]] = frozenset()
    reveals: ClassVar[str] = (
        "Whether firewall, virus protection and disk encryption are on, the names of products that guard this "
        "computer, and how old its newest update is; no list of what is installed."
    )
    deadline_seconds: ClassVar[float] = 120.0

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Security:  # noqa: ARG003 - all are built alike; this one needs nothing
        """Return the probe for one check."""
        return cls()

    def run(self) -> Iterator[Measurement]:
        """Ask for one fact after the other."""
        system = self.system or this_system()
        yield from attempt((FIREWALL,), lambda: _told(FIREWALL, system.firewall()))
        yield from attempt((ANTIVIRUS,), lambda: _told(ANTIVIRUS, system.antivirus()))
        yield from attempt((DISK_ENCRYPTED,), lambda: _told(DISK_ENCRYPTED, system.disk_encrypted()))
        yield from attempt((UPDATES_AGE,), lambda: _age(system.updates(), self.now()))


def _told(quantity: Quantity, told: Told) -> Iterator[Measurement]:
    yield Measurement(quantity, told.value, details={"told_by": clean_text(told.told_by), **told.details})


def _age(updates: Updates, now: datetime) -> Iterator[Measurement]:
    age = (now - updates.newest).total_seconds() / DAY
    if age < -CLOCK_SLACK - updates.half_width_days:
        raise ProbeError(
            "clock",
            "Let the system set date and time by itself, in the settings for date and time.",
            message="by this computer's clock its newest update was installed in the future",
        )
    details: Details = {"newest": updates.newest.date().isoformat(), "told_by": clean_text(updates.told_by)}
    yield Measurement(
        UPDATES_AGE,
        max(0.0, age),
        updates.half_width_days,
        details={**details, **updates.details},
        bound="at_least" if updates.at_least else None,
    )

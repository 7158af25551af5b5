"""The probes: one file each, measuring only. They do not know one another.

Probes shipped here stand in `PROBES`; others arrive through the entry-point group ``homecheck.probes``, whose entries
name a class with the same shape (see docs/adding-a-probe.md).
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final, Protocol

from homecheck.measurement import CheckSetup, Probe
from probes.callback import Callback
from probes.headset import Headset
from probes.host import Host
from probes.landline import Landline
from probes.link import Link
from probes.nat import Nat
from probes.network import Network
from probes.path import Path
from probes.place import Place
from probes.quiet_room import QuietRoom
from probes.reach import Reach
from probes.security import Security


class ProbeClass(Protocol):
    """A class of probes: it builds itself from what the check tells it."""

    def for_check(self, setup: CheckSetup) -> Probe:
        """Return a probe for this check."""


PROBES: Final[tuple[ProbeClass, ...]] = (
    Host, Security, Link, Path, Network, Nat, Reach, Headset, QuietRoom, Landline, Callback, Place,
)  # fmt: skip


def installed() -> tuple[ProbeClass, ...]:
    """Return the probes shipped here and those of other installed packages, in a stable order."""
    others = sorted(entry_points(group="homecheck.probes"), key=lambda entry: entry.name)
    return (*PROBES, *(entry.load() for entry in others))

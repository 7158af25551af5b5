"""What is to be known about a computer's protection, whatever its operating system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

from homecheck.errors import ProbeError
from homecheck.measurement import Details, Json, clean_text

Part = Literal["firewall", "antivirus", "encryption", "updates"]
MOST_NAMES: Final = 10  # products that are named in details


@dataclass(frozen=True)
class Told:
    """A yes or no of the system, the sign that told it, and what else a reader may want to know."""

    value: bool
    told_by: str
    details: Details = field(default_factory=dict)


@dataclass(frozen=True)
class Updates:
    """When the newest update was installed (with a time zone), give or take `half_width_days`.

    `at_least` says that `newest` is only as far back as the system remembers, and no update was installed since.
    """

    newest: datetime
    half_width_days: float
    told_by: str
    at_least: bool = False
    details: Details = field(default_factory=dict)


class Security(Protocol):
    """What one system says. Each raises ProbeError for what it does not tell; nothing untold is ever a "no"."""

    def firewall(self) -> Told:
        """Whether a firewall filters what comes in."""

    def antivirus(self) -> Told:
        """Whether a program against viruses runs."""

    def disk_encrypted(self) -> Told:
        """Whether the disks with the system and the user's folder are encrypted."""

    def updates(self) -> Updates:
        """When the newest update of the system was installed."""


def names(products: Sequence[str]) -> list[Json]:
    """Return the first few names of products, each once, fit to be written down."""
    once = dict.fromkeys(clean_text(name)[:80] for name in products if name)
    return [name for name, _ in zip(once, range(MOST_NAMES), strict=False)]


def untold(what: Part, why: str) -> ProbeError:
    """Return the failure of one part of the protection of which an ordinary user cannot learn anything."""
    return _UNTOLD[what](why)


def _firewall(why: str) -> ProbeError:
    return ProbeError(
        "not_told",
        "Look whether the system's firewall is on, and switch it on if it is not. If it is on, tell the people who "
        "asked for the check: this computer does not say it to ordinary programs.",
        message=f"whether a firewall is on cannot be told: {why}",
    )


def _antivirus(why: str) -> ProbeError:
    return ProbeError(
        "not_told",
        "Look whether the virus protection is on. If it is, tell the people who asked for the check: this computer "
        "does not say it to ordinary programs.",
        message=f"whether virus protection runs cannot be told: {why}",
    )


def _encryption(why: str) -> ProbeError:
    return ProbeError(
        "not_told",
        "Look in the system's settings whether the disk is encrypted. If it is, tell the people who asked for the "
        "check: this computer does not say it to ordinary programs.",
        message=f"whether the disk is encrypted cannot be told: {why}",
    )


def _updates(why: str) -> ProbeError:
    return ProbeError(
        "not_told",
        "Let the system look for updates once. If nothing changes, tell the people who asked for the check: this "
        "computer does not say when it was last updated.",
        message=f"when the system was last updated cannot be told: {why}",
    )


_UNTOLD: Final[Mapping[Part, Callable[[str], ProbeError]]] = {
    "firewall": _firewall,
    "antivirus": _antivirus,
    "encryption": _encryption,
    "updates": _updates,
}

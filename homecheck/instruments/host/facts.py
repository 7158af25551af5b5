"""What is to be known about a computer, whatever its operating system."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from homecheck.errors import ProbeError


@dataclass(frozen=True)
class OperatingSystem:
    """`family` and `version` find the end of support in the table; `end` is what the system says about it itself.

    family is windows, macos, or a Linux distribution's ID; version is a Windows build, a macOS major version or a
    distribution's VERSION_ID; edition is home, enterprise or ltsc on Windows and empty elsewhere.
    """

    family: str
    version: str
    name: str
    edition: str = ""
    end: date | None = None


@dataclass(frozen=True)
class Screen:
    """One screen in use, in its own pixels: what a display scale makes of them is not counted."""

    width_px: int
    height_px: int

    @property
    def pixels(self) -> int:
        """Its area."""
        return self.width_px * self.height_px


@dataclass(frozen=True)
class Clock:
    """A processor's clock in GHz with the half width of its 95 % interval, and who said so."""

    ghz: float
    half_width: float
    told_by: str


@dataclass(frozen=True)
class Machine:
    """Whether this is a virtual machine, and the sign that told."""

    virtual: bool
    told_by: str


# Words in a computer's maker or product name that only virtual machines have (systemd, src/basic/virt.c).
VIRTUAL_WORDS = (
    "kvm", "qemu", "vmware", "virtualbox", "innotek", "xen", "bochs", "parallels", "bhyve", "virtual machine",
    "google compute engine", "amazon ec2", "openstack", "apple virtualization",
)  # fmt: skip


def machine_of_names(maker: str, product: str, told_by: str) -> Machine:
    """Return what maker and product of the board say; a real board has a maker that sells boards."""
    names = f"{maker} {product}".lower()
    return Machine(any(word in names for word in VIRTUAL_WORDS), f"{told_by}: {maker} {product}".strip())


def not_told(what: str, message: str = "") -> ProbeError:
    """Return the failure of something that this system does not say; nobody has to do anything."""
    advice = "Nothing needs to be done: this computer does not say it."
    return ProbeError("not_told", advice, message=message or f"this system does not tell {what}")


def no_screen() -> ProbeError:
    """Return the failure of a computer without a screen, or of a check that runs outside anybody's session."""
    advice = "Connect a screen, sign in at it, and run the check there, not over a remote connection."
    return ProbeError("no_screen", advice, message="no screen is in use, or this session cannot see one")

"""macOS: system_profiler for screens, sysctl for the processor, platform for the version.

Sources: sysctl(3) (kern.hv_vmm_present, hw.cpufrequency_max), the shape of `system_profiler SPDisplaysDataType -json`
on macOS 11 to 26.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from typing import Any, Final

from homecheck.instruments.host.facts import Clock, Machine, OperatingSystem, Screen, no_screen, not_told
from homecheck.instruments.host.program import Runner, output_of

DISPLAYS: Final = ("/usr/sbin/system_profiler", "SPDisplaysDataType", "-json")
MAX_FREQUENCY: Final = ("/usr/sbin/sysctl", "-n", "hw.cpufrequency_max")
IN_HYPERVISOR: Final = ("/usr/sbin/sysctl", "-n", "kern.hv_vmm_present")
SECONDS: Final = 15.0
_SIZE: Final = re.compile(r"(\d+) x (\d+)")


def run_program(command: Sequence[str]) -> str:
    """Return what a program prints; empty when it is not there, fails or hangs."""
    return output_of(command, SECONDS)


def operating_system(version: str | None = None) -> OperatingSystem:
    """Return the version of macOS; up to 10.15 the second number counted, since then the first."""
    version = platform.mac_ver()[0] if version is None else version
    if not version:
        raise not_told("its version")
    parts = version.split(".")
    major = ".".join(parts[:2]) if parts[0] == "10" else parts[0]
    return OperatingSystem("macos", major, f"macOS {version}")


def screens(run: Runner = run_program) -> tuple[Screen, ...]:
    """Return the screens in use. Raises ProbeError ``no_screen`` or ``not_told``."""
    found = parse_displays(run(DISPLAYS))
    if not found:
        raise no_screen()
    return found


def parse_displays(text: str) -> tuple[Screen, ...]:
    """Return the screens that the profiler lists as online, in pixels (not in the points of a Retina display)."""
    try:
        adapters: list[dict[str, Any]] = json.loads(text)["SPDisplaysDataType"]
        displays = [display for adapter in adapters for display in adapter.get("spdisplays_ndrvs", ())]
        online = [display for display in displays if display.get("spdisplays_online", "spdisplays_yes").endswith("yes")]
        sizes = [_SIZE.match(display.get("_spdisplays_pixels") or "") for display in online]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise not_told("its screens", "system_profiler answers in a form that is not known here") from None
    return tuple(Screen(int(size[1]), int(size[2])) for size in sizes if size)


def clock(run: Runner = run_program) -> Clock:
    """Return the highest clock of an Intel processor. Raises ProbeError on Apple silicon, which does not tell."""
    text = run(MAX_FREQUENCY).strip()
    if not text.isdecimal():
        raise not_told("its clock rate", "Apple silicon does not tell its clock rate")
    return Clock(int(text) / 1e9, 0.0005, "hw.cpufrequency_max")


def machine(run: Runner = run_program) -> Machine:
    """Return what the kernel says about a hypervisor below it."""
    text = run(IN_HYPERVISOR).strip()
    if text not in ("0", "1"):
        raise not_told("whether it is a virtual machine")
    return Machine(text == "1", f"kern.hv_vmm_present: {text}")

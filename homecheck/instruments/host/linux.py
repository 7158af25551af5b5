"""Linux: os-release, /proc and sysfs, and two programs that are there on a desktop.

Sources: os-release(5), systemd-detect-virt(1), Documentation/ABI/testing/sysfs-class-drm and -devices-system-cpu,
xrandr(1).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from homecheck.instruments.host.facts import (
    Clock,
    Machine,
    OperatingSystem,
    Screen,
    machine_of_names,
    no_screen,
    not_told,
)
from homecheck.instruments.host.program import Runner, output_of

OS_RELEASE: Final = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
DRM: Final = Path("/sys/class/drm")
CPUFREQ: Final = Path("/sys/devices/system/cpu")
CPUINFO: Final = Path("/proc/cpuinfo")
DMI: Final = Path("/sys/class/dmi/id")
DETECT_VIRT: Final = ("systemd-detect-virt", "--vm")
XRANDR: Final = ("xrandr", "--query")
SECONDS: Final = 5.0


def run_program(command: Sequence[str]) -> str:
    """Return what a program prints; systemd-detect-virt says "none" with an exit status of its own."""
    return output_of(command, SECONDS, whatever_its_status=True)


def operating_system(files: Sequence[Path] = OS_RELEASE) -> OperatingSystem:
    """Return what os-release says. Raises ProbeError when there is none."""
    for file in files:
        if text := read(file):
            return parse_os_release(text)
    raise not_told("which distribution it is", "there is no file /etc/os-release")


def parse_os_release(text: str) -> OperatingSystem:
    """Return the distribution that an os-release text describes; values may be quoted as in a shell."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            fields[name] = unquoted(value)
    family, version = fields.get("ID", "linux"), fields.get("VERSION_ID", "")
    return OperatingSystem(
        family,
        version,
        fields.get("PRETTY_NAME") or f"{fields.get('NAME', 'Linux')} {version}".strip(),
        end=day(fields.get("SUPPORT_END", "")),
    )


def unquoted(value: str) -> str:
    """Return a shell word without its quotes; a broken one stays as it is."""
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value


def day(text: str) -> date | None:
    """Return the date in ISO 8601, or None."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def screens(
    environment: Mapping[str, str] = os.environ, run: Runner = run_program, drm: Path = DRM
) -> tuple[Screen, ...]:
    """Return the screens in use: as X11 drives them, else as the kernel's graphics drivers know them.

    Under Wayland xrandr tells scaled sizes, so there the kernel is asked: the screen's own (preferred) mode.
    Raises ProbeError ``no_screen``.
    """
    asks_x11 = environment.get("DISPLAY") and not environment.get("WAYLAND_DISPLAY")
    found = parse_xrandr(run(XRANDR)) if asks_x11 else ()
    found = found or drm_screens(drm)
    if not found:
        raise no_screen()
    return found


def parse_xrandr(text: str) -> tuple[Screen, ...]:
    """Return the connected outputs that show something: `eDP-1 connected primary 1920x1080+0+0 …`."""
    shown = re.findall(r"^\S+ connected (?:primary )?(\d+)x(\d+)\+\d+\+\d+", text, re.MULTILINE)
    return tuple(Screen(int(width), int(height)) for width, height in shown)


def drm_screens(drm: Path) -> tuple[Screen, ...]:
    """Return the enabled connectors below /sys/class/drm; the first line of `modes` is the preferred one."""
    found = []
    for connector in sorted(drm.glob("card*-*")):
        mode = re.match(r"(\d+)x(\d+)", read(connector / "modes"))
        if read(connector / "status") == "connected" and read(connector / "enabled") == "enabled" and mode:
            found.append(Screen(int(mode[1]), int(mode[2])))
    return tuple(found)


def clock(cpufreq: Path = CPUFREQ, cpuinfo: Path = CPUINFO) -> Clock:
    """Return the highest clock that the frequency driver allows, else the clock that the cores run at just now.

    Raises ProbeError ``not_told`` where neither is said, as on many ARM boards and virtual machines.
    """
    highest = [int(text) for file in cpufreq.glob("cpu*/cpufreq/cpuinfo_max_freq") if (text := read(file)).isdecimal()]
    if highest:
        return Clock(max(highest) / 1e6, 0.0005, "cpuinfo_max_freq, whole MHz")
    running = [float(mhz) for mhz in re.findall(r"^cpu MHz\s*: (\d+(?:\.\d+)?)$", read(cpuinfo), re.MULTILINE)]
    if not running:
        raise not_told("its clock rate")
    spread = (max(running) - min(running)) / 1e3
    return Clock(max(running) / 1e3, max(spread, 0.0005), "fastest core just now, /proc/cpuinfo")


def machine(run: Runner = run_program, dmi: Path = DMI, cpuinfo: Path = CPUINFO) -> Machine:
    """Return what systemd says, else the board's names, else the flag that a hypervisor sets for its guests."""
    word = run(DETECT_VIRT).strip()
    if word and word != "none":
        return Machine(True, f"systemd-detect-virt: {word}")
    if re.search(r"^flags\s*:.*\bhypervisor\b", read(cpuinfo), re.MULTILINE):
        return Machine(True, "processor flag hypervisor")
    if word == "none":
        return Machine(False, "systemd-detect-virt: none")
    maker, product = read(dmi / "sys_vendor"), read(dmi / "product_name")
    if maker or product:
        return machine_of_names(maker, product, "board")
    raise not_told("whether it is a virtual machine")


def read(file: Path) -> str:
    """Return a small file's text without its line end; empty when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""

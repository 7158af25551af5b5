"""Linux: when the newest update was installed, by the log of the package manager.

dpkg and pacman write down every upgrade; first installations of a package, which say nothing about updates, are left
out. rpm keeps one time per package and does not tell the two apart: the packages of the system itself, which nobody
installs by hand, stand for it. A log that holds no upgrade tells how long there has been none at least.

When the system last looked for updates, and how many wait, is read where the system itself keeps it (Ubuntu, Debian's
daily job). apt's dry run would tell it everywhere, for three seconds of a processor that others measure meanwhile.

Sources: dpkg.log as dpkg(1) --log writes it (local time), pacman.log of alpm, rpm(8) --queryformat INSTALLTIME (Unix
seconds), the stamp of apt.systemd.daily, updates-available of update-notifier-common (its first number).
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from homecheck.instruments.host.program import Runner
from homecheck.instruments.security.facts import Updates, untold
from homecheck.measurement import Details, Json

DPKG_LOGS: Final = ("dpkg.log", "dpkg.log.1", *(f"dpkg.log.{number}.gz" for number in range(2, 13)))
PACMAN_LOG: Final = "pacman.log"
SYSTEM_PACKAGES: Final = (
    "glibc", "openssl-libs", "libopenssl3", "systemd", "kernel", "kernel-core", "kernel-default", "rpm", "dnf",
    "zypper",
)  # fmt: skip
RPM: Final = ("rpm", "-q", "--queryformat", r"%{INSTALLTIME}\n", *SYSTEM_PACKAGES)
STAMP: Final = "var/lib/apt/periodic/update-success-stamp"
AVAILABLE: Final = "var/lib/update-notifier/updates-available"
HOUR: Final = 1 / 24  # days: a log in local time does not say which side of a change of clocks it means
MOST_CHARACTERS: Final = 20_000_000  # of one log
_DPKG: Final = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\w+) ", re.MULTILINE)
_PACMAN: Final = re.compile(r"^\[([^\]]+)\] \[ALPM\] (\w+) ", re.MULTILINE)
_COUNT: Final = re.compile(r"^(\d{1,5}) ", re.MULTILINE)

Entry = tuple[datetime, bool]  # when, and whether it was an upgrade


def updates(run: Runner, root: Path) -> Updates:
    """Return when the newest update was installed. Raises ProbeError ``not_told``."""
    for told_by, logs in (("dpkg.log", _dpkg(root)), ("pacman.log", _pacman(root))):
        found = newest(told_by, logs)
        if found is not None:
            return replace(found, details=looked(root)) if told_by == "dpkg.log" else found
    seconds = [int(text) for text in re.findall(r"^\d{9,10}$", run(RPM), re.MULTILINE)]
    if not seconds:
        raise untold("updates", "no log of dpkg, pacman or rpm can be read")
    return Updates(datetime.fromtimestamp(max(seconds), UTC), 0.0, "rpm: newest package of the system itself")


def newest(told_by: str, logs: Iterator[list[Entry]]) -> Updates | None:
    """Return the newest upgrade of logs that come newest first, else since when there has been none at least."""
    oldest: datetime | None = None
    for entries in logs:
        upgrades = [at for at, upgrade in entries if upgrade]
        if upgrades:
            return Updates(max(upgrades), HOUR, f"{told_by}: newest upgrade")
        if entries:
            oldest = min(at for at, _ in entries)
    return None if oldest is None else Updates(oldest, HOUR, f"{told_by}: no upgrade since it begins", at_least=True)


def _dpkg(root: Path) -> Iterator[list[Entry]]:
    for name in DPKG_LOGS:
        text = text_of(root / "var/log" / name)
        yield [(local, action == "upgrade") for at, action in _DPKG.findall(text) if (local := moment(at))]


def _pacman(root: Path) -> Iterator[list[Entry]]:
    text = text_of(root / "var/log" / PACMAN_LOG)
    yield [(local, action == "upgraded") for at, action in _PACMAN.findall(text) if (local := moment(at))]


def moment(text: str) -> datetime | None:
    """Return a moment of a log, in local time unless it says otherwise; None for what is none."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return None


def text_of(file: Path) -> str:
    """Return a log's text, packed or not; empty when it cannot be read."""
    try:
        if file.suffix == ".gz":
            with gzip.open(file, "rt", encoding="utf-8", errors="replace") as packed:
                return packed.read(MOST_CHARACTERS)
        with file.open(encoding="utf-8", errors="replace") as plain:
            return plain.read(MOST_CHARACTERS)
    except (OSError, EOFError, zlib.error):
        return ""


def looked(root: Path) -> Details:
    """Return when the system last looked for updates, and how many wait, as far as it keeps that."""
    details: dict[str, Json] = {}
    with suppress(OSError):
        at = datetime.fromtimestamp((root / STAMP).stat().st_mtime, UTC)
        details["looked"] = at.date().isoformat()
    if waiting := _COUNT.search(text_of(root / AVAILABLE)):
        details["pending"] = int(waiting[1])
    return details

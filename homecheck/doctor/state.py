"""What homecheck keeps on this computer: its folder, the disk below it, and what waits to be sent."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from homecheck import durable, spool
from homecheck.config import Home
from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.troubles import (
    DISK_NEARLY_FULL,
    HOME_NOT_WRITABLE,
    HOME_OPEN,
    NOT_SENT,
    RESULT_DAMAGED,
    SEQUENCE_DAMAGED,
    SET_APART,
    SPOOL_FULL,
)
from homecheck.errors import HomecheckError

MIB: Final = 1 << 20
LITTLE_SPACE: Final = 200 * MIB  # a check keeps less than 1 MiB; what else runs here needs more
PROBE_BYTES: Final = 65_536  # about what one envelope takes
NEARLY_FULL: Final = 0.8  # of what the spool may hold


def examine_home(home: Home) -> Iterator[Diagnosis]:
    """Yield whether the folder can be written and is closed to others; a folder that is not there yet is not made."""
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    message = f"{home.root}" if place == home.root else f"{home.root}, which is not there yet"
    trouble = unwritable(place)
    if trouble:
        yield found("folder", HOME_NOT_WRITABLE, f"{place}: {trouble}")
    else:
        yield ok("folder", message)
    yield _space(place)
    if sys.platform != "win32":  # there an access list keeps the profile folder; its mode bits say nothing
        yield from _open_folders(home)


def unwritable(folder: Path) -> str:
    """Return why no file can be written in `folder`, empty when one can; nothing of it stays."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(os.urandom(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"nothing can be written there: {error.strerror or error}"
    return ""


def _space(place: Path) -> Diagnosis:
    free = shutil.disk_usage(place).free
    text = f"{free / MIB:.0f} MiB are free" if free < 10_000 * MIB else f"{free / MIB / 1024:.0f} GiB are free"
    return ok("disk", text) if free >= LITTLE_SPACE else found("disk", DISK_NEARLY_FULL, f"{place}: only {text[:-9]}")


def _open_folders(home: Home) -> Iterator[Diagnosis]:
    for folder in (home.root, home.keys, home.spool):
        if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            yield found("folder", HOME_OPEN, f"{folder}: others can look into it", f"Run: chmod 700 '{folder}'")
            return  # what lies in an open folder may well be open, too; one word about it is enough


def examine_spool(home: Home, now: datetime) -> Iterator[Diagnosis]:
    """Yield what waits and why, what is damaged, and what was given up."""
    waiting = spool.waiting(home)
    for one in waiting:
        damage = _damage(home, one.digest)
        if damage:
            yield found("results", RESULT_DAMAGED, damage)
    if waiting:
        yield found("results", NOT_SENT, _waiting(waiting, now))
    else:
        yield ok("results", "nothing waits to be sent")
    for given_up in spool.aside(home):
        yield found("results", SET_APART, f"{given_up.digest}: {given_up.reason}")
    if spool.used_bytes(home) > NEARLY_FULL * spool.MAX_BYTES:
        message = f"{spool.used_bytes(home) / MIB:.0f} MiB of at most {spool.MAX_BYTES / MIB:.0f} MiB are used"
        yield found("results", SPOOL_FULL, message)
    yield from _sequences(home)


def _damage(home: Home, digest: str) -> str:
    try:
        spool.read_envelope(home, digest)
    except HomecheckError as error:
        return error.message
    return ""


def _waiting(waiting: tuple[spool.Waiting, ...], now: datetime) -> str:
    days = max(0, (now - waiting[0].since).days)
    since = "since today" if days == 0 else f"the oldest for {days} days"
    last = next((one.notes.error for one in reversed(waiting) if one.notes.error), "")
    count = "one result waits" if len(waiting) == 1 else f"{len(waiting)} results wait"
    return f"{count} to be sent, {since}" + (f"; last error: {last}" if last else "")


def _sequences(home: Home) -> Iterator[Diagnosis]:
    for path in sorted(home.seq.glob("*")) if home.seq.is_dir() else ():
        if path.suffix in (".lock", durable.TEMPORARY) or not path.is_file():
            continue
        try:
            data = durable.read(path) or b""
        except HomecheckError as error:
            yield found("results", SEQUENCE_DAMAGED, error.message, error.advice)
            continue
        if not re.fullmatch(rb"\d{1,15}\n?", data):
            yield found("results", SEQUENCE_DAMAGED, f"{path}: this file is damaged")

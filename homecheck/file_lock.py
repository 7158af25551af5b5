"""One process at a time: a lock on a file that the system releases when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from homecheck.errors import StateError

POLL_SECONDS: Final = 0.02
ADVICE: Final = "Check that the folder belongs to you, and that it is on a disk of this computer."


@contextmanager
def exclusive(path: Path, patience_seconds: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> Iterator[bool]:
    """Hold the lock named `path` inside the block; yields False when another process keeps it for longer than that.

    The folder must be there; StateError when the file cannot be made. Locks of one process exclude one another as well,
    so threads need nothing else.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateError(f"{path}: cannot make this lock: {error.strerror}", ADVICE) from None
    try:
        held = _try(descriptor)
        waited = 0.0
        while not held and waited < patience_seconds:
            sleep(POLL_SECONDS)
            waited += POLL_SECONDS
            held = _try(descriptor)
        yield held
    finally:
        os.close(descriptor)  # which releases it


@contextmanager
def held(path: Path, patience_seconds: float) -> Iterator[None]:
    """Hold the lock named `path` inside the block; StateError when another process keeps it for longer than that."""
    with exclusive(path, patience_seconds) as mine:
        if not mine:
            raise StateError(f"{path}: another homecheck keeps it locked", "Close the other homecheck, then try again.")
        yield


def _try(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # Windows alone has it

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # everybody else has this

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if sys.platform == "win32":
            return False  # LK_NBLCK reports a held lock as EACCES or EDEADLOCK
        raise StateError(f"this file system cannot lock files: {error.strerror}", ADVICE) from None
    return True

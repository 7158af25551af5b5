"""Files that are whole or absent, whatever happens: temporary file, fsync, rename, fsync of the folder.

After `write` has returned, the file survives a crash of the program and, as far as the disk keeps its word, of the
machine. Before, the old content (or nothing) is there; never half of the new.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from homecheck.errors import StateError

TEMPORARY: Final = ".tmp"  # suffix of files that are being written; one that was left behind by a crash is worthless
ADVICE: Final = "Free some disk space, and check that the folder belongs to you; then try again."
FOLDER_ADVICE: Final = "Check who owns the folder: a homecheck that was run with sudo leaves it to the administrator."


def make_folder(path: Path) -> None:
    """Make `path` for its owner alone (mode 0700), with what is missing above it. StateError when that fails."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent)  # step by step: mkdir(parents=True) would open the folders above to others
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(f"{path}: cannot make this folder: {error.strerror}", ADVICE) from None


def write(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data` durably, readable by its owner alone. StateError names the path."""
    make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}{TEMPORARY}")
    try:
        _write_new(temporary, data)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise StateError(f"{path}: cannot write this file: {error.strerror}", ADVICE) from None


def remove(path: Path) -> None:
    """Remove `path` durably, if it is there. StateError names the path."""
    try:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileNotFoundError:
        return  # the folder is gone, and the file with it
    except OSError as error:
        raise StateError(f"{path}: cannot remove this file: {error.strerror}", ADVICE) from None


def read(path: Path) -> bytes | None:
    """Return the content of `path`, None when there is no such file. StateError when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: cannot read this file: {error.strerror}", "Check who owns the file.") from None


def files(folder: Path, suffix: str = "") -> tuple[Path, ...]:
    """Return the files in `folder` whose names end with `suffix`, sorted; none where there is no such folder.

    StateError when it cannot be read: `Path.glob` would say that it is empty, and a program would be left out silently.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(suffix) and entry.is_file()]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StateError(f"{folder}: cannot read this folder: {error.strerror}", FOLDER_ADVICE) from None
    return tuple(folder / name for name in sorted(names))


def _write_new(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    if sys.platform == "win32":
        flags |= os.O_BINARY  # otherwise line feeds become two bytes
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        _sync(file.fileno())


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl  # not on Windows

        with suppress(OSError):  # not every file system offers it
            # fsync on macOS leaves the data in the drive's cache.
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def sync_folder(path: Path) -> None:
    """Have the disk hold the names in a folder."""
    if sys.platform == "win32":
        return  # NTFS keeps names in its journal, and a folder cannot be opened for this
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

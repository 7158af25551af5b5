"""Files that a system's timer reads: whole or absent, and errors that name them."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from homecheck.errors import SetupError

ADVICE: Final = "Check who owns the folder and that its disk can be written; or: homecheck schedule install --with NAME"


def read_text(path: Path) -> str | None:
    """Return the text of a file; None when there is none, or none that this could have written."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def write_text(path: Path, text: str) -> None:
    """Replace a file, for everybody to read as such files are; nothing in it is secret. SetupError names it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise SetupError(f"{path}: cannot write this file: {error.strerror}", ADVICE) from None


def remove(path: Path) -> None:
    """Remove a file if it is there. SetupError names it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(f"{path}: cannot remove this file: {error.strerror}", ADVICE) from None

"""A file that a person asked for by its name and that tells of them: nobody else on the computer can read it."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path`; a new file is readable by its owner alone (mode 0600). OSError.

    It is not replaced by a fresh one as `durable.write` does: a person may name a pipe, a device or a link, and who may
    read a file that is there already is theirs to say.
    """
    with open(path, "wb", opener=_for_owner) as file:
        file.write(data)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

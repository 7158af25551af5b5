"""One at a time on this computer: a check, or a change of keys, which would pull the key away from under a check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from homecheck import durable
from homecheck.config import Home
from homecheck.errors import StateError
from homecheck.file_lock import exclusive


@contextmanager
def alone(home: Home, advice: str) -> Iterator[None]:
    """Keep checks, and changes of keys, from running beside the block; StateError with `advice` when one does."""
    durable.make_folder(home.root)
    with exclusive(home.lock("check")) as held:
        if not held:
            raise StateError("another check is running on this computer", advice)
        yield

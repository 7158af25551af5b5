"""Removing what homecheck has kept on this computer, to the last file that is its own.

Only what `Home` names is removed, for HOMECHECK_HOME may name a folder with other things in it: a collector's database
and keys, the key of a responder, IT's list of sound devices. They stay, and are named.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from homecheck import durable, spool
from homecheck.config import LOCKS, Home
from homecheck.errors import StateError
from homecheck.file_lock import exclusive
from homecheck.key_stores import destroy_key

PATIENCE_SECONDS: Final = 1.0  # for a timer's look that finds nothing to do
RESPONDER_KEY: Final = "responder.jwk"  # of `homecheck responder serve`, made in the same folder


def own_files(home: Home) -> tuple[Path, ...]:
    """Return the files that are homecheck's own, of all that lies in its folder."""
    places = [place for name in vars(Home) if isinstance(place := getattr(home, name), Path)]
    found = [path for place in places for path in _below(place) if path.is_file()]
    return tuple(sorted(path for path in found if path != home.keys / RESPONDER_KEY))


def _below(place: Path) -> Iterator[Path]:
    """Yield what a folder holds; or a file, and what a crash has left of writing it."""
    if place.is_dir():
        yield from place.rglob("*")
        return
    yield place
    if place.parent.is_dir():
        name = re.compile(rf"{re.escape(place.name)}\.[0-9a-f]{{16}}{re.escape(durable.TEMPORARY)}")
        yield from (path for path in place.parent.iterdir() if name.fullmatch(path.name))


def unsent(home: Home) -> int:
    """Return how many results wait that would never be sent."""
    return len(spool.waiting(home))


def remove_everything(home: Home, first: Callable[[], object] = lambda: None) -> tuple[Path, ...]:
    """Remove keys, enrolments, results and levels; return what is left in the folder because it is not ours.

    `first` is called before, once it is certain that nobody else is at work. StateError while another homecheck is, in
    whatever way; or when something cannot be removed.
    """
    if not home.root.is_dir():
        first()
        return ()
    with _alone(home):
        first()
        _remove(home)
    for name in LOCKS:  # not before: Windows removes no file that is open
        durable.remove(home.lock(name))
    left = tuple(sorted(home.root.rglob("*")))
    if not left:
        _remove_folder(home.root)
    return tuple(path for path in left if path.is_file())


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Keep every other homecheck from beginning inside the block; StateError when one is at work."""
    with ExitStack() as locks:
        for name in LOCKS:
            if not locks.enter_context(exclusive(home.lock(name), PATIENCE_SECONDS)):
                advice = "Wait for it to finish, then try again."
                raise StateError("another homecheck is at work on this computer", advice)
        yield


def _remove(home: Home) -> None:
    """Remove keys first: with a keyring, their private halves are elsewhere."""
    for path in own_files(home):
        if path.parent == home.keys and path.suffix == ".jwk":
            destroy_key(path)
    for path in own_files(home):
        durable.remove(path)
    for name in vars(Home):
        place = getattr(home, name)
        if isinstance(place, Path) and place.is_dir() and not any(path.is_file() for path in place.rglob("*")):
            _remove_folder(place)


def _remove_folder(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StateError(f"{folder}: cannot remove this folder: {error.strerror}", durable.ADVICE) from None

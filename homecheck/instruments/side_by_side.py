"""Several waits at the same time, and none longer than it may last.

Looking up a name cannot be called off. Threads that are still at it when the time is over are left behind: they are
daemons, and keep neither the check nor the program waiting.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from homecheck.errors import ProbeError

Result = TypeVar("Result")


def side_by_side(
    works: Mapping[str, Callable[[], Result]], seconds: float, late: Callable[[str], ProbeError]
) -> dict[str, Result | ProbeError]:
    """Return what each work returned, the ProbeError that it raised, or `late` of its name after `seconds`.

    Any other exception of a work is raised here.
    """
    done: queue.Queue[tuple[str, Result | BaseException]] = queue.Queue()

    def run(name: str, work: Callable[[], Result]) -> None:
        try:
            done.put((name, work()))
        except BaseException as error:  # noqa: BLE001 - handed on to who waits, and raised there
            done.put((name, error))

    for name, work in works.items():
        threading.Thread(target=run, args=(name, work), name=name, daemon=True).start()
    found: dict[str, Result | ProbeError] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(works):
        try:
            name, result = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if isinstance(result, BaseException) and not isinstance(result, ProbeError):
            raise result
        found[name] = result
    return {name: found[name] if name in found else late(name) for name in works}

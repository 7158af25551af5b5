"""What runs beside: another homecheck, and the timer that starts checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from homecheck.config import Home
from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.troubles import ANOTHER_RUNS, SCHEDULE_DAMAGED, TIMER_MISSING
from homecheck.errors import StateError
from homecheck.file_lock import exclusive
from homecheck.schedule_settings import load
from homecheck.timers.chosen import timer
from homecheck.timers.job import job_for


def examine_instances(home: Home) -> Iterator[Diagnosis]:
    """Yield whether another homecheck measures or sends; by the locks that it holds, which the system releases."""
    held = [what for path, what in _locks(home) if _is_held(path)]
    if held:
        yield found("other homecheck", ANOTHER_RUNS, f"another homecheck {' and '.join(dict.fromkeys(held))}")
    else:
        yield ok("other homecheck", "none is running on this computer")


def examine_schedule(home: Home) -> Iterator[Diagnosis]:
    """Yield what starts checks by itself, and whether the system still has it."""
    try:
        settings = load(home)
    except StateError as error:
        yield found("schedule", SCHEDULE_DAMAGED, error.message)
        return
    if settings is None:
        yield ok("schedule", "not scheduled: checks run when you start them")
    elif timer(settings.scheduler).is_installed(job_for(home, settings.minute)):
        yield ok("schedule", f"{settings.scheduler} starts re-checks; more about them: homecheck schedule status")
    else:
        yield found("schedule", TIMER_MISSING, f"re-checks are wanted, but {settings.scheduler} does not start them")


def _locks(home: Home) -> Iterator[tuple[Path, str]]:
    yield home.lock("check"), "is measuring"
    yield home.lock("spot"), "waits for the moment of a spot check"
    yield home.lock("ui"), "is open in the browser"
    if home.spool.is_dir():
        for path in sorted(home.spool.glob("*.lock")):
            yield path, "is sending"


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False  # asking would make it
    # A check that begins in these microseconds would find us here and not begin; its next try does.
    with exclusive(path) as free:
        return not free

"""The next round of re-checks: each program's plan, and which programs are checked now.

A plan comes from the settings, the program's policy and what became of its last round (homecheck/schedule decides).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from homecheck.enrolment import Enrolment
from homecheck.rechecks import Rechecks
from homecheck.schedule import Plan, earliest_after, next_due, share_of
from homecheck.schedule_settings import Settings


def plans(settings: Settings, rechecks: Rechecks, enrolments: Iterable[Enrolment], local_zone: str) -> dict[str, Plan]:
    """Return the plan of each program."""
    return {one.program: _plan(settings, rechecks, one, local_zone) for one in enrolments}


def due_now(planned: Mapping[str, Plan], now: datetime) -> tuple[str, ...]:
    """Return the programs to check now: those that are due, and with them those that would be within their hours."""
    ready = {name: plan for name, plan in planned.items() if plan.earliest <= now}
    if not any((moment := next_due(plan, now)) is not None and moment <= now for plan in ready.values()):
        return ()
    return tuple(name for name, plan in ready.items() if all(shift.holds(now) for shift in plan.shifts))


def _plan(settings: Settings, rechecks: Rechecks, enrolment: Enrolment, local_zone: str) -> Plan:
    last = rechecks.last(enrolment.program)
    every = settings.interval(enrolment.policy.recheck_every())
    earliest = earliest_after(last, every) if last else settings.since
    if rechecks.trouble:
        earliest = max(earliest, rechecks.trouble.not_before)
    return Plan(earliest, settings.shifts(enrolment.policy.shift, local_zone), share_of(enrolment.kid))

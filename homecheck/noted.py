"""What is kept of a check beside its evidence: that it was made, and what was plugged in and where.

The command line and the guided page in the browser both come here, so that a check counts wherever it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from homecheck import drift, rechecks
from homecheck.config import Home
from homecheck.evidence import ProbeRun
from homecheck.rechecks import Check, Rechecks
from homecheck.shares import Judged


def note(
    home: Home, runs: Iterable[ProbeRun], finished_at: datetime, judged: Sequence[Judged], *, whole: bool
) -> dict[str, drift.Setups]:
    """Note a check that was sent (or waits to be); return its programs' first setup beside this one. StateError.

    One that is not `whole`, because only some quantities were measured, does not put off the next re-check.
    """
    sent = {found.enrolment.program: found for found in judged if found.enrolment and found.delivery}
    if not sent:
        return {}
    setups = drift.note(home, sent, drift.setup_of(runs, finished_at))
    if whole:
        checks = {name: check for name, found in sent.items() if (check := _check(found, finished_at))}
        rechecks.change(home, lambda kept: _with_checks(kept, checks))
    return setups


def _check(judged: Judged, finished_at: datetime) -> Check | None:
    if judged.delivery is None:
        return None
    return Check(finished_at, judged.verdict.word, judged.delivery.status, judged.evidence.id)


def _with_checks(kept: Rechecks, checks: dict[str, Check]) -> Rechecks:
    for program, check in checks.items():
        kept = kept.with_check(program, check)
    return kept

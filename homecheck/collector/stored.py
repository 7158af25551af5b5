"""What is stored about the person who asks, answered to a device key of theirs that counts, and to nobody else."""

from __future__ import annotations

from typing import Any, Final

from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.store import about_person, evidence, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import Device
from homecheck.standards.rfc_3339 import to_text

VERSION: Final = 1
PAGE: Final = 50  # checks in one answer
END: Final = 1 << 53  # after every place in the log


def document(collector: Collector, db: Connection, device: Device, after: str | None) -> dict[str, Any]:
    """Return one page: everything but checks with the first one, then checks that were received before `after`."""
    who = device.person
    program = programs.get(db, who.program)
    days, before = program.retention_days, _position(db, who.id, after)
    checks = about_person.checks(db, who.id, days, before=before, at_most=PAGE)
    more = checks[-1]["digest"] if len(checks) == PAGE else None
    first = after is None
    return {
        "v": VERSION,
        "issuer": collector.url,
        "as_of": to_text(collector.clock()),
        "program": {"id": program.id, "title": program.title, "purpose": program.purpose, "retention_days": days},
        "person": about_person.person(db, who.id, days),
        "devices": about_person.devices(db, who.id) if first else [],
        "invitations": about_person.invitations(db, who.id) if first else [],
        "calls": about_person.calls(db, who.id, days) if first else [],
        "letters": about_person.letters(db, who.id) if first else [],
        "concerns": about_person.concerns(db, who.id) if first else [],
        "waivers": about_person.waivers(db, who.id) if first else [],
        "events": about_person.events(db, who.id) if first else [],
        "checks": checks,
        "findings": [row for check in checks for row in about_person.findings(db, check)],
        "results": [row for check in checks for row in about_person.results(db, check)],
        "more": more,
    }


def _position(db: Connection, person_id: str, after: str | None) -> int:
    """Return where a page begins; what is somebody else's is not even known to exist."""
    if after is None:
        return END
    found = evidence.find(db, after)
    if found is None or found.person.id != person_id:
        raise Problem("no-result", "no evidence of this person was received under this digest")
    return found.summary.position

"""How one person's home office went from check to check: their latest evidence, read again from the signed bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from homecheck.collector.store import evidence as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import find_device
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.measurement import Measurement
from homecheck.signing import EVIDENCE, PublicKey, verify

LATEST: Final = 30  # checks of a person that are looked back on


@dataclass(frozen=True)
class Step:
    """One check: what it measured, and when it was received."""

    digest: str
    received_at: datetime
    evidence: Evidence

    def measurement(self, quantity: str) -> Measurement | None:
        """Return what was found of one quantity, or None where it was not sent."""
        return next((found for found in self.evidence.measurements() if found.quantity.name == quantity), None)


@dataclass(frozen=True)
class Course:
    """Some checks, oldest first; `damaged` counts those whose stored bytes are not what was signed."""

    steps: tuple[Step, ...]
    damaged: int


def course(db: Connection, person_id: str, *, limit: int, earliest: bool = False) -> Course:
    """Return the last `limit` checks of a person, or the `earliest`."""
    steps, damaged = [], 0

    @cache
    def key(kid: str) -> PublicKey | None:
        device = find_device(db, kid)
        return device.key if device else None

    for one in store.envelopes_of(db, person_id, limit=limit, earliest=earliest):
        try:
            evidence = Evidence.from_bytes(verify(one.envelope, EVIDENCE, key))
        except Refused:
            damaged += 1
        else:
            steps.append(Step(one.digest, one.received_at, evidence))
    return Course(tuple(steps if earliest else reversed(steps)), damaged)

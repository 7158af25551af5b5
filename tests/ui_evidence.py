"""Evidence made of some measurements, for tests of what is shown of it."""

from __future__ import annotations

from datetime import UTC, datetime

from homecheck.evidence import Declaration, Device, Evidence, ProbeRun, Software
from homecheck.measurement import Measurement

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def evidence_of(*measurements: Measurement, answers: tuple[Declaration, ...] = ()) -> Evidence:
    """Return evidence with one run that holds these measurements."""
    return Evidence(
        id="01934f6a-0000-7000-8000-000000000000",
        aud=None,
        iat=int(AT.timestamp()),
        nonce=None,
        seq=1,
        sub=None,
        device=Device("A" * 43, "file"),
        started_at=AT,
        finished_at=AT,
        software=Software("homecheck", "0", "3.11", "Linux"),
        runs=(ProbeRun("made", "1", AT, 1.0, measurements),),
        declarations=answers,
    )

"""``check --output json``: one document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from homecheck.appraisal import AttestationResult
from homecheck.evidence import Evidence, measurement_members


def result_members(evidence: Evidence, result: AttestationResult, uploads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what programs get: every measurement, every finding, and what became of each upload."""
    return {
        "evidence": result.evidence,
        "verdict": result.verdict.word,
        "seconds": round((evidence.finished_at - evidence.started_at).total_seconds(), 1),
        "policy": {"name": result.policy_name, "version": result.policy_version, "digest": result.policy_digest},
        "measurements": {
            measurement.quantity.name: measurement_members(measurement) for measurement in evidence.measurements()
        },
        "findings": [finding.members() for finding in result.findings],
        "uploads": list(uploads),
    }

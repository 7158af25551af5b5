"""What was found about a piece of evidence, in all its findings: they stand in what was signed about it, and nowhere
else.

A report has some twenty findings and most of them are met; their rows were two fifths of what a report cost PostgreSQL
(docs/decisions/0081). Rows are kept of those that are not met, which lists ask for (`store.evidence`).
"""

from __future__ import annotations

from homecheck.appraisal import AttestationResult
from homecheck.collector.store.connection import Connection, one_or_none
from homecheck.collector.store.packing import unpacked
from homecheck.errors import Refused
from homecheck.signing import unverified_payload
from homecheck.strict_json import Record, parse_object


def newest(db: Connection, position: int) -> AttestationResult:
    """Return how the evidence at `position` was judged last: by its newest result, else by its receipt.

    Both are taken as they are stored, as a list's rows are; `verify-log` and the page of the evidence check them.
    Refused where one of them is no such document; LookupError where there is no such evidence.
    """
    row = one_or_none(
        db,
        "SELECT COALESCE((SELECT document FROM result WHERE position = evidence.position ORDER BY number DESC LIMIT 1),"
        " receipt) FROM evidence WHERE position = ?",
        position,
    )
    if row is None:
        raise LookupError(f"there is no evidence at {position}")
    return in_document(unpacked(bytes(row[0])))


def in_document(signed: bytes) -> AttestationResult:
    """Return what a receipt or a result says was found. Refused for anything else."""
    try:
        return AttestationResult.read(Record(parse_object(unverified_payload(signed)), "document").record("result"))
    except ValueError as error:
        raise Refused("schema", f"document: {error}") from None

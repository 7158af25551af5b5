"""Findings that were met have no rows any more: all findings stand in what was signed, receipts and results.

Receipts are compressed from here on, as envelopes are; those that are there stay as they are. PostgreSQL compresses
neither of the two once more: it would find nothing, and take a tenth of a millisecond for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from homecheck.collector.store.evidence import finding_values
from homecheck.collector.store.findings import in_document
from homecheck.collector.store.migrations import before, run
from homecheck.collector.store.months import month_of
from homecheck.collector.store.packing import unpacked
from homecheck.errors import Refused

revision: Final = "0017"
down_revision: Final = before(revision)

AT_ONCE: Final = 1_000  # documents in memory
UNMET: Final = ("fail", "inconclusive")
_DOCUMENTS: Final = """
SELECT position, id, receipt, COALESCE(
    (SELECT document FROM result WHERE result.position = evidence.position ORDER BY number DESC LIMIT 1), receipt
) AS signed FROM evidence WHERE position > :last ORDER BY position LIMIT :most
"""
_COLUMNS: Final = ("quantity", "verdict", "severity", "explanation", "advice", "reason", "at_fault", "trust")
_INSERT: Final = (
    f"INSERT INTO finding (position, ordinal, month, {', '.join(_COLUMNS)})"  # noqa: S608 - the names above
    f" VALUES (:position, :ordinal, :month, {', '.join(f':{name}' for name in _COLUMNS)})"
)


def upgrade() -> None:
    """Remove what is said elsewhere."""
    run("DELETE FROM finding WHERE verdict IN ('pass', 'warn');\n")
    _keep("EXTERNAL")


def downgrade() -> None:
    """Write a row for each finding again, and receipts as they were answered, for a version that looks there."""
    from alembic import op
    from sqlalchemy import text

    db = op.get_bind()
    last = -1
    while rows := db.execute(text(_DOCUMENTS), {"last": last, "most": AT_ONCE}).fetchall():
        if found := [one for row in rows for one in _met(row)]:
            db.execute(text(_INSERT), found)
        answered = [{"position": row.position, "receipt": unpacked(bytes(row.receipt))} for row in rows]
        db.execute(text("UPDATE evidence SET receipt = :receipt WHERE position = :position"), answered)
        last = rows[-1].position
    _keep("EXTENDED")


def _keep(how: str) -> None:
    """Have PostgreSQL keep both documents in a way of its own; the tables of the months follow."""
    from alembic import op

    if op.get_bind().dialect.name == "postgresql":
        for column in ("envelope", "receipt"):
            run(f"ALTER TABLE evidence ALTER COLUMN {column} SET STORAGE {how};\n")


def _met(row: Any) -> Iterator[dict[str, object]]:
    """Yield the findings of one check that have no row; of a document that is damaged there are none."""
    try:
        findings = in_document(unpacked(bytes(row.signed))).findings
    except Refused:
        return
    for ordinal, finding in enumerate(findings):
        if finding.verdict.word not in UNMET:
            values = dict(zip(_COLUMNS, finding_values(finding), strict=True))
            yield {"position": row.position, "ordinal": ordinal, "month": month_of(row.id), **values}

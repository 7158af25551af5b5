"""Evidence of a program by its age: what is too old is found every hour, and must not be looked for row by row."""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0008"
down_revision: Final = before(revision)


def upgrade() -> None:
    """Make the index."""
    run("CREATE INDEX evidence_by_age ON evidence (program, received_at);\n")


def downgrade() -> None:
    """Remove it."""
    run("DROP INDEX evidence_by_age;\n")

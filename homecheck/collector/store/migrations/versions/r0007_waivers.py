"""Approved exceptions, and the text of a policy as it was written, with its comments."""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0007"
down_revision: Final = before(revision)

_ADD: Final = """
CREATE TABLE waiver (
    id             TEXT PRIMARY KEY,
    program        TEXT NOT NULL REFERENCES program (id),
    person         TEXT NOT NULL REFERENCES person (id),
    quantity       TEXT NOT NULL,
    reason         TEXT NOT NULL,
    approved_by    TEXT NOT NULL,
    approved_at    TEXT NOT NULL,
    starts_at      TEXT NOT NULL,
    expires_at     TEXT NOT NULL,  -- it counts before this moment
    revoked_at     TEXT,
    revoked_by     TEXT NOT NULL DEFAULT '',
    revoked_reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX waiver_by_person ON waiver (person, expires_at);
CREATE INDEX waiver_by_program ON waiver (program, id);
ALTER TABLE policy_version ADD COLUMN source TEXT NOT NULL DEFAULT '';
"""

_REMOVE: Final = """
ALTER TABLE policy_version DROP COLUMN source;
DROP TABLE waiver;
"""


def upgrade() -> None:
    """Make the table and the column."""
    run(_ADD)


def downgrade() -> None:
    """Remove them, and with them every exception."""
    run(_REMOVE)

"""Proposed exceptions, programs in which somebody else approves them, and the language of letters."""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0019"
down_revision: Final = before(revision)

_ADD: Final = """
CREATE TABLE proposal (
    id              TEXT PRIMARY KEY,  -- that of the waiver as well, once there is one
    program         TEXT NOT NULL REFERENCES program (id),
    person          TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    quantity        TEXT NOT NULL,
    reason          TEXT NOT NULL,
    proposed_by     TEXT NOT NULL,
    proposed_at     TEXT NOT NULL,
    starts_at       TEXT NOT NULL,
    expires_at      TEXT NOT NULL,
    decision        TEXT NOT NULL DEFAULT '',  -- approved or declined; empty: it waits
    decided_by      TEXT NOT NULL DEFAULT '',
    decided_at      TEXT,
    decision_reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX proposal_by_person ON proposal (person, proposed_at);
CREATE INDEX proposal_by_age ON proposal (proposed_at, id);
CREATE INDEX proposal_by_decision ON proposal (decision, expires_at);
ALTER TABLE program ADD COLUMN four_eyes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE program ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
ALTER TABLE contact ADD COLUMN language TEXT NOT NULL DEFAULT '';
"""

_REMOVE: Final = """
ALTER TABLE contact DROP COLUMN language;
ALTER TABLE program DROP COLUMN language;
ALTER TABLE program DROP COLUMN four_eyes;
DROP TABLE proposal;
"""


def upgrade() -> None:
    """Make the table and the columns."""
    run(_ADD)


def downgrade() -> None:
    """Remove them, and with them every proposal."""
    run(_REMOVE)

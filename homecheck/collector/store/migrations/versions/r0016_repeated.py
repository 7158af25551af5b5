"""Security events that are like many before them are counted: how many of each have not been told yet."""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0016"
down_revision: Final = before(revision)

_ADD: Final = """
CREATE TABLE repeated (
    kind           TEXT NOT NULL,
    about          TEXT NOT NULL,
    actor          TEXT NOT NULL,
    source_address TEXT NOT NULL,     -- of the latest
    program        TEXT,
    person         TEXT REFERENCES person (id) ON DELETE CASCADE,
    number         INTEGER NOT NULL,  -- since it was told last
    first_at       TEXT NOT NULL,     -- of these
    last_at        TEXT NOT NULL,
    period         INTEGER NOT NULL,  -- seconds until it is told again
    due            TEXT NOT NULL,
    PRIMARY KEY (kind, about)
) STRICT;
"""


def upgrade() -> None:
    """Make the table."""
    run(_ADD)


def downgrade() -> None:
    """Remove it, and what was counted and not told."""
    run("DROP TABLE repeated;\n")

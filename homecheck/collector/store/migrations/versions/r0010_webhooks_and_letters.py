"""Webhooks with the messages to them; people's addresses with the letters to them."""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0010"
down_revision: Final = before(revision)

_WEBHOOK: Final = """
CREATE TABLE webhook (
    id         TEXT PRIMARY KEY,
    url        TEXT NOT NULL,
    program    TEXT REFERENCES program (id),  -- NULL: all
    kinds      TEXT NOT NULL,                 -- patterns, parted by spaces
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    generation INTEGER NOT NULL,              -- of its secret, which is not in here
    rotated_at TEXT,
    position   INTEGER NOT NULL,              -- the log was read up to here
    standing   TEXT NOT NULL                  -- on, gone or removed
) STRICT;

CREATE TABLE message (
    id       TEXT PRIMARY KEY,
    webhook  TEXT NOT NULL REFERENCES webhook (id),
    kind     TEXT NOT NULL,
    made_at  TEXT NOT NULL,
    body     BLOB NOT NULL,     -- as it is sent, byte for byte
    attempts INTEGER NOT NULL,
    next_at  TEXT,              -- NULL: it is not tried any more
    state    TEXT NOT NULL,     -- waiting, delivered or given-up
    status   INTEGER,           -- of the last answer
    error    TEXT NOT NULL
) STRICT;
CREATE INDEX message_by_due ON message (webhook, state, next_at);
"""

_MAIL: Final = """
CREATE TABLE contact (
    person   TEXT PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
    address  TEXT NOT NULL,
    timezone TEXT NOT NULL  -- IANA; empty: not known
) STRICT;

CREATE TABLE letter (
    id       TEXT PRIMARY KEY,
    kind     TEXT NOT NULL,     -- invitation or missed
    person   TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    made_at  TEXT NOT NULL,
    made_by  TEXT NOT NULL,
    about    TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at  TEXT,              -- NULL: it is not tried any more
    state    TEXT NOT NULL,     -- waiting, sent, not-needed or given-up
    error    TEXT NOT NULL
) STRICT;
CREATE INDEX letter_by_due ON letter (state, next_at);
CREATE INDEX letter_by_person ON letter (person);
"""

_DROP: Final = """
DROP TABLE letter;
DROP TABLE contact;
DROP TABLE message;
DROP TABLE webhook;
"""


def upgrade() -> None:
    """Make the tables."""
    run(_WEBHOOK + _MAIL)


def downgrade() -> None:
    """Remove them."""
    run(_DROP)

"""The tables of version 5, where Alembic took over: everything of the first versions."""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0005"
down_revision: Final = before(revision)

CALLBACK: Final = """
CREATE TABLE callback (
    id           TEXT PRIMARY KEY,  -- 128 random bits; the code follows from it and a secret that is not in here
    kid          TEXT NOT NULL REFERENCES device (kid),
    program      TEXT NOT NULL REFERENCES program (id),
    person       TEXT NOT NULL REFERENCES person (id),
    nonce        TEXT NOT NULL,     -- the challenge of the check that asked
    phone        TEXT NOT NULL,     -- the number on file when it asked
    requested_at TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    state        TEXT NOT NULL,     -- pending, yes, no or replaced
    answered_at  TEXT,
    UNIQUE (kid, nonce)
) STRICT;
CREATE INDEX callback_by_person ON callback (person, requested_at);
CREATE INDEX callback_by_state ON callback (state, expires_at);
"""

# Results are apart from the evidence: one with the receipt, and another one each time the evidence is judged again.
RESULT: Final = """
CREATE TABLE result (
    position INTEGER NOT NULL REFERENCES evidence (position) ON DELETE CASCADE,
    number   INTEGER NOT NULL,  -- 0: made with the receipt
    made_at  TEXT NOT NULL,
    document BLOB NOT NULL,     -- as signed, byte for byte
    PRIMARY KEY (position, number)
) STRICT;
"""

# Which key took the place of which, and why a key was revoked.
SUCCESSION: Final = """
-- The key that named this one its heir, and when this one named its own. A key has one heir.
ALTER TABLE device ADD COLUMN replaces TEXT REFERENCES device (kid);
ALTER TABLE device ADD COLUMN replaced_at TEXT;
CREATE UNIQUE INDEX device_by_replaces ON device (replaces);
ALTER TABLE device ADD COLUMN revoked_reason TEXT NOT NULL DEFAULT '';
"""

LOG: Final = """
-- The tamper-evident log (RFC 6962): one entry for every receipt and every event.
CREATE TABLE log_entry (
    position INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,    -- receipt, event, or gap: used up before there was a log, and its row is gone
    leaf     BLOB NOT NULL,    -- the leaf's hash
    salt     BLOB              -- NULL: erased, with what the entry was of
) STRICT;

-- Subtrees that are full, above the leaves. They follow from the leaves and are kept so that proofs are quick.
CREATE TABLE log_node (
    level  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hash   BLOB NOT NULL,
    PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_state (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    size     INTEGER NOT NULL,  -- entries: the next free position
    frontier BLOB NOT NULL      -- the full subtrees that they consist of, the largest first
) STRICT;
INSERT INTO log_state VALUES (1, 0, x'');
"""

TABLES: Final = (
    """
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE program (
    id             TEXT PRIMARY KEY,
    title          TEXT NOT NULL,
    purpose        TEXT NOT NULL,
    retention_days INTEGER NOT NULL,
    created_at     TEXT NOT NULL,
    policy         INTEGER NOT NULL  -- the current policy_version.number
) STRICT;

CREATE TABLE policy_version (
    program      TEXT NOT NULL REFERENCES program (id),
    number       INTEGER NOT NULL,
    name         TEXT NOT NULL,
    version      TEXT NOT NULL,
    digest       TEXT NOT NULL,
    members      TEXT NOT NULL,  -- JSON, as in the signed document
    published_at TEXT NOT NULL,
    published_by TEXT NOT NULL,
    PRIMARY KEY (program, number)
) STRICT;

CREATE TABLE responder (
    url      TEXT PRIMARY KEY,
    kid      TEXT NOT NULL,
    jwk      TEXT NOT NULL,
    added_at TEXT NOT NULL
) STRICT;

CREATE TABLE person (
    id         TEXT PRIMARY KEY,  -- opaque, and another one in every program
    program    TEXT NOT NULL REFERENCES program (id),
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL,     -- the name without case, for sorting and searching
    created_at TEXT NOT NULL,
    latest     INTEGER,           -- position of the evidence received last
    phone      TEXT,              -- the number on file, E.164; NULL: none
    UNIQUE (program, name)
) STRICT;

CREATE TABLE invite (
    code_sha256 TEXT PRIMARY KEY,
    program     TEXT NOT NULL REFERENCES program (id),
    person      TEXT NOT NULL REFERENCES person (id),
    created_at  TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    redeemed_at TEXT,
    kid         TEXT               -- of the device that redeemed it
) STRICT;
CREATE INDEX invite_by_person ON invite (person);

CREATE TABLE device (
    kid        TEXT PRIMARY KEY,
    jwk        TEXT NOT NULL,
    program    TEXT NOT NULL REFERENCES program (id),
    person     TEXT NOT NULL REFERENCES person (id),
    software   TEXT NOT NULL,      -- as it says itself
    key_store  TEXT NOT NULL,      -- as it says itself: file, keyring or tpm
    enrolment  BLOB NOT NULL,      -- the signed document, as received
    enrolled_at TEXT NOT NULL,
    source_address TEXT NOT NULL,
    revoked_at TEXT
) STRICT;
CREATE INDEX device_by_person ON device (person);

CREATE TABLE evidence (
    position       INTEGER PRIMARY KEY,  -- in the log
    digest         TEXT NOT NULL UNIQUE,
    id             TEXT NOT NULL UNIQUE,
    kid            TEXT NOT NULL REFERENCES device (kid),
    program        TEXT NOT NULL REFERENCES program (id),
    person         TEXT NOT NULL REFERENCES person (id),
    seq            INTEGER NOT NULL,
    received_at    TEXT NOT NULL,
    iat            INTEGER NOT NULL,  -- Unix seconds by the device's clock
    clock_skew     REAL NOT NULL,     -- received_at - iat in seconds
    finished_at    TEXT NOT NULL,     -- by the device's clock
    freshness      TEXT NOT NULL,
    source_address TEXT NOT NULL,
    policy_digest  TEXT NOT NULL,
    policy_name    TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    verdict        TEXT NOT NULL,
    envelope       BLOB NOT NULL,     -- as received, byte for byte
    receipt        BLOB NOT NULL      -- as answered, byte for byte
) STRICT;
CREATE INDEX evidence_by_person ON evidence (person, position);
CREATE INDEX evidence_by_seq ON evidence (kid, seq);

CREATE TABLE finding (
    position    INTEGER NOT NULL REFERENCES evidence (position) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    quantity    TEXT NOT NULL,
    verdict     TEXT NOT NULL,
    severity    TEXT NOT NULL,
    explanation TEXT NOT NULL,
    advice      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at_fault    TEXT,
    trust       TEXT NOT NULL,
    PRIMARY KEY (position, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE observation (
    position  INTEGER NOT NULL REFERENCES evidence (position) ON DELETE CASCADE,
    ordinal   INTEGER NOT NULL,
    responder TEXT,               -- whose key verified it; NULL: nobody's
    defect    TEXT NOT NULL,      -- why it was not verified, or is not of this check; empty: nothing is wrong with it
    PRIMARY KEY (position, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE "user" (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE sign_in_link (
    token_sha256 TEXT PRIMARY KEY,
    "user"       TEXT NOT NULL REFERENCES "user" (name) ON DELETE CASCADE,
    expires_at   TEXT NOT NULL
) STRICT;

CREATE TABLE session (
    token_sha256 TEXT PRIMARY KEY,
    "user"       TEXT NOT NULL REFERENCES "user" (name) ON DELETE CASCADE,
    expires_at   TEXT NOT NULL
) STRICT;

CREATE TABLE event (
    id             INTEGER PRIMARY KEY,
    at             TEXT NOT NULL,
    kind           TEXT NOT NULL,
    security       INTEGER NOT NULL,  -- 1: looks like an attack or a copied key; 0: an administrator's doing
    actor          TEXT NOT NULL,     -- a user, the operator at the command line, or a device key
    source_address TEXT NOT NULL,
    program        TEXT,
    person         TEXT,
    about          TEXT NOT NULL,     -- what it is about: a digest, a kid, a name
    detail         TEXT NOT NULL,
    position       INTEGER            -- in the log; always there
) STRICT;
CREATE INDEX event_by_person ON event (person);
CREATE INDEX event_by_about ON event (kind, about);
CREATE UNIQUE INDEX event_by_position ON event (position);
"""
    + CALLBACK
    + LOG
    + RESULT
    + SUCCESSION
)

# In an order in which nobody refers to what is gone.
_DROP: Final = """
DROP TABLE result;
DROP TABLE log_state;
DROP TABLE log_node;
DROP TABLE log_entry;
DROP TABLE callback;
DROP TABLE event;
DROP TABLE session;
DROP TABLE sign_in_link;
DROP TABLE "user";
DROP TABLE observation;
DROP TABLE finding;
DROP TABLE evidence;
DROP TABLE device;
DROP TABLE invite;
DROP TABLE person;
DROP TABLE responder;
DROP TABLE policy_version;
DROP TABLE program;
DROP TABLE setting;
"""


def upgrade() -> None:
    """Make the tables."""
    run(TABLES)


def downgrade() -> None:
    """Remove everything."""
    run(_DROP)

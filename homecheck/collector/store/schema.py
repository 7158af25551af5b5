"""The tables. A change raises `VERSION`; a database of another version is refused, never guessed at."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

TABLES: Final = """
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- The next free position of the log, counted here so that deleting evidence never frees one.
CREATE TABLE sequence (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT;
INSERT INTO sequence VALUES ('position', 0);

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
    position       INTEGER PRIMARY KEY,
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

CREATE TABLE user (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE sign_in_link (
    token_sha256 TEXT PRIMARY KEY,
    user         TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    expires_at   TEXT NOT NULL
) STRICT;

CREATE TABLE session (
    token_sha256 TEXT PRIMARY KEY,
    user         TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
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
    detail         TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_person ON event (person);
CREATE INDEX event_by_about ON event (kind, about);
"""

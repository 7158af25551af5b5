"""Who may do what: roles in single programs, passwords, second factors, API tokens; and who did what, by which token.

``user.role`` is the role in every program, and empty where somebody has none there.
"""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0006"
down_revision: Final = before(revision)

ACCESS: Final = """
CREATE TABLE user_role (
    account TEXT NOT NULL REFERENCES "user" (name) ON DELETE CASCADE,
    program TEXT NOT NULL REFERENCES program (id),
    role    TEXT NOT NULL,
    PRIMARY KEY (account, program)
) STRICT;

CREATE TABLE user_password (
    account TEXT PRIMARY KEY REFERENCES "user" (name) ON DELETE CASCADE,
    hash    TEXT NOT NULL,      -- argon2id, with its salt and costs
    set_at  TEXT NOT NULL
) STRICT;

CREATE TABLE user_totp (
    account   TEXT PRIMARY KEY REFERENCES "user" (name) ON DELETE CASCADE,
    sealed    BLOB NOT NULL,     -- the secret, encrypted with a key that is not in here
    confirmed INTEGER NOT NULL,  -- 1: asked for at each sign-in; 0: shown, and no code has come yet
    last_step INTEGER NOT NULL   -- a code counts once: only later ones are taken
) STRICT;

CREATE TABLE recovery_code (
    code_sha256 TEXT PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES "user" (name) ON DELETE CASCADE
) STRICT;

CREATE TABLE wrong_guess (
    account        TEXT NOT NULL,  -- the name that was typed, which need not be anybody's
    source_address TEXT NOT NULL,
    at             TEXT NOT NULL
) STRICT;
CREATE INDEX wrong_guess_by_account ON wrong_guess (account, at);
CREATE INDEX wrong_guess_by_address ON wrong_guess (source_address, at);

CREATE TABLE oidc_account (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES "user" (name) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE TABLE api_token (
    id            TEXT PRIMARY KEY,
    secret_sha256 TEXT NOT NULL,
    account       TEXT NOT NULL REFERENCES "user" (name) ON DELETE CASCADE,
    label         TEXT NOT NULL,
    scopes        TEXT NOT NULL,  -- words, parted by blanks
    program       TEXT NOT NULL,  -- empty: every program that its owner sees
    created_at    TEXT NOT NULL,
    expires_at    TEXT NOT NULL,
    last_used_at  TEXT,
    revoked_at    TEXT
) STRICT;
CREATE INDEX api_token_by_account ON api_token (account);

-- Sessions of before are over: nobody knows how they began.
DELETE FROM session;
ALTER TABLE session ADD COLUMN method TEXT NOT NULL DEFAULT 'link';
ALTER TABLE session ADD COLUMN source_address TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN started_at TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN seen_at TEXT NOT NULL DEFAULT '';

ALTER TABLE event ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN value_before TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN value_after TEXT NOT NULL DEFAULT '';
CREATE INDEX event_by_program ON event (program, id);
"""

# What somebody had in single programs is lost on the way down, and all sessions end. So are values before and after,
# which the log knows: `verify-log` then names these events as changed.
BACK: Final = """
DROP INDEX event_by_program;
ALTER TABLE event DROP COLUMN value_after;
ALTER TABLE event DROP COLUMN value_before;
ALTER TABLE event DROP COLUMN token;
DELETE FROM session;
ALTER TABLE session DROP COLUMN seen_at;
ALTER TABLE session DROP COLUMN started_at;
ALTER TABLE session DROP COLUMN source_address;
ALTER TABLE session DROP COLUMN method;
DROP TABLE api_token;
DROP TABLE oidc_account;
DROP TABLE wrong_guess;
DROP TABLE recovery_code;
DROP TABLE user_totp;
DROP TABLE user_password;
DROP TABLE user_role;
DELETE FROM "user" WHERE role = '';
"""


def upgrade() -> None:
    """Make the tables and columns."""
    run(ACCESS)


def downgrade() -> None:
    """Remove them."""
    run(BACK)

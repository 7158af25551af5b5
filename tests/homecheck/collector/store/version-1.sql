PRAGMA user_version=1;
BEGIN TRANSACTION;
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
INSERT INTO "event" VALUES(1,'2026-11-01T12:00:00.000Z','set-up',0,'operator','',NULL,NULL,'Example Inc.','address https://collector.example.com');
INSERT INTO "event" VALUES(2,'2026-11-01T12:00:00.000Z','program-added',0,'a test','',NULL,NULL,'support','policy p 1 sha256:357994c3991d11c8bc400cafe709a0ba5ec02ed2ae7d4307c8b49a98262cd2a6');
INSERT INTO "event" VALUES(3,'2026-11-01T12:00:00.000Z','invited',0,'a test','','support','qSiMxo0cB_cKcrzclN01iA','Åsa Öberg','valid until 2026-11-01T13:00:00.000Z');
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
INSERT INTO "invite" VALUES('05545dc06773969a4d7a343cbf02d2987089f800700197b32213a34796ce3c60','support','qSiMxo0cB_cKcrzclN01iA','2026-11-01T12:00:00.000Z','a test','2026-11-01T13:00:00.000Z',NULL,NULL);
CREATE TABLE observation (
    position  INTEGER NOT NULL REFERENCES evidence (position) ON DELETE CASCADE,
    ordinal   INTEGER NOT NULL,
    responder TEXT,               -- whose key verified it; NULL: nobody's
    defect    TEXT NOT NULL,      -- why it was not verified, or is not of this check; empty: nothing is wrong with it
    PRIMARY KEY (position, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TABLE person (
    id         TEXT PRIMARY KEY,  -- opaque, and another one in every program
    program    TEXT NOT NULL REFERENCES program (id),
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL,     -- the name without case, for sorting and searching
    created_at TEXT NOT NULL,
    latest     INTEGER,           -- position of the evidence received last
    UNIQUE (program, name)
) STRICT;
INSERT INTO "person" VALUES('qSiMxo0cB_cKcrzclN01iA','support','Åsa Öberg','åsa öberg','2026-11-01T12:00:00.000Z',NULL);
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
INSERT INTO "policy_version" VALUES('support',1,'p','1','sha256:357994c3991d11c8bc400cafe709a0ba5ec02ed2ae7d4307c8b49a98262cd2a6','{"decision_rule":"guarded","name":"p","recheck":"30d","requirement":[{"at_least":10,"quantity":"network.download","severity":"required","trust":"self-reported"}],"version":"1"}','2026-11-01T12:00:00.000Z','a test');
CREATE TABLE program (
    id             TEXT PRIMARY KEY,
    title          TEXT NOT NULL,
    purpose        TEXT NOT NULL,
    retention_days INTEGER NOT NULL,
    created_at     TEXT NOT NULL,
    policy         INTEGER NOT NULL  -- the current policy_version.number
) STRICT;
INSERT INTO "program" VALUES('support','Support line','To see.',180,'2026-11-01T12:00:00.000Z',1);
CREATE TABLE responder (
    url      TEXT PRIMARY KEY,
    kid      TEXT NOT NULL,
    jwk      TEXT NOT NULL,
    added_at TEXT NOT NULL
) STRICT;
CREATE TABLE sequence (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT;
INSERT INTO "sequence" VALUES('position',0);
CREATE TABLE session (
    token_sha256 TEXT PRIMARY KEY,
    user         TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    expires_at   TEXT NOT NULL
) STRICT;
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO "setting" VALUES('name','Example Inc.');
INSERT INTO "setting" VALUES('served_url','http://127.0.0.1:8861');
INSERT INTO "setting" VALUES('keys','collector.keys');
INSERT INTO "setting" VALUES('url','https://collector.example.com');
CREATE TABLE sign_in_link (
    token_sha256 TEXT PRIMARY KEY,
    user         TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    expires_at   TEXT NOT NULL
) STRICT;
INSERT INTO "sign_in_link" VALUES('c619c88a850723c129f4e57f2e80f45a9db553932f9577433d4865125beda95c','admin','2026-11-02T12:00:00.000Z');
CREATE TABLE user (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
INSERT INTO "user" VALUES('admin','admin','2026-11-01T12:00:00.000Z');
CREATE INDEX invite_by_person ON invite (person);
CREATE INDEX device_by_person ON device (person);
CREATE INDEX evidence_by_person ON evidence (person, position);
CREATE INDEX evidence_by_seq ON evidence (kid, seq);
CREATE INDEX event_by_person ON event (person);
CREATE INDEX event_by_about ON event (kind, about);
COMMIT;

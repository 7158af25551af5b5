"""PostgreSQL: evidence, and what hangs on it, in tables by month. SQLite gets the column: one statement for both.

The digest needs no index of its own kind any more that forbids a second one: it follows from the bytes, which hold the
id, and the id is the primary key. A position is used once because `log_entry` has it as its key.
"""

from __future__ import annotations

from typing import Any, Final

from homecheck.collector.store.migrations import before, run
from homecheck.collector.store.months import CHILDREN, make, month_of

revision: Final = "0012"
down_revision: Final = before(revision)

_KEYS: Final = {"finding": "position, ordinal", "observation": "position, ordinal", "result": "position, number"}

_EVIDENCE: Final = """
ALTER TABLE evidence RENAME TO old_evidence;
ALTER INDEX evidence_pkey RENAME TO old_evidence_pkey;
ALTER INDEX evidence_by_person RENAME TO old_evidence_by_person;
ALTER INDEX evidence_by_seq RENAME TO old_evidence_by_seq;
CREATE TABLE evidence (LIKE old_evidence INCLUDING DEFAULTS) PARTITION BY RANGE (id);
CREATE TABLE evidence_odd PARTITION OF evidence DEFAULT;
INSERT INTO evidence SELECT * FROM old_evidence;
DROP TABLE old_evidence CASCADE;
ALTER TABLE evidence ADD PRIMARY KEY (id);
ALTER TABLE evidence ADD FOREIGN KEY (kid) REFERENCES device (kid);
ALTER TABLE evidence ADD FOREIGN KEY (program) REFERENCES program (id);
ALTER TABLE evidence ADD FOREIGN KEY (person) REFERENCES person (id);
CREATE INDEX evidence_by_position ON evidence (position);
CREATE INDEX evidence_by_digest ON evidence (digest);
CREATE INDEX evidence_by_person ON evidence (person, position);
CREATE INDEX evidence_by_seq ON evidence (kid, seq);
CREATE INDEX evidence_by_age ON evidence (program, received_at);
CREATE INDEX evidence_by_received ON evidence (received_at, verdict);
"""

# What hangs on a row goes with it, as ON DELETE CASCADE has it elsewhere; a foreign key would forbid to drop a month.
_CASCADE: Final = """
CREATE FUNCTION evidence_is_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
DELETE FROM finding WHERE position = OLD.position; DELETE FROM observation WHERE position = OLD.position; DELETE
FROM result WHERE position = OLD.position; RETURN NULL; END $$;
CREATE TRIGGER evidence_is_gone AFTER DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION evidence_is_gone();
"""

_EVIDENCE_AGAIN: Final = """
DROP TRIGGER evidence_is_gone ON evidence;
DROP FUNCTION evidence_is_gone;
CREATE TABLE new_evidence (LIKE evidence INCLUDING DEFAULTS);
INSERT INTO new_evidence SELECT * FROM evidence;
DROP TABLE evidence;
ALTER TABLE new_evidence RENAME TO evidence;
ALTER TABLE evidence ADD PRIMARY KEY (position);
ALTER TABLE evidence ADD UNIQUE (digest);
ALTER TABLE evidence ADD UNIQUE (id);
ALTER TABLE evidence ADD FOREIGN KEY (kid) REFERENCES device (kid);
ALTER TABLE evidence ADD FOREIGN KEY (program) REFERENCES program (id);
ALTER TABLE evidence ADD FOREIGN KEY (person) REFERENCES person (id);
CREATE INDEX evidence_by_person ON evidence (person, position);
CREATE INDEX evidence_by_seq ON evidence (kid, seq);
CREATE INDEX evidence_by_age ON evidence (program, received_at);
"""

# The first 48 bits of an id are milliseconds since 1970.
_MONTH: Final = """
to_char(to_timestamp(('x' || substr(id, 1, 8) || substr(id, 10, 4))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC',
    'YYYYMM')
"""


def upgrade() -> None:
    """Part the tables, and move what is there."""
    db = _postgres()
    if db is None:
        for table in CHILDREN:
            run(f"ALTER TABLE {table} ADD COLUMN month INTEGER NOT NULL DEFAULT 0")
        run("CREATE INDEX evidence_by_received ON evidence (received_at, verdict)")
        return
    run(_EVIDENCE)
    for table, key in _KEYS.items():
        run(_child(table, key))
    run(_CASCADE)
    ids = db.exec_driver_sql("SELECT DISTINCT substr(id, 1, 13) FROM evidence").fetchall()
    for month in sorted({month_of(row[0]) for row in ids} - {0}):
        make(db.exec_driver_sql, month)


def downgrade() -> None:
    """Put everything back into one table each."""
    if _postgres() is None:
        for table in CHILDREN:
            run(f"ALTER TABLE {table} DROP COLUMN month")
        run("DROP INDEX evidence_by_received")
        return
    run(_EVIDENCE_AGAIN)
    for table, key in _KEYS.items():
        run(_child_again(table, key))


def _child(table: str, key: str) -> str:
    # The names are the keys of `_KEYS`.
    return f"""
ALTER TABLE {table} RENAME TO old_{table};
ALTER INDEX {table}_pkey RENAME TO old_{table}_pkey;
CREATE TABLE {table} (LIKE old_{table} INCLUDING DEFAULTS, month BIGINT NOT NULL) PARTITION BY LIST (month);
CREATE TABLE {table}_odd PARTITION OF {table} DEFAULT;
INSERT INTO {table} SELECT old.*, CASE WHEN length({_MONTH}) = 6 THEN ({_MONTH})::bigint ELSE 0 END
    FROM old_{table} AS old JOIN evidence ON evidence.position = old.position;
DROP TABLE old_{table};
ALTER TABLE {table} ADD PRIMARY KEY ({key}, month);
"""  # noqa: S608


def _child_again(table: str, key: str) -> str:
    return f"""
CREATE TABLE new_{table} (LIKE {table} INCLUDING DEFAULTS);
INSERT INTO new_{table} SELECT * FROM {table};
ALTER TABLE new_{table} DROP COLUMN month;
DROP TABLE {table};
ALTER TABLE new_{table} RENAME TO {table};
ALTER TABLE {table} ADD PRIMARY KEY ({key});
ALTER TABLE {table} ADD FOREIGN KEY (position) REFERENCES evidence (position) ON DELETE CASCADE;
"""  # noqa: S608


def _postgres() -> Any:
    """Return the connection, None on SQLite."""
    from alembic import op

    db = op.get_bind()
    return db if db.dialect.name == "postgresql" else None

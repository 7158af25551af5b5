"""How many people stand how, as the fleet page shows it; each device key's latest evidence; indexes for what pages ask
of a million rows.
"""

from __future__ import annotations

from typing import Final

from homecheck.collector.store.migrations import before, run

revision: Final = "0014"
down_revision: Final = before(revision)

_ADD: Final = """
-- How many people have something in common, by the check received last. kind: link, region, hour, system or software;
-- concern: a requirement that is not plainly met; near: whose value is near its limit. rank: as in person, of the check
-- or of the requirement. day: of the receipt, since 1970, in UTC.
CREATE TABLE tally (
    program TEXT NOT NULL,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    rank    INTEGER NOT NULL,
    day     INTEGER NOT NULL,
    people  INTEGER NOT NULL,
    PRIMARY KEY (program, kind, name, rank, day)
) STRICT, WITHOUT ROWID;

-- The same of all days together.
CREATE TABLE tally_total (
    program TEXT NOT NULL,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    rank    INTEGER NOT NULL,
    people  INTEGER NOT NULL,
    PRIMARY KEY (program, kind, name, rank)
) STRICT, WITHOUT ROWID;

-- The place in the log of what each key has signed and we have received last. Beside `device`, whose rows are long.
CREATE TABLE device_latest (
    kid      TEXT PRIMARY KEY REFERENCES device (kid) ON DELETE CASCADE,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX concern_near ON concern (quantity, person) WHERE margin IS NOT NULL;
CREATE INDEX event_by_kind ON event (kind, id);
CREATE INDEX event_by_actor ON event (actor, id);
CREATE INDEX event_of_security ON event (id) WHERE security = 1;
CREATE INDEX waiver_by_end ON waiver (expires_at, id);
-- With the rank, so that those whose check is due are counted by verdict without a look at their rows.
DROP INDEX person_by_due;
CREATE INDEX person_by_due ON person (due, id, rank);
DROP INDEX person_due_of_program;
CREATE INDEX person_due_of_program ON person (program, due, rank);
"""

_GROUPS: Final = ("link", "region", "hour", "system", "software")
_CONCERNS: Final = {"concern": "1 = 1", "near": "margin IS NOT NULL"}
_TOTAL: Final = """
INSERT INTO tally_total SELECT program, kind, name, rank, SUM(people) FROM tally GROUP BY program, kind, name, rank
"""
_LATEST: Final = "INSERT INTO device_latest SELECT kid, MAX(position) FROM evidence GROUP BY kid"

_REMOVE: Final = """
DROP INDEX person_due_of_program;
CREATE INDEX person_due_of_program ON person (program, due);
DROP INDEX person_by_due;
CREATE INDEX person_by_due ON person (due, id);
DROP INDEX waiver_by_end;
DROP INDEX event_of_security;
DROP INDEX event_by_actor;
DROP INDEX event_by_kind;
DROP INDEX concern_near;
DROP TABLE device_latest;
DROP TABLE tally_total;
DROP TABLE tally;
"""


def upgrade() -> None:
    """Make the tables and fill them."""
    run(_ADD)
    for kind in _GROUPS:
        run(_group(kind))
    for kind, condition in _CONCERNS.items():
        run(_concern(kind, condition))
    run(_TOTAL)
    run(_LATEST)


def downgrade() -> None:
    """Remove them; everything in them follows from other tables."""
    run(_REMOVE)


def _group(kind: str) -> str:
    # Here and below: names of columns and conditions of this module. In small letters: PostgreSQL adds no order here.
    return f"""
INSERT INTO tally SELECT program, '{kind}', CAST({kind} AS text), rank, received / 86400, COUNT(*) FROM person
WHERE received IS NOT NULL GROUP BY program, {kind}, rank, received / 86400;
"""  # noqa: S608


def _concern(kind: str, condition: str) -> str:
    return f"""
INSERT INTO tally SELECT program, '{kind}', quantity,
    CASE verdict WHEN 'fail' THEN 0 WHEN 'inconclusive' THEN 1 WHEN 'warn' THEN 2 ELSE 3 END,
    received / 86400, COUNT(*) FROM concern
WHERE {condition} GROUP BY program, quantity, verdict, received / 86400;
"""  # noqa: S608

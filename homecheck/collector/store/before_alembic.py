"""SQLite files of versions 1 to 4: brought to version 5, from which Alembic takes over. Step by step, and without loss.

The number of the version is in the file's head (`user_version`).
"""

from __future__ import annotations

from typing import Final

from homecheck.clock import utc_now
from homecheck.collector.store import log_begin
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.dialect import statements
from homecheck.collector.store.migrations.versions.r0005_baseline import CALLBACK, LOG, RESULT, SUCCESSION

LAST: Final = 5
BEFORE_THE_LOG: Final = 2  # the last version without one; after its step its rows are entered

_STEPS: Final = {
    1: "ALTER TABLE person ADD COLUMN phone TEXT;\n" + CALLBACK,
    2: "ALTER TABLE event ADD COLUMN position INTEGER;\n"
    "CREATE UNIQUE INDEX event_by_position ON event (position);\n" + LOG,
    3: RESULT,  # evidence of before has no result yet; one is made from its receipt when it is first asked for
    4: SUCCESSION,
}


def bring_to_version_5(db: Connection) -> bool:
    """Change the tables of an older version, inside a transaction; tell whether they are of version 5 then."""
    while (steps := _STEPS.get(version := _version(db))) is not None:
        for statement in statements(steps):
            db.execute(statement)
        if version == BEFORE_THE_LOG:
            log_begin.enter_older_rows(db, utc_now())
        db.execute(f"PRAGMA user_version={version + 1}")
    return version == LAST


def _version(db: Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)

"""The tables and their changes, as Alembic revisions for both engines: versions/rNNNN_what.py, one after the other.

Alembic and SQLAlchemy do this and nothing else here, so they are imported when there is something to migrate. A
revision says ``down_revision = before(revision)``, and its functions `upgrade` and `downgrade` call `run` with what it
changes, written for SQLite (see `dialect`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from homecheck.collector.store.dialect import statements, tables_for_postgres
from homecheck.collector.store.failures import NotStored
from homecheck.errors import SetupError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection as SqlConnection

    from homecheck.collector.store.database import Database

FOLDER: Final = Path(__file__).parent
NOTHING: Final = "0000"  # no tables of ours
BEFORE_ALEMBIC: Final = ("0001", "0002", "0003", "0004")  # SQLite files of earlier versions of homecheck
BASELINE: Final = "0005"
EXTRA: Final = "Install it: pip install 'homecheck[collector]'"
LOCK: Final = 0x686F6D65  # PostgreSQL's advisory lock of those who migrate


@cache
def revisions() -> tuple[str, ...]:
    """Return the revisions that this version of homecheck has, the last one last."""
    return tuple(sorted(path.stem[1:5] for path in (FOLDER / "versions").glob("r[0-9]*.py")))


def before(revision: str) -> str | None:
    """Return the revision before one: they are one line, in the order of their numbers."""
    earlier = [one for one in revisions() if one < revision]
    return earlier[-1] if earlier else None


def head() -> str:
    """Return the revision that this version of homecheck works with."""
    return revisions()[-1]


def known() -> frozenset[str]:
    """Return the formats that can be brought up to date."""
    return frozenset((*BEFORE_ALEMBIC, *revisions()))


def upgrade(database: Database) -> None:
    """Bring the tables up to date; who comes second waits, and finds nothing to do."""
    move(database, head())


def move(database: Database, target: str) -> None:
    """Change the tables up or down to a revision, in one transaction. SetupError for a revision that is not known."""
    try:
        from alembic import command
        from alembic.migration import MigrationContext
        from sqlalchemy.exc import DBAPIError
    except ModuleNotFoundError as error:
        raise SetupError(f"the collector needs the package {error.name}", EXTRA) from None
    if target not in (NOTHING, *revisions()):
        raise SetupError(f"there is no revision {target!r:.40}", f"There are: {', '.join(revisions())}")
    engine = database.for_migrations()
    try:
        with engine.begin() as connection:  # nobody else writes from here on
            config = _config(connection)
            raw = connection.connection.dbapi_connection
            if database.bring_to_baseline(raw):
                command.stamp(config, BASELINE)
            if target < (MigrationContext.configure(connection).get_current_revision() or NOTHING):
                command.downgrade(config, "base" if target == NOTHING else target)
            else:
                command.upgrade(config, target)
            database.after_migration(raw, target)
    except DBAPIError as error:
        raise NotStored(f"{database.place}: the tables cannot be changed: {error.orig}") from error
    finally:
        engine.dispose()


def _config(connection: SqlConnection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def run(script: str) -> None:
    """Run the statements of a revision, on whichever engine it is."""
    from alembic import op

    connection = op.get_bind()
    postgres = connection.dialect.name == "postgresql"
    for statement in statements(script):
        connection.exec_driver_sql(tables_for_postgres(statement) if postgres else statement)

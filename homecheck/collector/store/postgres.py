"""PostgreSQL: a server of the operator's, for many workers at once, also behind PgBouncer.

Statements of pages are planned for their values. Those of uploads, which come again and again, are kept ready on the
server, but not behind PgBouncer, which may give every transaction to another of its connections.
Who writes locks the one row of the log's state first: entries have one order, whichever process they come from.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from homecheck.collector.store import migrations, months
from homecheck.collector.store.connection import Connection, Rows, one_or_none
from homecheck.collector.store.database import Database
from homecheck.collector.store.dialect import numbered
from homecheck.collector.store.failures import Held, NotStored, Rejected
from homecheck.collector.store.postgres_rows import RowsToCome, named_rows
from homecheck.collector.store.pulse import PROBE_SECONDS, Pulse, pulse_of
from homecheck.config import Home
from homecheck.errors import HomecheckError, SetupError

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Engine

CONNECT_SECONDS: Final = 10
STATEMENT_SECONDS: Final = 15.0  # of a collector that serves: no page and no upload takes a tenth of it
HUNG: Final = "the database does not answer"
KEPT_READY_AFTER: Final = 5  # times that a statement has come on one connection
READY_SETTINGS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",  # a plan that was made while a table is small is kept while it grows
    "jit": "off",  # a table without an index counts as dear then, and each of its plans would be compiled
}
FEW: Final = 8  # rows: so many cost less together with other statements than by a COPY, which stands alone
MOST_KEPT_READY: Final = 256  # statements of one connection: what is written for many has a form for each number
NAME_BITS: Final = 62  # at random, of the number that the first of them is called by: no two connections use one name


_pooled: Final[set[str]] = set()  # addresses (without passwords) where nothing can be kept ready, as was found out


class PostgresConnection(Connection):
    """A connection to a server."""

    def __init__(self, raw: psycopg.Connection[Any], pulse: Pulse | None = None) -> None:
        self.raw = raw
        self.pulse = pulse
        self.since: float | None = None
        self._known_types: dict[str, Sequence[int]] = {}
        self._waiting = _Waiting(self)
        self._together = False
        self._pipeline: AbstractContextManager[object] | None = None  # entered
        if pulse is not None:
            pulse.watch(self)

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement."""
        found = numbered(sql)
        with self._waiting:
            if self._together and self._pipeline is None:
                self._pipeline = self.raw.pipeline()
                self._pipeline.__enter__()
            try:
                rows = self.raw.execute(found.sql, found.arranged(values))
            except UnicodeEncodeError as error:
                raise Rejected.no_text(error) from None
        return rows if self._pipeline is None else RowsToCome(rows, self._waiting)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what is executed inside without waiting for each answer (libpq's pipeline mode)."""
        if self._together:
            yield
            return
        self._together = True
        try:
            yield
        except BaseException:
            with suppress(HomecheckError):  # the first error is the one that tells
                self._hear_all()
            raise
        else:
            self._hear_all()
        finally:
            self._together = False

    def _hear_all(self) -> None:
        """Wait for the answers to everything that was sent."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is None:
            return
        try:
            with self._waiting:
                pipeline.__exit__(None, None, None)
        finally:
            if not self.usable:
                self.close()  # else psycopg waits for the server when the pipeline is dropped, and nobody watches that

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of `rows`, all in one conversation with the server."""
        with self._waiting, self.raw.cursor() as cursor:
            found = numbered(sql)
            cursor.executemany(found.sql, [found.arranged(row) for row in rows] if found.lists else rows)

    def insert_many(self, into: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows with COPY: hundreds of values of a statement would each be parsed and planned."""
        if self._together and len(rows) <= FEW:
            super().insert_many(into, rows)
            return
        types = self._types(into)
        self._hear_all()  # a pipeline takes no COPY
        sql = f"COPY {into} FROM STDIN (FORMAT BINARY)".encode()
        with self._waiting, self.raw.cursor() as cursor, cursor.copy(sql) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _types(self, into: str) -> Sequence[int]:
        """Return the types of a table's columns, or of those that stand behind its name, asked for once."""
        if (known := self._known_types.get(into)) is None:
            table, _, columns = into.removesuffix(")").partition(" (")
            rows = self.execute(
                "SELECT attname, atttypid FROM pg_attribute"
                " WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                (table,),
            )
            found = {row[0]: row[1] for row in rows}
            known = [found[name] for name in columns.split(", ")] if columns else [*found.values()]
            self._known_types[into] = known
        return known

    def keep_ready(self) -> None:
        """Have statements that come again and again parsed and planned once, where this is the server's own connection.

        Their plans are made for any values: these statements find rows by their keys, and a plan for known values would
        look at each month's table anew.
        """
        (pid,) = self.execute("SELECT pg_backend_pid()").fetchone()
        if pid == self.raw.info.backend_pid and self.raw.info.dsn not in _pooled:  # PgBouncer tells a number of its own
            self.execute("; ".join(f"SET {name} = {value}" for name, value in READY_SETTINGS.items()))
            self.raw.prepare_threshold, self.raw.prepared_max = KEPT_READY_AFTER, MOST_KEPT_READY
            # psycopg counts from 0 on each connection: behind a pooler that was taken for the server, another
            # process's statement of the same name would be executed, and be no error. (There is no public way.)
            self.raw._prepared._prepared_idx = secrets.randbits(NAME_BITS)

    def plan_for_values(self) -> None:
        """Have what follows in this transaction planned as it is on any other connection."""
        if self.raw.prepare_threshold is not None:
            self.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in READY_SETTINGS))

    def failure(self, error: psycopg.Error) -> HomecheckError:
        """Return the store's own error."""
        from psycopg.errors import DuplicatePreparedStatement, FeatureNotSupported, InvalidSqlStatementName

        if self._together:
            # What was sent behind the error to be kept ready is not, but psycopg 3.3 takes it to be. With this it
            # forgets all, also on the server, once the next statement has gone through. (There is no public way.)
            self.raw._prepared.clear()
        if isinstance(error, InvalidSqlStatementName | DuplicatePreparedStatement):
            _pooled.add(self.raw.info.dsn)  # what was kept ready is not there: somebody stands between after all
        if isinstance(error, InvalidSqlStatementName | DuplicatePreparedStatement | FeatureNotSupported):
            self.close()  # or the tables of such a statement have changed: it would fail here for ever
        return _failure(error)

    def cut_off(self) -> None:
        """Close the way to the server under whoever waits for it: the driver waits as long as the system does."""
        import psycopg  # here and below: the commands that need no server start without it

        with suppress(psycopg.Error, OSError):  # it has ended by itself meanwhile
            way = socket.socket(fileno=self.raw.fileno())
            try:
                way.shutdown(socket.SHUT_RDWR)
            finally:
                way.detach()  # it stays the driver's

    def begin(self) -> None:
        """Begin a transaction as the only one who writes; one message instead of two."""
        self.execute("BEGIN; SELECT 1 FROM log_state FOR UPDATE")

    def begin_beside(self) -> None:
        """Begin a transaction that does not wait for the log's state, and holds nobody up who does."""
        self.execute("BEGIN")

    def begin_reading(self) -> None:
        """Begin a transaction that sees one moment."""
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, also one that has failed."""
        from psycopg.pq import TransactionStatus

        return self.raw.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    @property
    def usable(self) -> bool:
        """Whether the server was there when it was last asked, and every conversation with it came to its end.

        Where the way breaks in the middle of what goes together, libpq may be left waiting for answers that never come,
        although the socket is not known to be closed: it refuses every further statement.
        """
        from psycopg.pq import PipelineStatus, TransactionStatus

        raw = self.raw
        return (
            not raw.closed
            and raw.info.pipeline_status == PipelineStatus.OFF
            and raw.info.transaction_status not in (TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN)
        )

    def make_months(self, now: datetime) -> None:
        """Make the tables of the months to come."""
        months.make_ahead(self.execute, now)

    def leave_no_trace(self) -> None:
        """PostgreSQL has no such switch; see `empty_journal`."""

    def empty_journal(self) -> bool:
        """Free the places of deleted rows. What the write-ahead log and backups hold is the operator's to drop."""
        self.execute("VACUUM")
        return False

    def close(self) -> None:
        """Close it."""
        self.raw.close()


class _Waiting:
    """Around whatever waits for the server: it is watched, and its errors become the store's own."""

    def __init__(self, db: PostgresConnection) -> None:
        self._db = db

    def __enter__(self) -> None:
        pulse = self._db.pulse
        if pulse is not None:
            if pulse.hung:
                raise NotStored(HUNG)
            self._db.since = time.monotonic()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._db.since = None
        if error is None:
            return
        import psycopg

        if isinstance(error, psycopg.Error):
            raise self._db.failure(error) from error


def _failure(error: psycopg.Error) -> HomecheckError:
    import psycopg

    said = " ".join(str(error).split())
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return Rejected(f"the database does not take this: {said}")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return Held(f"others hold it: {said}")
    return NotStored(f"the database cannot do this now: {said}")


def _answers(address: str) -> bool:
    """Tell whether the server lets somebody in."""
    import psycopg

    try:
        psycopg.connect(address, connect_timeout=PROBE_SECONDS).close()
    except psycopg.Error as error:
        return not isinstance(error, psycopg.errors.ConnectionTimeout)  # it says no: that is an answer
    return True


@dataclass(frozen=True)
class PostgresDatabase(Database):
    """A database by its URL, which may hold a password; the environment (PGPASSWORD, PGPASSFILE …) can as well.

    `home` is where the keys lie, which are never in the database: HOMECHECK_HOME.
    """

    address: str
    home: Path = field(default_factory=lambda: Home.default().root)
    statement_seconds: float | None = None  # how long a server is waited for before it is taken to hang; None: for ever
    keeps_ready: bool = False  # statements that come again and again

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if not parts.path.strip("/"):
            raise SetupError(
                f"{self.place!r:.100} names no database", "Write it like this: postgresql://user@host/name"
            )

    @property
    def url(self) -> str:
        """The URL."""
        return self.address

    @property
    def place(self) -> str:
        """The URL without user and password."""
        parts = urlsplit(self.address)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def folder(self) -> Path:
        """Not here, but on this computer."""
        return self.home

    @property
    def name(self) -> str:
        """The name on the server, as far as it can name a folder."""
        path = urlsplit(self.address).path.strip("/")
        return "".join(letter if letter.isalnum() else "-" for letter in path)

    def for_serving(self) -> PostgresDatabase:
        """Return it with a limit to how long it is waited for."""
        return replace(self, statement_seconds=self.statement_seconds or STATEMENT_SECONDS)

    def for_uploads(self) -> PostgresDatabase:
        """Return it with statements that are parsed and planned once on each connection."""
        return replace(self, keeps_ready=True)

    @property
    def takes_many_processes(self) -> bool:
        """A server is there for that."""
        return True

    def create(self) -> Connection:
        """Make the tables in a database that is there and empty."""
        with ExitStack() as undo:
            db = self.connect()
            undo.callback(db.close)
            if self.revision(db) != migrations.NOTHING:
                raise SetupError(
                    f"{self.place}: a collector is there already",
                    "Choose another --database, or use the one that is there.",
                )
            migrations.upgrade(self)
            undo.pop_all()
        return db

    def remove(self) -> None:
        """Remove the tables, as far as they are there."""
        migrations.move(self, migrations.NOTHING)

    def connect(self) -> PostgresConnection:
        """Return a connection. NotStored when the server is not there or lets nobody in."""
        try:
            import psycopg
        except ModuleNotFoundError as error:
            raise SetupError(f"PostgreSQL needs the package {error.name}", migrations.EXTRA) from None
        pulse = self._pulse()
        if pulse is not None and pulse.hung:
            raise NotStored(f"{self.place}: {HUNG}")
        try:
            raw: psycopg.Connection[Any] = psycopg.connect(
                self.address,
                autocommit=True,
                prepare_threshold=None,
                connect_timeout=CONNECT_SECONDS if pulse is None else PROBE_SECONDS,
                application_name="homecheck",
                cursor_factory=psycopg.RawCursor,
                row_factory=named_rows,
            )
        except psycopg.Error as error:
            if pulse is not None and isinstance(error, psycopg.errors.ConnectionTimeout):
                pulse.missed()
            said = " ".join(str(error).split())
            raise NotStored(f"{self.place}: {said}", "Start PostgreSQL, or check --database.") from None
        with ExitStack() as undo:
            db = PostgresConnection(raw, pulse)
            undo.callback(db.close)
            if self.keeps_ready:
                db.keep_ready()
            undo.pop_all()
        return db

    def _pulse(self) -> Pulse | None:
        return None if self.statement_seconds is None else pulse_of(self.address, self.statement_seconds, _answers)

    def revision(self, db: Connection) -> str:
        """Return the format of its tables."""
        there = one_or_none(db, "SELECT to_regclass('alembic_version') IS NOT NULL")
        row = one_or_none(db, "SELECT version_num FROM alembic_version") if there and there[0] else None
        return row[0] if row else migrations.NOTHING

    def for_migrations(self) -> Engine:
        """Return an engine whose transactions wait for one another."""
        import psycopg
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import NullPool

        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self.address, prepare_threshold=None, connect_timeout=CONNECT_SECONDS),
            poolclass=NullPool,
        )

        @event.listens_for(engine, "begin")
        def lock(connection: Any) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({migrations.LOCK})")

        return engine

    def bring_to_baseline(self, _: Any) -> bool:
        """Nothing: no version before Alembic used PostgreSQL."""
        return False

    def after_migration(self, _: Any, __: str) -> None:
        """Nothing, likewise."""

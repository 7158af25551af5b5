"""PostgreSQL's evidence in tables by month, so that a month can be dropped in a moment.

An evidence id is a UUIDv7, whose first 48 bits are the moment at which the device made it: the table `evidence` is
parted by ranges of its primary key, and what hangs on it by the number of the same month (202611). Ids of odd clocks,
for whose months there is no table, lie in tables of their own and move when theirs is made.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

LOCK_MILLISECONDS: Final = 200  # in which pages and uploads wait behind whoever waits to drop a month
AHEAD: Final = 2  # months after this one that are always there
CHILDREN: Final = ("finding", "observation", "result")
ODD: Final = 0  # the month of an id beyond the calendar
Execute = Callable[[str], Any]


def month_of(evidence_id: str) -> int:
    """Return the month of an id as a number: 202611 is November 2026, in UTC."""
    milliseconds = int(evidence_id[:8] + evidence_id[9:13], 16)
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # after the year 9999
        return ODD
    return moment.year * 100 + moment.month


def first_id(month: int) -> str:
    """Return a text that sorts before every id of a month and behind every earlier one."""
    milliseconds = int(datetime(month // 100, month % 100, 1, tzinfo=UTC).timestamp() * 1000)
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}"


def following(month: int) -> int:
    """Return the next month."""
    return month + 89 if month % 100 == 12 else month + 1


def make_ahead(execute: Execute, now: datetime) -> None:
    """Make the tables of this month and of some that follow, inside a transaction, where they are missing."""
    month = now.year * 100 + now.month
    for _ in range(AHEAD + 1):
        make(execute, month)
        month = following(month)


def make(execute: Execute, month: int) -> None:
    """Make the tables of one month, if they are not there, and move into them what is of this month already."""
    if execute(f"SELECT to_regclass('evidence_{month}')").fetchone()[0] is not None:
        return
    first, end = first_id(month), first_id(following(month))
    _make(execute, "evidence", month, f"id >= '{first}' AND id < '{end}'", f"FROM ('{first}') TO ('{end}')")
    for table in CHILDREN:
        _make(execute, table, month, f"month = {month}", f"IN ({month})")


def _make(execute: Execute, table: str, month: int, condition: str, bounds: str) -> None:
    # A number and two texts of hexadecimal digits: nothing here comes from outside.
    own = f"{table}_{month}"
    execute(f"CREATE TABLE {own} (LIKE {table} INCLUDING ALL)")
    execute(f"INSERT INTO {own} SELECT * FROM {table}_odd WHERE {condition}")  # noqa: S608
    # The rows go without the trigger that would take away what hangs on them.
    execute(f"ALTER TABLE {table}_odd DISABLE TRIGGER USER")
    execute(f"DELETE FROM {table}_odd WHERE {condition}")  # noqa: S608
    execute(f"ALTER TABLE {table}_odd ENABLE TRIGGER USER")
    execute(f"ALTER TABLE {table} ATTACH PARTITION {own} FOR VALUES {bounds}")


def there(execute: Execute) -> list[int]:
    """Return the months that have tables, the oldest first."""
    sql = (
        "SELECT substr(relname, 10) FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid"
        " WHERE inhparent = 'evidence'::regclass AND relname <> 'evidence_odd' ORDER BY 1"
    )
    return [int(row[0]) for row in execute(sql)]


def drop(execute: Execute, month: int) -> None:
    """Drop the tables of a month with everything in them, inside a transaction.

    Held where somebody else reads any of these for longer than a moment: whoever comes meanwhile waits behind us.
    """
    execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
    execute(f"LOCK TABLE {', '.join(('evidence', *CHILDREN))} IN ACCESS EXCLUSIVE MODE")
    execute(f"DROP TABLE {', '.join(f'{table}_{int(month)}' for table in ('evidence', *CHILDREN))}")

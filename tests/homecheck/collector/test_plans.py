"""No page looks at every row of a table that grows: what both engines plan for each statement that pages send.

PostgreSQL is told that its tables have two hundred times the rows that they have: a small one is rightly read whole.
SQLite knows nothing of sizes. Left out is what counts or searches by its nature: a part of a
name, and how many of those stand how whom a filter names that lets a large part through.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from homecheck.collector import tokens
from homecheck.collector.store.connection import Connection, roll_back
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.postgres import PostgresConnection
from homecheck.collector.store.roster import LOOKED_AT
from homecheck.collector.store.sqlite import SqliteConnection
from tests.desk import EVERY_SCOPE
from tests.live_collector import Site, in_thread
from tests.many_people import Many, add_programs, addresses, fill, real_person, requests_of_programs

LARGE: Final = ("person", "evidence", "finding", "concern", "event", "log_entry", "observation", "result", "device")
BY_NATURE: Final = [
    f"people, {name}"
    for name in (
        "name", "name of many", "region", "part of a region", "region by due", "link", "link by name",
        "link and region", "hour", "system", "version", "days", "90 days", "near",
    )
] + ["events before all"]  # fmt: skip
PEOPLE: Final = 1_500
REPORTS: Final = 3_000
SECONDS: Final = 60
ALONG: Final = f"LIMIT {LOOKED_AT})"
FEW: Final = 1_000  # rows: a month to come has none yet
MORE: Final = "UPDATE pg_class SET reltuples = reltuples * 200 WHERE relnamespace = 'public'::regnamespace"
Statements = dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module")
def asked(
    new_database: Callable[[Path], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, dict[str, Statements]]]:
    """A collector with many people, and the statements of each page with their values."""
    folder = tmp_path_factory.mktemp("plans")
    with in_thread(folder, database=new_database(folder)) as site, pytest.MonkeyPatch.context() as patch:
        browser, person = site.browse("ada", "admin"), real_person(site)
        with opened(site.database) as db:
            fill(db, Many(PEOPLE, REPORTS, datetime.now(UTC), add_programs(site)))
        token = tokens.add_at_command_line(site.database, "ada", "t", EVERY_SCOPE, "", timedelta(days=1), "a test")
        browser.headers["Authorization"] = f"Bearer {token}"
        pages = {**addresses(site, browser, person), **requests_of_programs(person, 20)}
        sent = listen(patch)
        found: dict[str, Statements] = {}
        for name, address in pages.items():
            sent.clear()
            assert browser.get(site.url + address, timeout=SECONDS).status_code == 200, address
            found[name] = {sql: values for sql, values in sent if sql.lstrip().startswith(("SELECT", "WITH"))}
        yield site, found


def listen(patch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """Return a list that fills with what is executed: a page does not tell what it asks."""
    sent: list[tuple[str, tuple[Any, ...]]] = []
    for kind in (SqliteConnection, PostgresConnection):
        before: Any = kind.execute

        def execute(self: Any, sql: str, values: Any = (), before: Any = before) -> Any:
            if threading.current_thread().name.startswith("AnyIO worker"):  # a page's, not an errand's beside it
                sent.append((sql, tuple(values)))
            return before(self, sql, values)

        patch.setattr(kind, "execute", execute)
    return sent


def walked(db: Connection, sql: str, values: tuple[Any, ...]) -> set[str]:
    """Return the tables of which a statement reads every row, by the engine's own plan."""
    if isinstance(db, PostgresConnection):
        db.begin()
        db.execute(MORE)
        (plan,) = db.execute(f"EXPLAIN (FORMAT JSON) {sql}", values).fetchone()
        sizes = dict(map(tuple, db.execute("SELECT relname, reltuples FROM pg_class").fetchall()))
        roll_back(db)
        large = (name for name in _sequential(plan) if sizes[name] > FEW)
        return {re.sub(r"_(\d{6}|odd)$", "", name) for name in large}  # the tables of single months
    rows = db.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    if page := re.search(r"FROM \((SELECT .+ LIMIT \?)\) AS page", sql):  # looked for alone; the rest joins its rows
        outside = {row["detail"] for row in rows if row["parent"] == 0}
        return walked(db, page[1], values) | {one[1] for row in outside if (one := re.fullmatch(r"SCAN (\w+)", row))}
    plan = [row["detail"] for row in rows]
    if (
        ALONG in sql
        and "SCAN person" in plan
        and any(re.match("(SCAN|SEARCH) person USING .*INDEX", one) for one in plan)
    ):
        plan.remove("SCAN person")  # what it reads whole are the rows that were read before, along an index
    if re.search(r"ORDER BY (id|evidence\.position) DESC LIMIT \?$", sql) and not any(
        "TEMP B-TREE" in detail for detail in plan
    ):
        return set()  # along the rows in their order, and no further than the page has lines
    return {found[1] for detail in plan if (found := re.fullmatch(r"SCAN (\w+)", detail))}


def _sequential(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _sequential(one)
    elif isinstance(node, dict):
        if node.get("Node Type") == "Seq Scan":
            yield node["Relation Name"]
        for one in node.values():
            yield from _sequential(one)


def test_no_page_walks_through_a_table_that_grows(asked: tuple[Site, dict[str, Statements]]) -> None:
    site, found = asked
    wrong, planned = set(), set()
    with opened(site.database) as db:
        for page, statements in found.items():
            for sql, values in statements.items() if page not in BY_NATURE else ():
                if sql not in planned:  # many pages ask the same
                    planned.add(sql)
                    wrong |= {f"{page}: {table}: {sql}" for table in walked(db, sql, values) if table in LARGE}
    assert not wrong, "\n".join(sorted(wrong))


def test_a_plan_that_walks_is_told_from_one_that_looks_up(asked: tuple[Site, dict[str, Statements]]) -> None:
    site, found = asked
    assert {len(statements) > 0 for statements in found.values()} == {True}
    with opened(site.database) as db:
        assert walked(db, "SELECT COUNT(*) FROM finding WHERE explanation = ?", ("x",)) == {"finding"}
        assert walked(db, "SELECT * FROM evidence WHERE source_address = ?", ("x",)) == {"evidence"}
        assert walked(db, "SELECT * FROM person WHERE id = ?", ("x",)) == set()

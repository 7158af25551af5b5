"""One collector per test file, served on a real socket; a test that needs another kind makes its own.

What stores or shows something is tested on both engines: see `new_database` and `site`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homecheck.collector.store.database import Database
from homecheck.collector.store.sqlite import SqliteDatabase
from tests.live_collector import Site, in_thread
from tests.postgres import PostgresServer, postgres_server

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """PostgreSQL for all tests of this run, none of which cuts the power; who kills or measures starts another."""
    with postgres_server(waits_for_disk=False) as running:
        yield running


@pytest.fixture(scope="module", params=ENGINES)
def new_database(request: pytest.FixtureRequest) -> Callable[[Path], Database]:
    """Return what makes an empty database with its keys in a folder: a test that asks for it runs on both engines."""
    if request.param == "sqlite":
        return lambda folder: SqliteDatabase(folder / "collector.db")
    server: PostgresServer = request.getfixturevalue("server")
    return server.new_database


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[Path], Database]) -> Iterator[Site]:
    """A collector on each of the engines in turn."""
    folder = tmp_path_factory.mktemp("collector")
    with in_thread(folder, database=new_database(folder)) as running:
        yield running

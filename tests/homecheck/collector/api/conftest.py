"""One collector for each file of tests, on each of the engines in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from homecheck.collector.store.database import Database
from tests.desk import Desk, desk_at


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[Path], Database]) -> Iterator[Desk]:
    """An administrator's program, at a collector of its own."""
    folder = tmp_path_factory.mktemp("api")
    with desk_at(folder, new_database(folder), (ip_network("127.0.0.0/8"),)) as found:
        yield found

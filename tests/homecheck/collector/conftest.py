"""One collector per test file, served on a real socket; a test that needs another kind makes its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_collector import Site, in_thread


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        yield running

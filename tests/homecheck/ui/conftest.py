"""A company, somebody who has enrolled with it, and their guide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homecheck.config import Home
from tests.guide import Guided, enrolled, guided, hiring_company, made
from tests.guide_visitor import Visitor
from tests.live_collector import Site


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with hiring_company(tmp_path_factory.mktemp("company")) as site:
        yield site


@pytest.fixture
def home(company: Site, tmp_path: Path) -> Home:
    """Return the state of somebody who has enrolled."""
    return enrolled(company, tmp_path / "home")


@pytest.fixture
def guide(home: Home) -> Iterator[Guided]:
    with guided(home, made) as running:
        yield running


@pytest.fixture
def visitor(guide: Guided) -> Visitor:
    return Visitor(guide)

"""What every test may use: the project's root on the import path, the virtual sound card, a browser.

Fixtures for one part alone live beside that part's tests.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests import again, alone
from tests.needs import need_program

if TYPE_CHECKING:
    from tests.soundcard import SoundCard


os.environ["HOMECHECK_LANG"] = "en"  # whatever language the tester reads; a test of another one names it itself


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    alone.mark(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which measurements were repeated: what is told every day is no accident."""
    for one in again.repeated:
        terminalreporter.write_line(f"REPEATED {one}")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """A test that has the program speak another language leaves nothing behind."""
    yield
    os.environ["HOMECHECK_LANG"] = "en"
    gettext.textdomain("messages")  # Python's own: click's words are English then


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    """A virtual sound card that this process and its children use, with every device plugged in."""
    from tests.soundcard import SoundCard  # here, so that tests without sound do not wait for numpy

    with SoundCard.plugged_in() as card:
        for name, value in card.environment.items():
            monkeypatch.setenv(name, value)
        yield card


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser without a window, of Playwright's kind."""
    program = need_program("chromium", package="chromium")
    from playwright.sync_api import sync_playwright  # here: without the program it is not needed

    with sync_playwright() as playwright:
        # No sandbox: tests also run as root, and look at our own pages alone.
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            timeout=120_000,
        )
        yield browser
        browser.close()

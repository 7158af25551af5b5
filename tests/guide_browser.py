"""A real browser in front of the guide, for tests: pages that load nothing from elsewhere, and what every test does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.guide import Guided

TIMEOUT_MS = 60_000
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")  # as tests/conftest.py has them, and why
DESK = {"width": 1000, "height": 900}
PHONE = {"width": 360, "height": 740}
# Everything that reaches beyond the window, or is cut off by what it stands in.
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(one => {
  if (one.closest(".unseen, .skip, thead, [hidden], svg")) return false;
  return one.getBoundingClientRect().right > innerWidth + 1 ||
    (getComputedStyle(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1);
}).map(one => one.tagName + "." + one.className + ": " + one.textContent.trim().slice(0, 60))"""
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
SHOTS = os.environ.get("HOMECHECK_SCREENSHOTS")  # a folder: then every page is also kept as a picture
Visit = Callable[..., Any]


@contextmanager
def visiting(browser: Any) -> Iterator[Visit]:
    """Open pages; at the end nothing was fetched from elsewhere, blocked or broken."""
    contexts: list[Any] = []
    elsewhere: list[str] = []
    wrong: list[str] = []

    def open_page(guide: Guided, **options: Any) -> Any:
        context = browser.new_context(**options)
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda asked: None if asked.url.startswith(guide.url) else elsewhere.append(asked.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.goto(guide.newest())
        return page

    try:
        yield open_page
    finally:
        for context in contexts:
            context.close()
    assert elsewhere == []
    assert wrong == []


def picture(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def go_on(page: Any) -> None:
    """Come to the first part, by itself or by the button: it depends on how fast the company's server answers."""
    page.wait_for_selector("form[action='/measure/computer'], main a.button")
    if page.url.endswith("/consent"):
        page.focus("main a.button")
        page.keyboard.press("Enter")
    page.wait_for_url("**/step/computer")


def agree(page: Any) -> None:
    page.click("main a.button")
    page.check("input[value=company]")
    page.check("input[value=numbers]")
    page.click("main form button")
    page.check("input[name=agree]")
    page.click("main form button")
    go_on(page)


def focused_on(page: Any, number: int) -> None:
    """Wait until the question of that number is there and the focus has gone to its answer."""
    page.wait_for_function(
        "number => document.activeElement.closest(`[data-prompt='${number}']`) !== null", arg=str(number)
    )


def measured(page: Any, name: str) -> None:
    """Start the step of the page and wait for its end; what is asked is answered by the keyboard."""
    page.click('main button:is([formaction="/measure/headset"], form[action^="/measure"] > button)')
    if name == "headset":
        for number, key in ((1, "Enter"), (2, "2"), (3, "Enter")):
            focused_on(page, number)
            page.keyboard.press(key)
            if key != "Enter":
                page.keyboard.press("Enter")
    page.wait_for_selector("body[data-running=no]")
    page.wait_for_selector("main a.button")

"""The guide in a real browser: by keyboard alone, on a phone, in the dark, without its script, from two tabs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from homecheck.config import Home
from homecheck.ui.pages import Pages
from tests.accessibility import complaints
from tests.guide import Guided, guided, made
from tests.guide_browser import (
    CONTRAST,
    DESK,
    OPTIONS,
    PHONE,
    TOO_WIDE,
    Visit,
    agree,
    focused_on,
    go_on,
    measured,
    picture,
    visiting,
)
from tests.guide_visitor import Visitor
from tests.needs import need_program

pytestmark = pytest.mark.browser

IN_THE_LIGHT = ("welcome", "mistaken", "result", "preview", "done")  # every colour that there is


@pytest.fixture
def visit(chromium: Any) -> Iterator[Visit]:
    with visiting(chromium) as open_page:
        yield open_page


def test_it_goes_by_keyboard_alone(guide: Guided, visit: Visit) -> None:
    page = visit(guide, locale="en-GB", viewport=DESK)

    def reach(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} cannot be reached by Tab on {page.url}")

    def press_on(selector: str, leads_to: str) -> None:
        reach(selector)
        with page.expect_navigation(url=f"**/step/{leads_to}"):
            page.keyboard.press("Enter")

    press_on("main a.button", "understand")
    for name in ("who", "sound"):  # the right answer is the second of three
        reach(f"input[name={name}]")
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
    press_on("main form button", "consent")
    reach("input[name=agree]")
    page.keyboard.press("Space")
    reach("main form button")
    page.keyboard.press("Enter")
    go_on(page)
    start = "main button:is([formaction='/measure/headset'], form[action^='/measure'] > button)"
    for name, after in (
        ("computer", "connection"), ("connection", "headset"), ("headset", "room"), ("room", "questions")
    ):  # fmt: skip
        press_on(start, name)
        if name == "headset":  # the focus goes to what is asked, by itself
            for number, keys in ((1, ["Enter"]), (2, ["2", "Enter"]), (3, ["Enter"])):
                focused_on(page, number)
                for key in keys:
                    page.keyboard.press(key)
        page.wait_for_selector("body[data-running=no] main a.button")
        page.wait_for_selector("main:focus")  # what was found is read, not the page's top
        press_on("main a.button", after)
    for name in ("door", "desk"):
        reach(f"input[name={name}]")
        page.keyboard.press("Space")
    press_on("main form button", "result")
    assert "Use a network cable instead of Wi-Fi" in page.inner_text("main")
    press_on("p.actions a.button", "preview")
    press_on("button.large", "done")
    page.wait_for_selector(".note.good")


def test_every_page_can_be_read_by_everybody_on_a_phone_in_the_dark(guide: Guided, visit: Visit) -> None:
    page = visit(guide, locale="es-ES", color_scheme="dark", viewport=PHONE)
    found: list[str] = []

    def look(name: str) -> None:
        picture(page, f"es-dark-{name}")
        found.extend(f"{name}: {text}" for text in complaints(page))
        if name in IN_THE_LIGHT:
            page.emulate_media(color_scheme="light")
            found.extend(f"{name}, light: {text}" for text in complaints(page, CONTRAST))
            page.emulate_media(color_scheme="dark")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"

    look("welcome")
    page.click("main a.button")
    look("understand")
    page.check("input[value=everyone]")
    page.check("input[value=numbers]")
    page.click("main form button")
    look("mistaken")
    page.check("input[value=company]")
    page.check("input[value=numbers]")
    page.click("main form button")
    look("consent")
    page.check("input[name=agree]")
    page.click("main form button")
    go_on(page)
    for name in ("computer", "connection", "headset", "room"):
        page.goto(f"{guide.url}/step/{name}")
        look(name)
        if name == "headset":
            page.click("[formaction='/measure/headset']")
            page.wait_for_selector('[data-prompt="1"]')
            look("headset-asked")
            page.click("[data-prompt] button")
            page.wait_for_selector('[data-prompt="2"]')
            look("headset-counting")
            page.fill("input[name=answer]", "2")
            page.click("[data-prompt] button")
            page.wait_for_selector('[data-prompt="3"]')
            page.click("[data-prompt] button[value=yes]")
            page.wait_for_selector("main a.button")
        else:
            measured(page, name)
        look(f"{name}-done")
    page.goto(f"{guide.url}/step/questions")
    look("questions")
    page.goto(f"{guide.url}/step/result")
    page.click("summary")
    look("result")
    page.goto(f"{guide.url}/step/preview")
    for summary in page.locator("summary").all():
        summary.click()
    look("preview")
    page.click("button.large")
    page.wait_for_selector(".note.good")
    look("done")
    assert found == []


def test_without_the_script_it_works_by_forms_alone(guide: Guided, visit: Visit) -> None:
    page = visit(guide, locale="en-GB", viewport=DESK, java_script_enabled=False)

    def shown(selector: str) -> None:
        """Look again until it is there: what stands in <noscript> sleeps where Playwright has switched scripts off."""
        for _ in range(60):
            if page.locator(selector).count():
                return
            page.wait_for_timeout(500)
            page.reload()
        raise AssertionError(f"{selector} does not come: {page.inner_text('main')}")

    page.click("main a.button")
    page.check("input[value=company]")
    page.check("input[value=numbers]")
    page.click("main form button")
    page.check("input[name=agree]")
    page.click("main form button")
    shown("main a.button, form[action='/measure/computer']")
    page.goto(f"{guide.url}/step/computer")
    page.click("main form[action='/measure/computer'] button")
    shown("main a.button")
    assert "16 GiB" in page.inner_text("main")
    page.goto(f"{guide.url}/step/headset")
    page.click("[formaction='/measure/headset']")
    shown('[data-prompt="1"]')
    assert "http-equiv" not in page.content()  # nothing sweeps away what somebody types
    page.click("[data-prompt] button")
    shown('[data-prompt="2"]')
    page.fill("[data-prompt] input[type=number]", "2")
    page.click("[data-prompt] button")
    shown('[data-prompt="3"]')
    page.click("[data-prompt] button[value=yes]")
    shown("main a.button")
    assert "wired" in page.inner_text("main")


def test_a_second_tab_shows_the_same_and_answers_for_both(guide: Guided, visit: Visit) -> None:
    first = visit(guide, locale="en-GB", viewport=DESK)
    agree(first)
    second = first.context.new_page()
    first.goto(f"{guide.url}/step/headset")
    first.click("[formaction='/measure/headset']")
    first.wait_for_selector('[data-prompt="1"]')
    second.goto(guide.url)
    assert second.url.endswith("/step/headset")
    second.click("[data-prompt='1'] button")
    first.fill("[data-prompt='2'] input[type=number]", "2")
    first.click("[data-prompt='2'] button")
    second.click("[data-prompt='3'] button[value=yes]")
    for page in (first, second):
        page.wait_for_selector("main a.button")
        assert "wired" in page.inner_text("main")


def test_who_ended_homecheck_half_way_goes_on_where_they_stopped(home: Home, chromium: Any) -> None:
    with visiting(chromium) as visit, guided(home, made) as guide:
        page = visit(guide, locale="sv-SE", viewport=PHONE)
        agree(page)
        measured(page, "computer")
        page.click("form[action='/quit'] button")
        assert "Det sparas på den här datorn till" in page.inner_text("main")
        picture(page, "sv-goodbye")
    with visiting(chromium) as visit, guided(home, made) as guide:
        page = visit(guide, locale="sv-SE", viewport=PHONE, color_scheme="dark")
        assert "Uppmätt hittills: Den här datorn." in page.inner_text(".begun")
        assert complaints(page) == []
        picture(page, "sv-dark-begun")
        page.focus(".begun button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/step/*")
        page.wait_for_selector("form[action='/measure/connection'], main a.button")
        page.goto(f"{guide.url}/step/computer")
        assert "16 GiB" in page.inner_text("main")


def test_with_letters_twice_as_large_nothing_is_cut_off_and_nothing_moves(
    guide: Guided, visitor: Visitor, chromium: Any
) -> None:
    """What somebody sees who has set larger letters in the browser, and asked the system for less motion."""
    visitor.agree()
    visitor.measure_all()
    large = chromium.browser_type.launch(
        executable_path=need_program("chromium", package="chromium"),
        args=[*OPTIONS, "--blink-settings=defaultFontSize=32"],
    )
    try:
        with visiting(large) as visit:
            page = visit(guide, locale="sv-SE", viewport=DESK, reduced_motion="reduce")
            for name in Pages(guide.sitting).names():
                page.goto(f"{guide.url}/step/{name}")
                assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == 32
                for width in (DESK["width"], 640):
                    page.set_viewport_size({"width": width, "height": 900})
                    assert page.evaluate(TOO_WIDE) == [], f"{name} at {width}"
                    picture(page, f"sv-large-{name}-{width}")
                assert page.evaluate("document.getAnimations().length") == 0
    finally:
        large.close()

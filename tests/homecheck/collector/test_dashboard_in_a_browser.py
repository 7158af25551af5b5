"""Three people in a real browser: one passes, one fails, and a stranger who must see nothing.

Scripts are switched off in some visits: everything works without them, since there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from homecheck.collector import administration
from tests.live_collector import Site, in_thread
from tests.needs import need_program
from tests.people import FAILS, PASSES

pytestmark = pytest.mark.browser

TIMEOUT_MS = 15_000
PHONE = {"width": 360, "height": 740}
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("browser")) as site:
        for character in (PASSES, FAILS):
            assert site.worker(character).check().status_code == 201
        administration.add_user(site.database, "ada", "admin", "a test", datetime.now(UTC))
        yield site


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    program = need_program("chromium", package="chromium")
    from playwright.sync_api import sync_playwright  # here: without the program it is not needed

    with sync_playwright() as playwright:
        # No sandbox: tests also run as root, and look at our own pages alone.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, house: Site) -> Iterator[Visit]:
    """Open a page in a browser of its own; at the end nothing was blocked, broken, or fetched from elsewhere."""
    contexts, complaints, elsewhere = [], [], []

    def watch(request: Any) -> None:
        if not request.url.startswith(house.url):
            elsewhere.append(request.url)

    def open_page(**options: Any) -> Any:
        context = chromium.new_context(**options)
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", watch)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    # A refused page is told on the console as well; everything else there is a fault of ours.
    assert [text for text in complaints if "status of 401" not in text] == []


def signed_in(site: Site, page: Any) -> Any:
    page.goto(administration.sign_in_link(site.database, "ada", "a test", datetime.now(UTC)))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/")
    return page


def test_the_list_shows_who_passes_who_fails_and_why(house: Site, visit: Visit) -> None:
    page = signed_in(house, visit(java_script_enabled=False))
    row = page.get_by_role("row").filter(has_text=PASSES.name)
    assert "pass" in row.inner_text()
    failing = page.get_by_role("row").filter(has_text=FAILS.name).inner_text()
    for text in ("✗\nfail", "Download speed", "How the headset is connected", "Noise in the room"):
        assert text in failing
    page.get_by_role("link", name="fail 1").click()
    assert page.url == f"{house.url}/?verdict=fail"
    assert PASSES.name not in page.inner_text("main")
    page.get_by_label("Name").fill("nobody")
    page.get_by_role("button", name="Show").click()
    assert "Nobody is like that" in page.inner_text("main")


def test_one_evidence_shows_every_finding_and_its_proof(house: Site, visit: Visit) -> None:
    page = signed_in(house, visit())
    page.get_by_role("link", name=FAILS.name).click()
    page.get_by_role("table", name="Checks").get_by_role("link").first.click()
    findings = page.get_by_role("table", name="Findings").inner_text()
    for text in ("3.10 ± 0.80 Mbit/s", "at least 10 Mbit/s", "Plug in a network cable.", "no microphone is plugged in"):
        assert text in findings
    assert page.url.rpartition("/")[2] in page.inner_text("main")
    # A device that calls itself a script is shown, and runs nothing.
    assert page.get_by_text("<script>alert('headset')</script>").is_visible()
    assert page.locator("script").count() == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="Envelope").click()
    assert download.value.suggested_filename.endswith(".jws")


def test_a_stranger_sees_nothing(house: Site, visit: Visit) -> None:
    known = signed_in(house, visit())
    known.get_by_role("row").filter(has_text=FAILS.name).get_by_role("link").last.click()
    evidence = known.url
    assert "/evidence/" in evidence
    stranger = visit()
    for address in (house.url, evidence, f"{evidence}/envelope", f"{house.url}/programs", f"{house.url}/events"):
        answer = stranger.goto(address)
        assert answer.status == 401
        text = stranger.inner_text("body")
        assert "Ask an administrator for a link" in text
        for secret in (PASSES.name, FAILS.name, "sha256", "test-line"):
            assert secret not in text
    # After signing out, the one who knew is a stranger too.
    known.get_by_role("button", name="Sign out").click()
    known.get_by_role("heading", name="Sign in").wait_for()
    assert known.goto(evidence).status == 401
    assert FAILS.name not in known.inner_text("body")


def test_somebody_is_invited_without_scripts_and_by_keyboard_alone(house: Site, visit: Visit) -> None:
    page = signed_in(house, visit(java_script_enabled=False))
    page.goto(f"{house.url}/programs/support")
    page.keyboard.press("Tab")
    assert page.get_by_text("To the content").is_visible()  # the first stop for a keyboard
    for _ in range(20):
        if page.locator("input[name=person]:focus").count():
            break
        page.keyboard.press("Tab")
    page.keyboard.type("Åsa Öberg")
    page.keyboard.press("Enter")
    address = page.locator("pre").first.inner_text().strip()
    assert address.startswith(f"{house.url}/invite/")
    guest = visit(viewport=PHONE)
    guest.goto(address)
    assert "Example Inc. invites Åsa Öberg" in guest.inner_text("main")
    assert f"homecheck enroll {address}" in guest.inner_text("main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, {"width": 1280, "height": 800}], ids=["phone", "desk"])
def test_pages_fit_the_screen_and_text_stands_out(house: Site, visit: Visit, scheme: str, size: dict[str, int]) -> None:
    page = signed_in(house, visit(color_scheme=scheme, viewport=size))
    addresses = [page.url, f"{house.url}/programs/support", f"{house.url}/events"]
    page.get_by_role("link", name=FAILS.name).click()
    addresses.append(page.url)
    page.get_by_role("table", name="Checks").get_by_role("link").first.click()
    addresses.append(page.url)
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.title()
        # WCAG 2.2, 1.4.3: at least 4.5 to 1 for text, computed from what the browser really paints.
        assert page.evaluate(CONTRAST) == [], address
        if size == PHONE:  # each cell names its column there
            assert page.evaluate(VISIBLE_HEADINGS) == [], address


# The headings of columns that can be seen somewhere along their middle.
VISIBLE_HEADINGS = """() => [...document.querySelectorAll('thead th')].filter(heading => {
  heading.scrollIntoView({block: 'center'});
  const box = heading.getBoundingClientRect();
  for (let x = Math.max(0, box.left); x < Math.min(box.right, innerWidth); x += 2)
    if (heading.contains(document.elementFromPoint(x, (box.top + box.bottom) / 2))) return true;
  return false;
}).map(heading => heading.textContent)"""


# Relative luminance and contrast ratio as WCAG 2.2 defines them; returns the texts that are too faint.
CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
    if (!text || !element.checkVisibility()) continue;
    const one = luminance(parse(getComputedStyle(element).color)), other = luminance(ground(element));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""

"""Three people in a real browser: one passes, one fails, and a stranger who must see nothing.

Scripts are switched off in some visits: everything works without them, since there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homecheck.clock import utc_now
from homecheck.collector import administration, tokens, webhooks
from homecheck.collector.operators import calls
from homecheck.collector.store import webhooks as stored_webhooks
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.waivers import Asked
from homecheck.policy import parse_policy
from tests.accessibility import RULES, SEEN, complaints
from tests.live_collector import Site, in_thread
from tests.office import CALL_POLICY, promised
from tests.people import FAILS, PASSES, POLICY_TEXT, Worker

pytestmark = pytest.mark.browser

TIMEOUT_MS = 60_000
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
# What somebody could put together who has the page and no button.
SEND_A_FORM = """() => {
  const form = document.createElement('form');
  form.method = 'post'; form.action = '/programs/support/invitations';
  const name = document.createElement('input'); name.name = 'person'; name.value = 'Ny';
  form.append(name); document.body.append(form); form.submit();
}"""
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("browser")) as site:
        for character in (PASSES, FAILS):
            assert site.worker(character).check().status_code == 201
        phone = parse_policy(CALL_POLICY, "phone policy")
        now = datetime.now(UTC)
        administration.add_program(site.database, "phone", "Telephone line", "To see.", 30, phone, "a test", now)
        caller = Worker(site.url)
        address = administration.invite(
            site.database, "phone", "Klara Call", timedelta(hours=1), "a test", now, "+46 8 123 456 78"
        )
        assert caller.enrol(address.rpartition("/")[2]).status_code == 201
        promised(caller, caller.challenge())
        administration.add_user(site.database, "ada", "admin", "a test", datetime.now(UTC))
        yield site


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
    refused = ("status of 400", "status of 401", "status of 403")
    assert [text for text in complaints if not any(one in text for one in refused)] == []


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
    assert page.get_by_role("cell", name="<script>alert('headset')</script>").first.is_visible()
    assert page.locator("script").count() == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="Envelope").click()
    assert download.value.suggested_filename.endswith(".jws")


def test_an_operator_finds_the_call_from_any_page_and_reads_number_and_code(house: Site, visit: Visit) -> None:
    page = signed_in(house, visit(java_script_enabled=False))
    page.get_by_role("link", name="Calls, 1 waiting").click()
    row = page.get_by_role("row").filter(has_text="Klara Call")
    (call,) = calls(house.database, utc_now())
    assert "+46812345678" in row.inner_text()
    assert call.code in row.inner_text()
    with page.expect_download() as download:
        row.get_by_role("link", name="Sound file for Klara Call").click()
    assert download.value.suggested_filename == "code.wav"


def test_a_stranger_sees_nothing(house: Site, visit: Visit) -> None:
    known = signed_in(house, visit())
    known.get_by_role("row").filter(has_text=FAILS.name).get_by_role("link").last.click()
    evidence = known.url
    assert "/evidence/" in evidence
    stranger = visit()
    for address in (
        house.url,
        evidence,
        f"{evidence}/envelope",
        f"{house.url}/programs",
        f"{house.url}/events",
        f"{house.url}/calls",
    ):
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
    assert page.get_by_text("Skip to the content").is_visible()  # the first stop for a keyboard
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


# Scripts stay on where axe looks: it needs them. The pages have none.
def tab_to(page: Any, selector: str) -> None:
    """Press Tab until something has the focus, as far as the page is long."""
    for _ in range(120):
        if page.locator(f"{selector}:focus").count():
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {selector}")


def test_a_waiver_is_approved_and_ended_by_keyboard_alone(house: Site, visit: Visit) -> None:
    page = signed_in(house, visit())
    page.get_by_role("link", name=FAILS.name).click()
    page.goto(f"{page.url}/waivers")
    person = page.url
    tab_to(page, "select[name=quantity]")
    page.keyboard.type("Noise")  # a list goes to what is typed
    page.keyboard.press("Tab")
    page.keyboard.type("A new microphone is on its way.")
    page.keyboard.press("Tab")
    until = utc_now() + timedelta(days=30)
    page.keyboard.type(f"{until:%m%d%Y}")
    tab_to(page, "form[action$='/waivers'] button")
    page.keyboard.press("Enter")
    page.get_by_role("table", name="Waivers").wait_for()
    row = page.get_by_role("table", name="Waivers").get_by_role("row").filter(has_text="room.noise")
    assert f"{until:%Y-%m-%d}" in row.inner_text()
    page.goto(f"{house.url}/?state=waived")
    assert "Noise in the room: waived until" in page.get_by_role("row").filter(has_text=FAILS.name).inner_text()
    page.get_by_role("row").filter(has_text=FAILS.name).get_by_role("link").last.click()
    check_look(page, "the evidence of somebody with a waiver")
    assert "Noise in the room: waived until" in page.inner_text("main")
    page.goto(person)
    check_look(page, "waivers of a person, with one")
    tab_to(page, "form[action$='/revoke'] input[name=reason]")
    page.keyboard.type("It came.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("revoked").first.wait_for()
    assert house.browse_database("SELECT revoked_reason FROM waiver") == ["It came."]


def test_a_policy_is_tried_and_published_by_keyboard_alone(house: Site, visit: Visit) -> None:
    page = signed_in(house, visit())
    page.goto(f"{house.url}/programs/support/policy")
    tab_to(page, "textarea")
    text = page.input_value("textarea")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text.replace("at_most = -50", "at_most = -52"))
    tab_to(page, "form[action$='/try'] button")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What it would do").wait_for()
    check_look(page, "a policy that was tried")
    assert "room.noise: at_most was -50, is -52" in page.inner_text("main")
    before = house.browse_database("SELECT COUNT(*) FROM policy_version WHERE program = 'support'")
    tab_to(page, "button[formaction$='/publish']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.url}/programs/support")
    (after,) = house.browse_database("SELECT COUNT(*) FROM policy_version WHERE program = 'support'")
    assert [after] == [before[0] + 1]  # type: ignore[operator]


def test_every_page_fits_the_screen_and_can_be_read_by_everybody(house: Site, visit: Visit) -> None:
    page = signed_in(house, visit())
    changed = parse_policy(POLICY_TEXT.replace("at_least = 10", "at_least = 9"), "a test")
    administration.publish_policy(house.database, "support", changed, "a test", datetime.now(UTC))
    at = utc_now()
    reason = "A corded headset was ordered."
    asked = Asked("support", FAILS.name, "headset.transport", reason, at, at + timedelta(days=20))
    administration.propose_waiver(house.database, asked, "bo", at)
    names = ("fleet", "programs", "programs/support", "programs/support/policies/1/2", "events", "calls")
    addresses = [page.url, *(f"{house.url}/{name}" for name in names)]
    forms = ("waivers", "programs/support/policy", "programs/support/invitations/list", "account")
    addresses += [f"{house.url}/{name}" for name in forms]
    page.get_by_role("link", name=FAILS.name).click()
    addresses += [page.url, f"{page.url}/waivers"]
    page.get_by_role("table", name="Checks").get_by_role("link").first.click()
    addresses.append(page.url)
    page.get_by_role("definition").get_by_role("link").first.click()  # the key that signed it
    addresses.append(page.url)
    assert "/devices/" in page.url
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
        check_all_looks(page)


def check_look(page: Any, where: str, *, whole: bool = True) -> None:
    """Nothing needs sideways scrolling, text stands out, and axe finds nothing wrong.

    Once for a colour scheme and once for a size axe looks at everything; else at what both change together, and the
    contrast (WCAG 2.2, 1.4.3: at least 4.5 to 1 for text) is computed here from what the browser really paints.
    """
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), where
    assert complaints(page, RULES if whole else SEEN) == [], where
    if not whole:
        assert page.evaluate(CONTRAST) == [], where


def test_an_administrator_does_without_scripts_what_only_administrators_do(house: Site, visit: Visit) -> None:
    house.worker(PASSES, "Gun Gone").check()
    page = signed_in(house, visit(java_script_enabled=False, viewport=PHONE))
    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_role("link", name="Add a program").click()
    page.get_by_label("Id:").fill("night")
    page.get_by_label("Title").fill("Night line")
    page.get_by_role("button", name="Add the program").click()
    page.wait_for_url(f"{house.url}/programs/night")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Results are kept").fill("200")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"{house.url}/programs/night")
    assert "Results are kept for 200 days." in page.inner_text("main")
    page.goto(f"{house.url}/users")
    page.get_by_label("Name").fill("nils@example.com")
    page.get_by_label("Where").select_option(label="in Night line")
    page.get_by_role("button", name="Add the user").click()
    link = page.locator(".note pre").inner_text()
    nils = visit(java_script_enabled=False)
    nils.goto(link)
    nils.get_by_role("button", name="Sign in").click()
    nils.wait_for_url(f"{house.url}/")
    assert nils.get_by_role("link", name="Admin", exact=True).count() == 0
    page.get_by_role("link", name="nils@example.com").click()
    page.get_by_label("Role in Night line", exact=True).select_option("admin")
    page.get_by_role("button", name="Change the role in Night line").click()
    nils.reload()
    assert nils.get_by_role("link", name="Admin", exact=True).count() == 1
    page.get_by_role("link", name="Lock nils@example.com").click()
    page.get_by_label("To confirm").fill("nils@example.com")
    page.get_by_role("button", name="Lock", exact=True).click()
    assert "Locked: no role" in page.inner_text("main")
    assert nils.reload().status == 401
    page.goto(f"{house.url}/webhooks")
    page.get_by_label("Address").fill("https://receiver.invalid/homecheck")
    page.get_by_role("button", name="Add the receiver").click()
    assert page.locator(".note pre").inner_text().startswith("whsec_")
    page.get_by_role("link", name="Tell this server nothing more").click()
    page.get_by_role("button", name="Switch it off").click()
    page.wait_for_url(f"{house.url}/webhooks")
    assert "receiver.invalid" not in page.inner_text("main")


def test_a_person_is_erased_by_keyboard_alone_and_the_proof_is_saved(house: Site, visit: Visit) -> None:
    worker = house.worker(PASSES, "Åke Away")
    worker.check()
    page = signed_in(house, visit())
    page.goto(f"{house.url}/people/{worker.subject}")
    tab_to(page, "a[href$='/erase']")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Erase Åke Away?").wait_for()
    tab_to(page, "input[name=typed]")
    page.keyboard.insert_text("Ake Away")
    page.keyboard.press("Enter")
    page.get_by_text("Nobody was erased").wait_for()
    assert page.input_value("input[name=typed]") == "Ake Away"
    check_both_looks(page)
    page.locator("input[name=typed]").fill("Åke Away")
    page.locator("input[name=typed]").press("Enter")
    page.get_by_role("heading", name="This person was erased").wait_for()
    check_both_looks(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the proof").click()
    assert download.value.suggested_filename == f"erasure-{worker.subject}.jws"
    page.goto(f"{house.url}/?name=Away")
    assert "Nobody is like that" in page.inner_text("main")


def test_every_page_of_administrators_fits_the_screen_and_can_be_read_by_everybody(house: Site, visit: Visit) -> None:
    now = utc_now()
    if house.browse_database("SELECT COUNT(*) FROM \"user\" WHERE name = 'rut@example.com'") == [0]:
        house.browse("rut@example.com", "auditor", "support")
    tokens.add_at_command_line(house.database, "rut@example.com", "t", ["read"], "", timedelta(days=1), "a test")
    with opened(house.database) as db, transaction(db):
        hook = webhooks.add(db, "https://receiver.invalid/look", None, ("test",), By("a test"), now, ())
        message = webhooks.send_test(db, hook.id, house.url, now + timedelta(days=1))
        stored_webhooks.note_attempt(db, message.id, "given-up", None, 503, "the receiver answered 503")
    page = signed_in(house, visit())
    for address in (
        "administration", "new-program", "programs/support/settings", "users", "users/rut@example.com",
        "users/rut@example.com/lock", "webhooks", f"webhooks/{hook.id}/remove", f"webhooks/{hook.id}",
    ):  # fmt: skip
        page.goto(f"{house.url}/{address}")
        if address.endswith(hook.id):
            page.get_by_role("button", name="Rotate the secret").click()
            page.get_by_role("status").wait_for()
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
        check_both_looks(page)


def check_both_looks(page: Any) -> None:
    """Let axe look at all of a page at a desk in light and on a phone in dark: colours do not go by size."""
    for size, scheme in ((DESK, "light"), (PHONE, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        check_look(page, f"{page.url}, {scheme}, {size['width']} px")
    assert page.evaluate(VISIBLE_HEADINGS) == [], page.url  # on a phone each cell names its column


def check_all_looks(page: Any) -> None:
    """Look at a page in both sizes, in light and in dark."""
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.title()
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            whole = (size, scheme) in ((DESK, "light"), (PHONE, "dark"))
            check_look(page, f"{page.url}, {scheme}, {size['width']} px", whole=whole)
    assert page.evaluate(VISIBLE_HEADINGS) == [], page.url  # on a phone each cell names its column


def test_pages_for_those_who_are_not_signed_in_can_be_read_by_everybody(house: Site, visit: Visit) -> None:
    page = visit()
    link = administration.sign_in_link(house.database, "ada", "a test", datetime.now(UTC))
    for address in (house.url, link, f"{house.url}/invite/{house.invite('Nova')}", f"{house.url}/problems/not-found"):
        page.goto(address)
        for size in (DESK, PHONE):
            page.set_viewport_size(size)
            check_look(page, f"{address}, {size['width']} px")


def test_a_viewer_who_sends_a_form_of_ours_is_refused(house: Site, visit: Visit) -> None:
    page = visit()
    page.goto(house.sign_in_link("vi", "viewer"))
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{house.url}/programs/support")
    assert page.get_by_role("button", name="Make an invitation").count() == 0
    page.evaluate(SEND_A_FORM)
    page.get_by_role("heading", name="Your role does not allow this").wait_for()
    assert house.browse_database("SELECT COUNT(*) FROM person WHERE name = 'Ny'") == [0]


def test_a_page_with_faults_would_be_complained_about(visit: Visit) -> None:
    page = visit()
    page.set_content('<html><body><img src="data:,"><input><p id="a">x</p><p id="a">y</p></body></html>')
    rules = {one.partition(":")[0] for one in complaints(page)}
    assert {"image-alt", "label", "document-title", "html-has-lang"} <= rules


# The headings of columns that can be seen somewhere along their middle.
VISIBLE_HEADINGS = """() => [...document.querySelectorAll('table:not(.numbers) thead th')].filter(heading => {
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

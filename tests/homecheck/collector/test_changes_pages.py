"""Policies, waivers and lists of people in the dashboard over HTTP: who may, what is kept, and two admins at once."""

from __future__ import annotations

import csv
import html
import io
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from homecheck.collector.publishing import read_draft
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, PASSES, POLICY_TEXT, Worker

POLICY = f"/programs/{PROGRAM}/policy"
LIST = f"/programs/{PROGRAM}/invitations/list"
NEW = POLICY_TEXT.replace("at_least = 10", "at_least = 20  # we share screens").replace(
    'version = "3"', 'version = "4"'
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with in_thread(tmp_path) as running:
        yield running


@pytest.fixture
def admin(site: Site) -> requests.Session:
    return site.browse("ada", "admin")


def base_of(page: str) -> str:
    found = re.search(r'name="base" value="(\d+)"', page)
    assert found
    return found[1]


def text_of(page: str) -> str:
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def post(http: requests.Session, url: str, **form: str) -> requests.Response:
    return http.post(url, data=form, timeout=60, allow_redirects=False)


def test_a_policy_is_edited_tried_and_published_with_its_comments(site: Site, admin: requests.Session) -> None:
    for download in (48.2, 19.5, 12.0):
        assert site.worker(replace(PASSES, name=f"At {download:g}", download=download)).check().status_code == 201
    page = admin.get(f"{site.url}{POLICY}").text
    assert read_draft(text_of(page)).policy is not None
    base = base_of(page)
    tried = post(admin, f"{site.url}{POLICY}/try", text=NEW.replace("\n", "\r\n"), base=base)
    assert tried.status_code == 200
    shown = html.unescape(tried.text)
    assert "2 of 3 would fail, 1 of them within their uncertainty" in shown
    assert "network.download: at_least was 10, is 20" in shown
    assert "1: warn → fail" in shown
    assert "At 12" in shown
    assert "room.noise: no reason is given" in shown
    assert site.browse_database("SELECT count(*) FROM policy_version") == [1]
    published = post(admin, f"{site.url}{POLICY}/publish", text=text_of(tried.text), base=base)
    assert (published.status_code, published.headers["Location"]) == (303, f"/programs/{PROGRAM}")
    assert "# we share screens" in text_of(admin.get(f"{site.url}{POLICY}").text)
    assert "at_least = 10" in text_of(admin.get(f"{site.url}{POLICY}?from=1").text)
    assert "policy-published" in site.browse_database("SELECT kind FROM event")
    assert site.browse_database("SELECT published_by FROM policy_version ORDER BY number DESC") == ["ada", "a test"]
    assert site.defects() == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (NEW.replace("at_least", "atleast"), "Line 9: network.download: unknown key 'atleast'"),
        (NEW.replace("room.noise", "room.nose"), "Line 23: room.nose: there is no such quantity"),
        (NEW.replace("[[declaration]]", "[[declaration"), "Line 26: not TOML"),
        ("", "the policy is empty|name"),
        ("x" * 200_001, "at most 200000"),
        ("<script>alert(1)</script>", "Line 1: not TOML"),
    ],
)
def test_a_mistake_is_shown_with_its_line_and_the_text_stays(
    site: Site, admin: requests.Session, text: str, mistake: str
) -> None:
    for what in ("try", "publish"):
        answer = post(admin, f"{site.url}{POLICY}/{what}", text=text, base="1")
        assert answer.status_code == 400
        assert re.search(mistake, html.unescape(answer.text)), answer.text[:3000]
        assert text_of(answer.text) == text
        assert "<script>" not in answer.text
    assert site.browse_database("SELECT count(*) FROM policy_version") == [1]


def test_the_second_of_two_admins_gets_409_with_the_difference_and_keeps_the_text(site: Site) -> None:
    ada, bob = site.browse("ada", "admin"), site.browse("bob", "admin")
    mine = NEW.replace("at_most = -50", "at_most = -55")
    base = base_of(ada.get(f"{site.url}{POLICY}").text)
    assert base == base_of(bob.get(f"{site.url}{POLICY}").text)
    assert post(ada, f"{site.url}{POLICY}/publish", text=NEW, base=base).status_code == 303
    refused = post(bob, f"{site.url}{POLICY}/publish", text=mine, base=base)
    assert refused.status_code == 409
    shown = html.unescape(refused.text)
    assert "Nothing was published: ada has published number 2, yours began with number 1" in shown
    assert "network.download: at_least was 10, is 20" in shown  # what ada did
    assert "room.noise: at_most was -50, is -55" in shown  # what bob's text would do to it
    assert text_of(refused.text) == mine
    assert site.browse_database("SELECT count(*) FROM policy_version") == [2]
    # Having seen it, bob publishes.
    assert post(bob, f"{site.url}{POLICY}/publish", text=mine, base=base_of(refused.text)).status_code == 303
    assert site.browse_database("SELECT published_by FROM policy_version ORDER BY number") == ["a test", "ada", "bob"]


def test_of_eight_who_publish_at_once_one_wins(site: Site) -> None:
    people = [site.browse(f"admin{one}", "admin") for one in range(8)]
    texts = [NEW.replace("at_least = 20", f"at_least = {11 + one}") for one in range(8)]

    def send(one: int) -> int:
        return post(people[one], f"{site.url}{POLICY}/publish", text=texts[one], base="1").status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(8))) == [303, *[409] * 7]
    assert site.browse_database("SELECT count(*) FROM policy_version") == [2]


def test_what_would_change_nothing_is_not_published(site: Site, admin: requests.Session) -> None:
    same = post(admin, f"{site.url}{POLICY}/publish", text=POLICY_TEXT + "\n# a comment\n", base="1")
    assert same.status_code == 400
    assert "this is the policy that counts already" in same.text
    assert post(admin, f"{site.url}{POLICY}/publish", text=NEW, base="").status_code == 400


def send_list(http: requests.Session, url: str, data: bytes, **fields: str) -> requests.Response:
    return http.post(url, files={"list": ("people.csv", data, "text/csv")}, data=fields, timeout=60)


def confirm(http: requests.Session, site: Site, page: str) -> requests.Response:
    form = dict(re.findall(r'<input type="hidden" name="(list|token)" value="([^"]*)">', page))
    return post(http, f"{site.url}{LIST}/send", **form)


def test_a_list_is_previewed_then_invited_and_its_addresses_work_once(site: Site, admin: requests.Session) -> None:
    assert "A CSV file, as a spreadsheet saves it" in admin.get(f"{site.url}{LIST}").text
    data = "name;email;phone\r\nJürgen Müller;j@example.com;+49 30 123456\r\nÅsa Öberg;;\r\n"
    preview = send_list(admin, f"{site.url}{LIST}", b"\xff\xfe" + data.encode("utf-16-le"))
    assert preview.status_code == 200, preview.text
    assert "2 people would be invited" in preview.text
    assert "Jürgen Müller" in preview.text
    assert site.browse_database("SELECT count(*) FROM person") == [0]
    sent = confirm(admin, site, preview.text)
    assert sent.headers["Content-Disposition"] == f'attachment; filename="invitations-{PROGRAM}.csv"'
    rows = list(csv.DictReader(io.StringIO(sent.text, newline="")))
    assert [(row["name"], row["email"]) for row in rows] == [("Jürgen Müller", "j@example.com"), ("Åsa Öberg", "")]
    for row in rows:
        assert Worker(site.url).enrol(row["address"].rpartition("/")[2]).status_code == 201
    again = confirm(admin, site, preview.text)
    assert again.status_code == 409
    assert "each address was shown once" in again.text
    assert site.browse_database("SELECT count(*) FROM invite") == [2]
    assert site.browse_database("SELECT kind FROM event WHERE kind LIKE 'invited%' ORDER BY id") == [
        "invited-list", "invited", "invited",
    ]  # fmt: skip
    assert site.defects() == []


def test_a_list_can_be_typed_and_its_mistakes_are_named_by_line(site: Site, admin: requests.Session) -> None:
    text = "name,phone\r\nÅsa Öberg,\r\n=cmd|'/C calc'!A0,\r\nBo,123\r\n"
    answer = send_list(admin, f"{site.url}{LIST}", b"", text=text)
    assert answer.status_code == 400
    shown = html.unescape(answer.text)
    assert "Nobody was invited." in shown
    assert "line 3: name: \"=cmd|'/C calc'!A0\" would be calculated" in shown
    assert "line 4: telephone: '123'" in shown
    assert 'name="token"' not in answer.text
    typed = send_list(admin, f"{site.url}{LIST}", b"", text="name\r\nÅsa Öberg\r\n")
    assert "1 person would be invited" in typed.text
    assert site.browse_database("SELECT count(*) FROM person") == [0]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"list": "", "token": "a"}, 400),
        ({"list": "AAAA", "token": "a"}, 400),
        ({"list": "eJwDAAAAAAE", "token": "a"}, 400),
        ({"list": "eJzLS8xNBQAEIQGl", "token": "<x>"}, 400),
    ],
)
def test_what_no_preview_has_made_is_refused(
    site: Site, admin: requests.Session, form: dict[str, str], status: int
) -> None:
    assert post(admin, f"{site.url}{LIST}/send", **form).status_code == status
    assert site.browse_database("SELECT count(*) FROM person") == [0]


def test_a_form_in_parts_that_is_none_is_refused(site: Site, admin: requests.Session) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x", "text/csv"):
        answer = admin.post(
            f"{site.url}{LIST}", data=b"name\r\nBo\r\n", headers={"Content-Type": content_type}, timeout=20
        )
        assert answer.status_code in (400, 415), content_type
    assert site.browse_database("SELECT count(*) FROM person") == [0]


def test_a_waiver_is_approved_shown_everywhere_and_revoked(site: Site, admin: requests.Session) -> None:
    worker = site.worker(FAILS)
    assert worker.check().status_code == 201
    reviewer = site.browse("rob", "reviewer")
    page = f"{site.url}/people/{worker.subject}/waivers"
    until = datetime.now(UTC).date() + timedelta(days=30)
    form = {"quantity": "network.download", "reason": "Waits for the fibre <b>line</b>.", "until": f"{until}"}
    for quantity in ("network.download", "headset.transport", "room.noise", "declaration.door"):
        assert post(reviewer, page, **{**form, "quantity": quantity}).status_code == 303
    words = html.escape("Waits for the fibre <b>line</b>.", quote=False)
    for address in ("/", f"/people/{worker.subject}", f"/people/{worker.subject}/waivers", "/waivers"):
        shown = admin.get(f"{site.url}{address}").text
        assert words in shown, address
        assert "<b>line" not in shown
    listed = admin.get(f"{site.url}/").text
    assert "fail, waived until " in listed
    assert "counts as warn" in listed
    assert "/people/" in admin.get(f"{site.url}/?verdict=fail").text  # the verdict itself stays
    (waiver, *_) = re.findall(r'action="/waivers/([0-9a-f]{16})/revoke"', admin.get(page).text)
    assert post(admin, f"{site.url}/waivers/{waiver}/revoke", reason="").status_code == 400
    assert post(admin, f"{site.url}/waivers/{waiver}/revoke", reason="It came.").status_code == 303
    assert "by ada: It came." in admin.get(page).text
    assert waiver not in admin.get(f"{site.url}/waivers").text
    assert "fail, waived until " not in admin.get(f"{site.url}/").text  # one of four is not waived any more
    assert "It came." in admin.get(f"{site.url}/waivers?all=1").text
    assert site.defects() == []


def test_a_waiver_that_is_refused_says_why_and_the_form_keeps_what_was_typed(
    site: Site, admin: requests.Session
) -> None:
    worker = site.worker(FAILS)
    page = f"{site.url}/people/{worker.subject}/waivers"
    answer = post(admin, page, quantity="room.noise", reason="Typed with care.", until="2036-01-01")
    assert answer.status_code == 400
    assert "2036-01-01 is more than a year away" in answer.text
    assert 'value="Typed with care."' in answer.text
    assert '<option value="room.noise" selected>' in answer.text
    assert post(admin, page, quantity="room.noise", reason="", until="2036-01-01").status_code == 400
    assert site.browse_database("SELECT count(*) FROM waiver") == [0]


@pytest.mark.parametrize(("role", "may"), [("viewer", ()), ("auditor", ()), ("reviewer", ("list", "waiver"))])
def test_only_those_with_the_right_change_anything(site: Site, role: str, may: tuple[str, ...]) -> None:
    worker = site.worker(FAILS)
    visitor = site.browse("vic", role)  # type: ignore[arg-type]  # the parametrized roles are roles
    until = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    answers = {
        "edit": visitor.get(f"{site.url}{POLICY}", timeout=20),
        "try": post(visitor, f"{site.url}{POLICY}/try", text=NEW, base="1"),
        "publish": post(visitor, f"{site.url}{POLICY}/publish", text=NEW, base="1"),
        "list": send_list(visitor, f"{site.url}{LIST}", b"name\nBo\n"),
        "waiver": post(
            visitor, f"{site.url}/people/{worker.subject}/waivers", quantity="room.noise", reason="why", until=until
        ),
        "revoke": post(visitor, f"{site.url}/waivers/0000/revoke", reason="why"),
    }
    refused = {name for name, answer in answers.items() if answer.status_code == 403}
    allowed = {*may, *(("revoke",) if "waiver" in may else ())}
    assert refused == set(answers) - allowed
    assert visitor.get(f"{site.url}/waivers", timeout=20).status_code == 200
    assert site.browse_database("SELECT count(*) FROM policy_version") == [1]
    assert site.browse_database("SELECT count(*) FROM waiver") == [1 if "waiver" in may else 0]


def test_a_stranger_and_another_site_change_nothing(site: Site, admin: requests.Session) -> None:
    worker = site.worker(FAILS)
    addresses = (f"{POLICY}/try", f"{POLICY}/publish", f"/people/{worker.subject}/waivers", "/waivers/0/revoke", LIST)
    for address in addresses:
        send = {"files": {"list": b"name\nBo\n"}} if address == LIST else {"data": {"text": NEW, "base": "1"}}
        stranger = requests.post(f"{site.url}{address}", timeout=20, headers={"Origin": site.url}, **send)
        assert stranger.status_code == 401, address
        foreign = admin.post(f"{site.url}{address}", timeout=20, headers={"Origin": "https://evil.example"}, **send)
        assert foreign.status_code == 403, address
    for address in (POLICY, "/waivers", f"/people/{worker.subject}/waivers", LIST):
        assert requests.get(f"{site.url}{address}", timeout=20).status_code == 401


def test_what_is_not_there_is_not_found(site: Site, admin: requests.Session) -> None:
    for address in ("/programs/none/policy", "/programs/none/invitations/list", "/people/none/waivers"):
        assert admin.get(f"{site.url}{address}").status_code == 404
    assert post(admin, f"{site.url}/waivers/none/revoke", reason="why").status_code == 404
    assert post(admin, f"{site.url}/programs/none/policy/publish", text=NEW, base="1").status_code == 404


def test_what_a_stranger_sends_is_not_read(site: Site) -> None:
    """Three million bytes are announced and none is sent: who waited for them would not answer."""
    address = urlsplit(site.url)
    head = (
        f"POST /programs/support/invitations/list HTTP/1.1\r\nHost: {address.netloc}\r\nOrigin: {site.url}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3000000\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 401 ")


def test_a_waiver_is_proposed_by_one_and_approved_by_another_on_the_pages(site: Site, admin: requests.Session) -> None:
    worker = site.worker(FAILS, "Ö Four Eyes")
    assert worker.check().status_code == 201
    bo = site.browse("bo-proposes", "reviewer", PROGRAM)
    cy = site.browse("cy-approves", "admin", PROGRAM)
    page, person = f"{site.url}/people/{worker.subject}/waivers", f"{site.url}/people/{worker.subject}"
    form = {
        "quantity": "room.noise",
        "reason": "New windows come.",
        "until": f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%d}",
    }
    assert post(bo, f"{site.url}/programs/{PROGRAM}/four-eyes", wanted="1").status_code == 403
    assert post(admin, f"{site.url}/programs/{PROGRAM}/four-eyes", wanted="1").status_code == 303
    assert "somebody else must approve it" in bo.get(page).text
    assert "one proposes a waiver" in post(admin, page, **form).text
    assert post(cy, f"{person}/waiver-proposals", **form).status_code == 303
    (one,) = re.findall(r'action="/waiver-proposals/([0-9a-f]{16})/decline"', cy.get(page).text)
    approve = f"/waiver-proposals/{one}/approve"
    assert approve not in cy.get(f"{site.url}/waivers").text
    assert post(cy, f"{site.url}{approve}", sure="1").status_code == 403
    assert post(bo, f"{site.url}{approve}", sure="1").status_code == 403
    assert post(bo, f"{site.url}/waiver-proposals/{one}/decline", reason="no").status_code == 403
    assert post(cy, f"{site.url}/waiver-proposals/{one}/decline", reason="Mistyped.").status_code == 303
    assert "Mistyped." in cy.get(page).text
    assert post(bo, f"{person}/waiver-proposals", **form).status_code == 303
    assert "New windows come." in bo.get(f"{site.url}/waivers").text
    assert "Waivers, 1 waiting" in cy.get(f"{site.url}/").text
    assert "waiting" not in re.findall(r'<li><a href="/waivers".*</li>', bo.get(f"{site.url}/").text)[0]
    (one,) = re.findall(r'action="/waiver-proposals/([0-9a-f]{16})/approve"', cy.get(f"{site.url}/waivers").text)
    assert "waived until" not in admin.get(person).text
    assert post(cy, f"{site.url}/waiver-proposals/{one}/approve", sure="1").status_code == 303
    assert "waived until" in admin.get(person).text
    assert post(cy, f"{site.url}/waiver-proposals/{one}/approve", sure="1").status_code == 400
    assert post(admin, f"{site.url}/programs/{PROGRAM}/four-eyes", wanted="0").status_code == 303
    assert post(admin, f"{site.url}/programs/nowhere/four-eyes", wanted="0").status_code == 404
    assert "Ask for four eyes" in admin.get(f"{site.url}/programs/{PROGRAM}").text

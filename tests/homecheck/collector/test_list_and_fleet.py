"""The list of people and the fleet over HTTP, with many made-up people: filters are addresses, and numbers lead on."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import requests

from homecheck.collector import administration
from homecheck.collector.views import people as people_pages
from homecheck.policy import parse_policy
from homecheck.signing import base64url
from tests.live_collector import Site, in_thread
from tests.made_up_people import furnish
from tests.office import Clock
from tests.people import FAILS, POLICY_TEXT

PEOPLE: Final = 40
SECONDS: Final = 30


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, requests.Session]]:
    clock = Clock()
    with in_thread(tmp_path_factory.mktemp("fleet"), clock=clock) as site:
        furnish(site, clock, PEOPLE)
        yield site, site.browse("ada", "viewer")


def page(fleet: tuple[Site, requests.Session], address: str) -> str:
    site, browser = fleet
    answer = browser.get(f"{site.url}{address}", timeout=SECONDS)
    assert answer.status_code == 200, address
    return answer.text


def names(text: str) -> list[str]:
    return re.findall(r'scope="row"><a href="/people/[^"]+">([^<]+)</a>', text)


def test_the_numbers_above_the_list_are_those_of_the_list(fleet: tuple[Site, requests.Session]) -> None:
    text = page(fleet, "/")
    assert len(names(text)) == PEOPLE
    for address, number in re.findall(r'<li><a href="(/\?[^"]+)"[^>]*>(?:<span.*?</span> ?)?[^<]*<b>(\d+)</b>', text):
        assert len(names(page(fleet, html.unescape(address)))) == int(number), address


def test_every_number_of_the_fleet_leads_to_as_many_people(fleet: tuple[Site, requests.Session]) -> None:
    for address in ("/fleet", "/fleet?program=voice&days=30"):
        found = re.findall(r'<a href="(/\?[^"]+)" aria-label="(\d+) [^"]+">\2</a>', page(fleet, address))
        assert len(found) > 20
        for people, number in {*found[:12], *found[-12:]}:
            assert len(names(page(fleet, html.unescape(people)))) == int(number), people


def test_the_worst_stand_first_with_since_when_and_what(fleet: tuple[Site, requests.Session]) -> None:
    text = page(fleet, "/")
    rows = text.split('<tr role="row">')[2:]
    words = [
        word for row in rows for word in re.findall(r"</span> (fail|inconclusive|warn|pass|no check yet)</span>", row)
    ]
    order = ["fail", "inconclusive", "warn", "pass", "no check yet"]
    assert words == sorted(words, key=order.index)
    assert "since <time" in rows[0]
    assert "overdue" in text
    assert "invitation lapsed: invite again" in text
    assert "invitation open until" in text


def test_pages_follow_each_other_without_gap_or_repetition(
    fleet: tuple[Site, requests.Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = names(page(fleet, "/?sort=name"))
    monkeypatch.setattr(people_pages, "PEOPLE_PER_PAGE", 7)
    found, address = [], "/?sort=name"
    for _ in range(PEOPLE):
        text = page(fleet, address)
        found += names(text)
        following = re.search(r'<a href="([^"]+)" rel="next">', text)
        if following is None:
            break
        address = html.unescape(following[1])
    assert found == everybody
    assert len(found) == PEOPLE


@pytest.mark.parametrize(
    "behind",
    [
        "x", "AAAA", "é", base64url(b"[]"), base64url(b"{}"), base64url(b'[1,"a"]'), base64url(b'["1","a","b"]'),
        base64url(b'[true,"a","b"]'), base64url(b'[1e400,"a","b"]'), base64url(b"[" + b"9" * 400 + b',"a","b"]'),
        base64url(b'[1,"\\ud800","b"]'), base64url(b'[1,"\\u0000","b"]'), base64url(b"[" * 1400),
    ],
)  # fmt: skip
def test_a_place_that_no_page_has_written_is_the_beginning(fleet: tuple[Site, requests.Session], behind: str) -> None:
    assert len(names(page(fleet, f"/?behind={behind}"))) == PEOPLE


@pytest.mark.parametrize(
    "address",
    [
        "/?sort=nonsense", "/?name=%00", "/?name=%ED%A0%80", "/?region=%25", "/?hour=-1", "/?hour=99999999999",
        "/?days=x", "/?days=99999", "/?quantity=x&outcome=x", "/?verdict=%00", "/?state='--",
        f"/?name={'x' * 3000}", "/fleet?program=%00", "/fleet?days=1e9", "/fleet?program=<script>",
    ],
)  # fmt: skip
def test_odd_addresses_are_answered(fleet: tuple[Site, requests.Session], address: str) -> None:
    assert "<script" not in page(fleet, address)


def test_what_a_list_is_narrowed_to_is_said_as_text(fleet: tuple[Site, requests.Session]) -> None:
    text = page(fleet, "/?system=%3Cb%3EWindows&quantity=network.rtt&outcome=near")
    assert "near the limit of <strong>Round-trip time</strong>" in text
    assert "with <strong>&lt;b&gt;Windows</strong>" in text


def test_a_stranger_sees_neither_fleet_nor_comparison(fleet: tuple[Site, requests.Session]) -> None:
    site, _ = fleet
    for address in ("/fleet", "/programs/voice/policies/1/1", "/evidence/sha256:0/proof", "/evidence/sha256:0/keys"):
        answer = requests.get(f"{site.url}{address}", timeout=SECONDS)
        assert answer.status_code == 401
        assert "Round-trip" not in answer.text


def test_two_versions_of_a_policy_are_laid_side_by_side(tmp_path: Path) -> None:
    changed = POLICY_TEXT.replace("at_least = 10", "at_least = 12").replace('version = "3"', 'version = "<4>"')
    with in_thread(tmp_path) as site:
        administration.publish_policy(site.database, "support", parse_policy(changed, "t"), "bo", datetime.now(UTC))
        browser = site.browse("ada", "viewer")
        program = browser.get(f"{site.url}/programs/support", timeout=SECONDS).text
        assert 'href="/programs/support/policies/1/2"' in program
        text = browser.get(f"{site.url}/programs/support/policies/1/2", timeout=SECONDS).text
        same = browser.get(f"{site.url}/programs/support/policies/2/2", timeout=SECONDS).text
        for address in (
            "/programs/support/policies/1/9",
            "/programs/no/policies/1/2",
            "/programs/support/policies/x/2",
        ):
            assert browser.get(f"{site.url}{address}", timeout=SECONDS).status_code == 404
    assert "<del>10</del>" in text
    assert "<ins>12</ins>" in text
    assert "<ins>&#34;&lt;4&gt;&#34;</ins>" in text
    assert "headset.transport" not in text
    assert "Nothing differs" in same


def test_what_the_page_says_about_checking_offline_works(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker, browser = site.worker(FAILS), site.browse("ada", "viewer")
        assert worker.check().status_code == 201
        site.worker(name="Somebody who comes later").check()
        person = browser.get(f"{site.url}/people/{worker.subject}", timeout=SECONDS).text
        address = re.findall(r'href="(/evidence/sha256:[0-9a-f]{64})"', person)[0]
        text = browser.get(f"{site.url}{address}", timeout=SECONDS).text
        for path in re.findall(rf'<a href="({address}/[^"]+)" download>', text):
            answer = browser.get(f"{site.url}{path}", timeout=SECONDS)
            name = answer.headers["Content-Disposition"].split('"')[1]
            (tmp_path / name).write_bytes(answer.content)
    (block,) = re.findall(r"<pre>(homecheck verify .*?)</pre>", text, re.DOTALL)
    commands = html.unescape(block).strip().splitlines()
    assert len(commands) == 3
    for command in commands:
        arguments = [sys.executable, "-m", "homecheck", *command.split()[1:]]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert "&#34;runs&#34;: [" in text  # what is signed can be read on the page
    assert "c2sp.org/tlog-proof@v1" in text


def test_somebody_whose_program_asks_more_often_is_overdue_at_once(tmp_path: Path) -> None:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        site.worker().check()
        browser = site.browse("ada", "viewer")
        clock.ahead = timedelta(minutes=5)
        assert "Nobody is like that" in browser.get(f"{site.url}/?state=overdue", timeout=SECONDS).text
        at_once = parse_policy(POLICY_TEXT.replace('version = "3"', 'version = "4"\nrecheck = "1m"'), "a test")
        administration.publish_policy(site.database, "support", at_once, "bo", clock())
        assert names(browser.get(f"{site.url}/?state=overdue", timeout=SECONDS).text) == ["Petra Pass"]
        (person,) = site.browse_database("SELECT id FROM person")
        own = browser.get(f"{site.url}/people/{person}", timeout=SECONDS).text
        assert re.search(r"The next check is due <time[^>]*>[^<]*</time>: .*<strong>overdue</strong> \d+ minutes", own)
        assert "Failing since" not in own


def test_a_persons_page_says_since_when_they_fail(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker = site.worker(FAILS)
        worker.check()
        own = site.browse("ada", "viewer").get(f"{site.url}/people/{worker.subject}", timeout=SECONDS).text
        (received,) = site.browse_database("SELECT received_at FROM evidence")
        assert re.search(f"Failing since <time[^>]*>{str(received)[:10]}</time>", own)
        assert "<strong>overdue" not in own

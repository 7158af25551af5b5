"""The dashboard over HTTP: who sees what, who may change what, and names from strangers shown as text."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from homecheck.collector import administration, setup
from homecheck.collector.store.users import Role
from homecheck.collector.views.dashboard import routes as every_page
from homecheck.collector.views.site import Site as PageSite
from homecheck.keys import SoftwareKey
from homecheck.measurement import Cause, Level
from homecheck.observation import Flow, Region, SessionObservation
from homecheck.policy import parse_policy
from homecheck.receipt import verify_receipt
from homecheck.signing import OBSERVATION, digest, key_set, sign
from tests.live_collector import Site, in_thread
from tests.office import Clock
from tests.people import FAILS, PASSES, Worker


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Worker, Worker]]:
    """A collector with somebody who passes and somebody who fails."""
    with in_thread(tmp_path_factory.mktemp("house")) as site:
        passing, failing = site.worker(PASSES), site.worker(FAILS)
        assert passing.check().status_code == failing.check().status_code == 201
        yield site, passing, failing


@pytest.fixture(scope="module")
def admin(house: tuple[Site, Worker, Worker]) -> requests.Session:
    return house[0].browse("ada", "admin")


def evidence_addresses(page: str) -> list[str]:
    return re.findall(r'href="(/evidence/sha256:[0-9a-f]{64})"', page)


def private_addresses(site: Site, worker: Worker, admin: requests.Session) -> list[str]:
    (evidence, *_) = evidence_addresses(admin.get(f"{site.url}/people/{worker.subject}").text)
    return [
        "/", "/?verdict=fail", f"/people/{worker.subject}", evidence, f"{evidence}/envelope", f"{evidence}/receipt",
        "/programs", "/programs/support", "/events",
    ]  # fmt: skip


def test_a_stranger_sees_nothing_and_is_told_how_to_sign_in(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, _, failing = house
    for path in private_addresses(site, failing, admin):
        for cookies in ({}, {"homecheck": "A" * 22}, {"__Host-homecheck": "x"}):
            answer = requests.get(f"{site.url}{path}", cookies=cookies, timeout=20, allow_redirects=False)
            assert answer.status_code == 401, path
            assert "collector user link NAME" in answer.text
            for secret in (FAILS.name, PASSES.name, "Support line", "sha256:", "test-line", failing.subject or "?"):
                assert secret not in answer.text
    # An address that is guessed looks the same, whether there is something or not.
    missing = requests.get(f"{site.url}/evidence/sha256:{'0' * 64}", timeout=20)
    there = requests.get(f"{site.url}{private_addresses(site, failing, admin)[3]}", timeout=20)
    assert (missing.status_code, missing.text) == (there.status_code, there.text)


def test_a_session_does_not_open_the_machine_routes_and_a_device_does_not_open_the_dashboard(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, passing, _ = house
    evidence = passing.evidence()
    stranger = Worker(site.url, http=admin)
    assert stranger.put(evidence.id, stranger.sign(stranger.evidence(id=evidence.id))).status_code == 403
    passing.check()
    assert passing.get("/").status_code == 401


def test_people_are_listed_with_verdict_failing_requirements_and_date(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, passing, failing = house
    page = admin.get(f"{site.url}/").text
    assert PASSES.name in page
    assert FAILS.name in page
    for label in ("Download speed", "How the headset is connected", "Noise in the room", "Declaration: door"):
        assert label in page
    (received,) = site.browse_database("SELECT MAX(received_at) FROM evidence")
    assert str(received)[:10] in page
    only_fail = admin.get(f"{site.url}/?program=support&verdict=fail").text
    assert f"/people/{failing.subject}" in only_fail
    assert f"/people/{passing.subject}" not in only_fail
    assert f"/people/{passing.subject}" in admin.get(f"{site.url}/?name=PETRA").text
    assert "Nobody is like that" in admin.get(f"{site.url}/?name=nobody").text
    assert "Nobody is like that" in admin.get(f"{site.url}/?program=none").text


def test_one_evidence_is_shown_whole_and_can_be_checked_offline(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, _, failing = house
    (address, *_) = evidence_addresses(admin.get(f"{site.url}/people/{failing.subject}").text)
    page = admin.get(f"{site.url}{address}").text
    name = address.rpartition("/")[2]
    shown = (
        name, "3.10 ± 0.80 Mbit/s; at least 10 Mbit/s needed", "Plug in a network cable.", "USB descriptors",
        "no microphone is plugged in", "no_device", "declared no, yes is needed", "headset.model",
        "hand-written number", "envelope, receipt and results were checked again", "better: 25 Mbit/s or more",
    )  # fmt: skip
    for text in shown:
        assert text in page, text
    envelope = admin.get(f"{site.url}{address}/envelope")
    receipt = admin.get(f"{site.url}{address}/receipt")
    assert envelope.headers["Content-Disposition"] == f'attachment; filename="{name.removeprefix("sha256:")}.jws"'
    assert digest(envelope.content) == name
    keys = key_set(failing.get("/v1/jwks").json())
    assert verify_receipt(receipt.content, name, keys.get).result.verdict.word == "fail"


def test_names_from_strangers_are_text(house: tuple[Site, Worker, Worker], admin: requests.Session) -> None:
    site, _, failing = house
    (address, *_) = evidence_addresses(admin.get(f"{site.url}/people/{failing.subject}").text)
    page = admin.get(f"{site.url}{address}").text
    assert "&lt;script&gt;alert(&#39;headset&#39;)&lt;/script&gt;" in page
    assert "&lt;b&gt;far&lt;/b&gt;" in page
    tags: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            assert not any(name.startswith("on") or name == "style" for name, _ in attrs)

    Tags().feed(page)
    assert "table" in tags
    assert not tags & {"script", "b", "style", "iframe", "object"}


def test_a_device_with_a_clock_an_hour_off_is_shown_as_such(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, _, _ = house
    worker = site.worker(name="Slow clock")
    late = worker.evidence(worker.challenge(), now=datetime.now(UTC) - timedelta(hours=2))
    assert worker.upload(late).status_code == 201
    (address, *_) = evidence_addresses(admin.get(f"{site.url}/people/{worker.subject}").text)
    page = admin.get(f"{site.url}{address}").text
    assert "2 hours before it arrived" in page
    assert "The device’s clock is wrong" in page


# Changes


@pytest.mark.parametrize(
    ("role", "may_invite", "may_revoke", "may_watch"),
    [
        ("viewer", False, False, False),
        ("auditor", False, False, True),
        ("reviewer", True, False, True),
        ("admin", True, True, True),
    ],
)
def test_each_role_may_do_what_it_is_for(
    house: tuple[Site, Worker, Worker], role: Role, may_invite: bool, may_revoke: bool, may_watch: bool
) -> None:
    site, _, _ = house
    person = site.browse(f"the-{role}", role)
    worker = site.worker(name=f"Worker of the {role}")
    assert (">Revoke<" in person.get(f"{site.url}/people/{worker.subject}", timeout=20).text) is may_revoke
    invited = person.post(f"{site.url}/programs/support/invitations", data={"person": "Ny"}, timeout=20)
    assert (invited.status_code == 200) is may_invite
    revoked = person.post(f"{site.url}/devices/{worker.key.public.kid}/revoke", data={"x": "y"}, timeout=20)
    assert (revoked.status_code == 200) is may_revoke
    assert (worker.upload(worker.evidence()).status_code == 403) is may_revoke
    assert (person.get(f"{site.url}/events", timeout=20).status_code == 200) is may_watch
    for answer in (invited, revoked):
        assert answer.status_code in (200, 403)
    page = person.get(f"{site.url}/programs/support", timeout=20).text
    assert ("Make an invitation" in page) is may_invite


def test_an_invitation_made_on_the_dashboard_works_and_is_recorded(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, _, _ = house
    page = admin.post(f"{site.url}/programs/support/invitations", data={"person": "<i>Zoë</i>"}, timeout=20).text
    (address,) = re.findall(rf"{site.url}/invite/[A-Za-z0-9_-]{{22}}", page)
    for_people = requests.get(address, timeout=20)
    assert for_people.status_code == 200
    assert "&lt;i&gt;Zoë&lt;/i&gt;" in for_people.text
    assert f"homecheck enroll {address}" in for_people.text
    assert "Does the room have a door that stays closed?" in for_people.text
    assert Worker(site.url).enrol(address.rpartition("/")[2]).status_code == 201
    used = requests.get(address, timeout=20)
    assert used.status_code == 410
    assert "This invitation was used" in used.text
    assert requests.get(f"{site.url}/invite/{'A' * 22}", timeout=20).status_code == 404
    assert "&lt;i&gt;Zoë&lt;/i&gt;" in admin.get(f"{site.url}/events", timeout=20).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_change_asked_for_by_another_site_is_refused(
    house: tuple[Site, Worker, Worker], admin: requests.Session, headers: dict[str, str]
) -> None:
    site, _, _ = house
    request = {"Origin": site.url, **headers}
    if headers.get("Origin") == "":
        del request["Origin"]
    answer = requests.post(
        f"{site.url}/programs/support/invitations",
        data={"person": "Ny"},
        headers=request,
        cookies=admin.cookies,
        timeout=20,
    )
    assert answer.status_code == 403
    assert "another site" in answer.text


def test_no_form_at_all_is_taken_from_another_site_or_from_a_stranger(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, _, _ = house
    forms = [one.path for one in every_page(PageSite(setup.load(site.database))) if "POST" in (one.methods or ())]
    assert len(forms) > 20
    elsewhere: tuple[dict[str, str], ...] = (
        {},
        {"Origin": "null"},
        {"Origin": f"{site.url}.example"},
        {"Sec-Fetch-Site": "same-site"},
    )
    for path in forms:
        address = f"{site.url}{path}".replace("{id}", "support").replace("{token}", "x").replace("{kid}", "x")
        for headers in elsewhere:
            answer = requests.post(address, data={"x": "y"}, headers=headers, cookies=admin.cookies, timeout=20)
            assert (answer.status_code, "another site" in answer.text) == (403, True), (path, headers)
        if not path.startswith("/sign-"):
            own = {"Origin": site.url}
            assert requests.post(address, data={"x": "y"}, headers=own, timeout=20).status_code == 401, path


def test_a_change_is_never_a_get(house: tuple[Site, Worker, Worker], admin: requests.Session) -> None:
    site, passing, _ = house
    for path in ("/programs/support/invitations", f"/devices/{passing.key.public.kid}/revoke", "/sign-out"):
        assert admin.get(f"{site.url}{path}", timeout=20).status_code == 405


def test_a_form_without_a_name_says_what_is_wrong(house: tuple[Site, Worker, Worker], admin: requests.Session) -> None:
    site, _, _ = house
    answer = admin.post(f"{site.url}/programs/support/invitations", data={"person": " "}, timeout=20)
    assert answer.status_code == 400
    assert "is no name" in answer.text


# Signing in and out


def test_a_sign_in_link_is_shown_first_and_works_once(house: tuple[Site, Worker, Worker]) -> None:
    site, _, _ = house
    link = site.sign_in_link("bo", "viewer")
    for _ in range(2):  # a mail program that looks at the link does not use it up
        page = requests.get(link, timeout=20)
        assert page.status_code == 200
        assert "Sign in as bo" in page.text
        assert not page.cookies
    browser = requests.Session()
    browser.headers["Origin"] = site.url
    first = browser.post(link, timeout=20, allow_redirects=False)
    assert first.status_code == 303
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert browser.get(f"{site.url}/", timeout=20).status_code == 200
    for answer in (requests.get(link, timeout=20), browser.post(link, timeout=20)):
        assert answer.status_code == 404
        assert "does not work any more" in answer.text


@pytest.mark.parametrize(
    ("accepted", "language", "words"),
    [
        ("", "en", ("Example Inc. invites Nova", "Download speed", "180 days", "Good until")),
        ("sv-SE,sv;q=0.9,en;q=0.5", "sv", ("Example Inc. bjuder in Nova", "180 dagar", "Gäller till")),
        ("de, es-MX;q=0.8", "es", ("Example Inc. invita a Nova", "180 días", "Vale hasta")),
        ("<script>", "en", ("Example Inc. invites Nova",)),
    ],
)
def test_an_invitation_speaks_the_language_of_the_invited(
    house: tuple[Site, Worker, Worker], accepted: str, language: str, words: tuple[str, ...]
) -> None:
    site = house[0]
    page = requests.get(
        f"{site.url}/invite/{site.invite('Nova')}", headers={"Accept-Language": accepted}, timeout=20
    ).text
    assert f'<html lang="{language}">' in page
    for one in words:
        assert one in page
    if language != "en":
        for english in ("What is measured", "Download speed", "Nothing is recorded", "What to do next", "days"):
            assert english not in page


def test_a_waiver_is_called_so_on_every_page_and_in_the_api(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site, _, failing = house
    addresses = [
        f"/people/{failing.subject}/waivers", "/waivers", "/waivers?all=1", "/account", "/fleet", "/openapi.json",
        *private_addresses(site, failing, admin),
    ]  # fmt: skip
    for path in addresses:
        answer = admin.get(f"{site.url}{path}", timeout=20)
        assert answer.status_code == 200, path
        assert not re.search(r"\b[Ee]xcept(?:ion|ed)", answer.text), path


def test_an_invitation_that_leads_nowhere_says_why_in_the_language_of_the_invited(tmp_path: Path) -> None:
    clock, http = Clock(), requests.Session()
    with in_thread(tmp_path, clock=clock) as site:
        used, lapsed = site.invite("Ada"), site.invite("Ben", timedelta(hours=72))
        assert Worker(site.url).enrol(used).status_code == 201
        clock.ahead = timedelta(hours=73)
        said = {
            (used, 410): {
                "sv-SE": ("Den här inbjudan är använd", "Den här inbjudan användes 20", "be om en ny"),
                "es-ES": ("Esta invitación ya se usó", "Esta invitación se usó el 20", "pida otra"),
                "de": ("This invitation was used", "This invitation was used on 20", "ask for a new one"),
            },
            (lapsed, 410): {
                "sv-SE": ("Den här inbjudan har gått ut", "Den här inbjudan gick ut 20", "Be dem som skickade den"),
                "es-ES": ("Esta invitación ha caducado", "Esta invitación caducó el 20", "Pida otra a quienes"),
            },
            ("A" * 22, 404): {
                "sv-SE": (
                    "Den inbjudan finns inte",
                    "Ingen inbjudan har den här koden",
                    "Se efter att adressen är hel",
                ),
                "es-ES": ("No existe esa invitación", "Ninguna invitación tiene este código", "Compruebe que"),
            },
            ("a/b", 404): {"sv-SE": ("Här finns ingenting", "Här finns ingenting", "Kontrollera adressen.")},
        }
        for (code, status), languages in said.items():
            for accepted, words in languages.items():
                asked = {"Accept-Language": f"{accepted},en;q=0.1"}
                answer = http.get(f"{site.url}/invite/{code}", headers=asked, timeout=20)
                assert answer.status_code == status
                explained = http.get(
                    site.url + re.findall(r'href="(/problems/[a-z-]+)"', answer.text)[0], headers=asked, timeout=20
                ).text
                language = accepted[:2] if accepted != "de" else "en"
                for page in (answer.text, explained):
                    assert f'<html lang="{language}">' in page
                    assert language == "en" or not re.search("invitation |reason|content<|Check ", page)
                for one in words:
                    assert one in answer.text, (accepted, one)
                assert words[0] in explained
                assert words[2] in explained
        # What is nobody's invitation is the dashboard's, which speaks English.
        page = http.get(f"{site.url}/nowhere", headers={"Accept-Language": "sv"}, timeout=20).text
        assert '<html lang="en">' in page
        assert "Nothing is here" in page


def test_the_list_of_programs_tells_how_their_people_stand(
    house: tuple[Site, Worker, Worker], admin: requests.Session
) -> None:
    site = house[0]
    checked, fail = (
        site.browse_database(f"SELECT COUNT(*) FROM person WHERE received IS NOT NULL AND {which}")[0]
        for which in ("1 = 1", "rank = 0")  # 0: fail
    )
    page = re.sub(r"<[^>]+>", "", admin.get(f"{site.url}/programs").text)
    assert f"{checked} checked in Support line" in page
    assert f"{fail} fail in Support line" in page


def test_who_signs_in_comes_to_the_page_that_they_wanted_and_to_no_other_site(
    house: tuple[Site, Worker, Worker],
) -> None:
    site, _, failing = house
    browser = requests.Session()
    browser.headers["Origin"] = site.url

    def leads_to(name: str) -> str:
        return browser.post(site.sign_in_link(name, "viewer"), timeout=20, allow_redirects=False).headers["Location"]

    wanted = f"/people/{failing.subject}?page=1&name=%C3%BC"
    assert browser.get(f"{site.url}{wanted}", timeout=20).status_code == 401
    assert leads_to("once") == wanted
    assert "homecheck-wanted" not in browser.cookies
    assert leads_to("twice") == "/"
    for elsewhere in (
        "//evil.example", "https://evil.example", "%2F%2Fevil.example", "/%5Cevil.example", "/\\evil.example",
        "/x%0D%0AX-A:%20b", "%2F%09%2Fevil.example", "/.//evil.example", "",
    ):  # fmt: skip
        browser.cookies.set("homecheck-wanted", elsewhere, domain="127.0.0.1", path="/")
        assert leads_to(f"to {elsewhere}"[:40].replace("\\", "b").replace("%", "p").replace("/", "s")) == "/", elsewhere


def test_signing_out_ends_the_session_on_the_server(house: tuple[Site, Worker, Worker]) -> None:
    site, _, _ = house
    browser = site.browse("cy", "viewer")
    kept = browser.cookies.copy()
    assert browser.post(f"{site.url}/sign-out", timeout=20).status_code == 401  # the page that explains signing in
    assert requests.get(f"{site.url}/", cookies=kept, timeout=20).status_code == 401


def test_links_and_sessions_end_by_the_clock(tmp_path: Path) -> None:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        browser = site.browse("dee", "viewer")
        late = site.sign_in_link("eve", "viewer")
        clock.ahead = timedelta(minutes=16)
        assert requests.get(late, timeout=20).status_code == 404
        assert browser.get(f"{site.url}/", timeout=20).status_code == 200
        clock.ahead += timedelta(hours=12)
        assert browser.get(f"{site.url}/", timeout=20).status_code == 401


def test_the_first_administrator_signs_in_with_the_link_of_init(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        browser = requests.Session()
        browser.headers["Origin"] = site.url
        page = browser.post(site.sign_in_address, timeout=20)
        assert "admin</a> (admin)" in page.text
        # Nobody was invited yet, and the page says how that is done.
        assert "Nobody is invited yet" in page.text
        assert "homecheck collector invite support" in page.text


def test_levels_of_earlier_checks_are_shown_as_the_workers_own_word(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker, browser = site.worker(), site.browse("ada", "admin")
        evidence = worker.evidence(worker.challenge())
        first, *others = evidence.runs
        levels = (Level(1_795_000_000, 8.25, 0.5), Level(1_795_100_000, 51.0, 2.0))
        download = replace(first.measurements[0], earlier=levels)
        sent = replace(evidence, runs=(replace(first, measurements=(download,)), *others))
        assert worker.upload(sent).status_code == 201
        (address, *_) = evidence_addresses(browser.get(f"{site.url}/", timeout=20).text)
        page = browser.get(f"{site.url}{address}", timeout=20).text
    assert "with 2 earlier checks and their times: 8.25 to 51 Mbit/s, since 2026-11-18" in page
    assert "The worker’s own word" in page
    assert page.index("51.0 ± 2.0 Mbit/s") < page.index("8.25 ± 0.50 Mbit/s")  # the newest first
    assert "2026-11-18 11:06 UTC" in page


def test_a_limit_on_several_runs_says_so_on_the_programs_page(tmp_path: Path) -> None:
    text = """
        name = "n"
        version = "4"
        [[requirement]]
        quantity = "network.download"
        at_least = 10
        statistic = "worst"
        over = "30d"
    """
    with in_thread(tmp_path) as site:
        administration.publish_policy(site.database, "support", parse_policy(text, "t"), "a test", datetime.now(UTC))
        page = site.browse("ada", "admin").get(f"{site.url}/programs/support", timeout=20).text
    assert "worst of the runs of 30 days; 5 or more are needed" in page


def test_evidence_that_was_changed_in_the_database_is_shown_as_such(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker, browser = site.worker(), site.browse("ada", "admin")
        worker.check()
        (address, *_) = evidence_addresses(browser.get(f"{site.url}/", timeout=20).text)
        assert "checked again" in browser.get(f"{site.url}{address}", timeout=20).text
        db = sqlite3.connect(site.file)
        (envelope,) = db.execute("SELECT envelope FROM evidence").fetchone()
        db.execute("UPDATE evidence SET envelope = ?", (envelope[:-4] + b"AAAA",))
        db.commit()
        db.close()
        page = browser.get(f"{site.url}{address}", timeout=20).text
        assert "The stored bytes are not what was received" in page
        assert "were checked again" not in page


def test_what_the_far_end_saw_and_where_a_value_arises_stand_on_the_page(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        key, now = SoftwareKey.generate(), datetime.now(UTC)
        administration.pin_responder(site.database, "https://measure.example", key.public, "a test", now)
        worker, browser = site.worker(FAILS), site.browse("ada", "admin")
        nonce = worker.challenge()
        flow = Flow(0, received=2, reflected=2, map=b"\xa0")  # the second packet never came
        seen = SessionObservation(
            "s", nonce, now, now, "203.0.113.9", udp=(flow,), region=Region("SE", "AB"), others=7, overflowed=5
        )
        evidence = worker.evidence(nonce, observations=(sign(seen.to_bytes(), OBSERVATION, key).decode(),))
        first, *others = evidence.runs
        download = replace(first.measurements[0], cause=Cause("home_link", "the way to <your> own router is narrow"))
        sent = replace(evidence, runs=(replace(first, measurements=(download,)), *others))
        assert worker.upload(sent).status_code == 201
        (address, *_) = evidence_addresses(browser.get(f"{site.url}/", timeout=20).text)
        page = browser.get(f"{site.url}{address}", timeout=20).text
    assert "203.0.113.9, SE-AB" in page
    assert "2 received, 1 lost on the way to it, 2 sent back" in page
    assert "7 other sessions at most; <strong>5 packets found no room" in page
    assert "Where it lies: the home network: the way to &lt;your&gt; own router is narrow" in page


def test_the_invitation_says_what_the_far_end_tells_of_the_person(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        page = requests.get(f"{site.url}/invite/{site.invite('Ny')}", timeout=20).text
    assert "your internet address with its region" in page


def test_a_persons_page_draws_what_was_measured_and_says_what_changed(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker, browser = site.worker(), site.browse("ada", "admin")
        worker.check()
        worker.character = replace(PASSES, model="AirPods <Pro>", download=3.0)
        worker.check()
        page = browser.get(f"{site.url}/people/{worker.subject}", timeout=20).text
    assert '<s class="soft">Jabra Evolve2 40</s>' in page
    assert "<strong>AirPods &lt;Pro&gt;</strong>" in page
    assert 'aria-label="Download speed: 2 values, the last one 3.00 ± 0.80 Mbit/s. Limit 10 Mbit/s.' in page
    assert page.count('class="missed"') == 1
    assert "Noise in the room, dBFS(A), the last check first; limit -50" in page


def test_checks_whose_bytes_were_changed_are_missing_in_the_drawings_and_counted(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker, browser = site.worker(), site.browse("ada", "admin")
        worker.check()
        worker.check()
        db = sqlite3.connect(site.file)
        db.execute(
            "UPDATE evidence SET envelope = CAST('x' || envelope AS BLOB)"
            " WHERE position = (SELECT MAX(position) FROM evidence)"
        )
        db.commit()
        db.close()
        page = browser.get(f"{site.url}/people/{worker.subject}", timeout=20).text
    assert "1 of the checks below can no longer be read" in page
    assert "1 value, the last one 48.20" in page

"""The guide without a browser: who gets in, what happens before and after consent, and what is sent."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from homecheck import drift, history, rechecks, spool
from homecheck.collector import administration
from homecheck.config import Home
from homecheck.enrolment import load_enrolments
from homecheck.exchange import new_session
from homecheck.file_lock import exclusive
from homecheck.locale import Translator
from homecheck.measurement import CheckSetup, Need, Probe
from homecheck.policy import parse_policy
from homecheck.signing import digest
from homecheck.ui.pages import Pages
from homecheck.ui.sitting import installed_probes
from tests.command_line import homecheck
from tests.guide import POLICY, PROGRAM, Guided, enrolled, guided, made
from tests.guide_visitor import SECONDS, Visitor, raw
from tests.live_collector import Site


@pytest.fixture(scope="module")
def house(company: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guided]:
    """A guide for everybody who comes to the gate: nobody changes it."""
    home = enrolled(company, tmp_path_factory.mktemp("house"))
    with guided(home, made) as running:
        yield running


@pytest.fixture(scope="module")
def guest(house: Guided) -> Visitor:
    return Visitor(house)


# --- Who gets in.


@pytest.mark.parametrize("path", ["/", "/step/welcome", "/step/preview", "/live/headset", "/raw/0"])
def test_a_stranger_without_the_cookie_sees_nothing(house: Guided, path: str) -> None:
    answer = requests.get(house.url + path, timeout=SECONDS)
    assert answer.status_code == 403
    assert "Ada" not in answer.text
    assert "Made line" not in answer.text


def test_an_address_lets_in_once_and_the_next_one_is_given_out(house: Guided) -> None:
    first = house.newest()
    visitor = Visitor(house)
    assert "Made line" in visitor.get("/step/welcome")
    again = requests.get(first, timeout=SECONDS)
    assert again.status_code == 403
    assert "used before" in again.text
    assert house.newest() != first
    assert "Made line" in Visitor(house).get("/step/welcome")
    # The browser that is in already may follow the old address once more: it leads to its page.
    assert visitor.http.get(first, timeout=SECONDS).status_code == 200


def test_a_guessed_token_lets_nobody_in(house: Guided) -> None:
    for token in ("", "x", house.newest().rpartition("/")[2][:-1], "ü" * 43):
        assert requests.get(f"{house.url}/enter/{token}", timeout=SECONDS).status_code in (403, 404)


def test_the_cookie_is_for_our_own_pages_alone(house: Guided) -> None:
    answer = requests.get(house.newest(), timeout=SECONDS, allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


@pytest.mark.parametrize("host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:{port}.evil.example", ""])
def test_a_name_of_somebody_else_that_points_here_is_refused(house: Guided, guest: Visitor, host: str) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in guest.http.cookies.items())
    named = host.format(port=house.served.gate.port)
    for path in ("/step/welcome", "/static/ui.js", f"/enter/{house.newest().rpartition('/')[2]}"):
        status, text = raw(house, path, Host=named, Cookie=cookie)
        assert status in (400, 404, 421), path
        assert "Made line" not in text
    right = f"127.0.0.1:{house.served.gate.port}"
    assert raw(house, "/step/welcome", Host=right, Cookie=cookie)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "{url}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "{url}", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_page_changes_nothing(house: Guided, guest: Visitor, headers: dict[str, str]) -> None:
    sent = {name: value.format(url=house.url) for name, value in headers.items()}
    answer = guest.http.post(
        f"{house.url}/understood", data={"who": "company", "sound": "numbers"}, headers=sent, timeout=SECONDS
    )
    assert answer.status_code == 403
    assert not house.sitting.understood


def test_every_answer_forbids_what_comes_from_elsewhere(house: Guided, guest: Visitor) -> None:
    for path in ("/step/welcome", "/static/ui.css", "/live/room", "/nothing", "/enter/x"):
        headers = guest.http.get(house.url + path, timeout=SECONDS, allow_redirects=False).headers
        if path != "/nothing":
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"(src|href)=.(https?:)?//", guest.get("/step/welcome"))


def test_it_listens_on_this_computer_alone(house: Guided) -> None:
    assert house.served.listener.getsockname()[0] == "127.0.0.1"


def test_a_form_that_does_not_end_is_refused(guest: Visitor) -> None:
    assert guest.post("/questions", door="y" * 20_000).status_code == 413


# --- Consent.


def test_nothing_is_measured_or_sent_before_consent(guide: Guided, visitor: Visitor) -> None:
    visitor.understand()
    for name in ("computer", "connection", "headset"):
        visitor.post(f"/measure/{name}")
    visitor.post("/meter")
    visitor.post("/questions", door="yes")
    visitor.post("/send", digests="")
    assert guide.sitting.job is None
    assert guide.sitting.kept.runs == {}
    assert guide.sitting.answers == {}
    assert "<h1>Your agreement</h1>" in visitor.get("/step/preview")


def test_a_wrong_answer_is_explained_and_asked_again(guide: Guided, visitor: Visitor) -> None:
    page = visitor.post("/understood", who="everyone", sound="numbers").text
    assert "Example Inc.: nobody else gets the results, and only after you have looked" in page
    assert "named above" not in page
    assert not guide.sitting.understood
    visitor.post("/agree", agree="yes")
    assert guide.sitting.agreed_at is None
    visitor.understand()
    assert guide.sitting.understood


def test_who_withdraws_is_forgotten(guide: Guided, visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.measure_all()
    assert guide.sitting.kept.runs
    assert history.load(home).runs
    visitor.post("/withdraw")
    assert history.load(home).runs == ()
    assert guide.sitting.kept.runs == {}
    assert guide.sitting.answers == {}
    assert guide.sitting.judged() == []
    assert visitor.post("/send", digests="").status_code == 200
    assert spool.waiting(home) == ()


def test_what_is_measured_while_somebody_withdraws_is_forgotten_too(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.post("/measure/headset")
    visitor.settled("headset")
    visitor.post("/withdraw")
    assert not visitor.settled("headset")["running"]
    assert guide.sitting.kept.runs == {}


def test_a_part_that_ends_while_its_page_is_made_is_shown_as_running(
    guide: Guided, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.post("/measure/headset")
    visitor.settled("headset")
    before = Pages._headsets

    def meanwhile(pages: Pages, say: Translator) -> tuple[list[Any], str]:
        while visitor.settled("headset")["running"]:
            assert guide.sitting.job is not None
            person = guide.sitting.job.person
            if person.prompt is not None:
                person.answer(person.prompt.number, "2" if person.prompt.kind == "count" else "yes")
        return before(pages, say)

    monkeypatch.setattr(Pages, "_headsets", meanwhile)
    # The script, or the browser by itself, then looks again, and shows what was found.
    assert 'data-running="yes"' in visitor.get("/step/headset")
    monkeypatch.undo()
    assert "wired" in visitor.get("/step/headset")


@pytest.fixture
def asking_for_more(company: Site, home: Home, guide: Guided) -> Iterator[None]:
    """The company publishes a policy that asks for the processor as well, after the person has enrolled."""
    cores = '[[requirement]]\nquantity = "host.cpu_cores"\nat_least = 1\n'
    more = f"{POLICY}\n{cores}".replace('version = "1"', 'version = "2"')
    now = datetime.now(UTC)
    administration.publish_policy(company.database, PROGRAM, parse_policy(more, "more"), "a test", now)
    yield
    administration.publish_policy(company.database, PROGRAM, parse_policy(POLICY, "less"), "a test", datetime.now(UTC))


@pytest.mark.usefixtures("asking_for_more")
def test_what_a_newer_policy_asks_for_is_asked_once_more_and_not_sent_without_a_yes(visitor: Visitor) -> None:
    visitor.agree()
    visitor.settled("consent")
    assert "<li>Processor cores</li>" in visitor.get("/")
    assert "<h1>This computer</h1>" in visitor.post("/decline-more").text
    visitor.measure_all()
    envelope = shown_envelope(visitor.get("/step/preview"))
    assert b"cpu_cores" not in base64.urlsafe_b64decode(envelope.split(b".")[1] + b"==")


@pytest.mark.usefixtures("asking_for_more")
def test_who_agrees_to_more_is_not_asked_again(visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.post("/agree-to-more")
    assert "host.cpu_cores" in load_enrolments(home)[0].agreed
    assert "<h1>This computer</h1>" in visitor.get("/")


# --- Measuring.


def test_the_advice_fits_what_was_found(visitor: Visitor) -> None:
    visitor.agree()
    visitor.measure_all()
    visitor.post("/language", language="sv")
    page = visitor.get("/step/result")
    assert "Använd en nätverkskabel i stället för wifi" in page
    assert "41,2 ± 3,0 ms; högst 30 ms krävs" in page
    assert "Stäng dörrar och fönster och be andra hemma att vara tysta" in page
    assert 'action="/measure/connection"' in page


def test_a_part_that_is_done_again_counts_by_the_newest(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.measure_all()
    guide.sitting.build = partial(made, jitter=12.0)
    visitor.measure("connection")
    assert "Measured 2 times" in visitor.get("/step/connection")
    assert "41.2" not in visitor.get("/step/result")


def test_a_part_that_fails_when_done_again_keeps_what_was_measured(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.measure_all()
    guide.sitting.build = partial(made, noise=None)
    visitor.measure("room")
    room = visitor.get("/step/room")
    assert "-40" in room
    # Why the newest try does not count is told there, and nowhere else: it is not sent.
    assert "what was found before counts" in room
    assert "this computer has no microphone" in room
    assert "no microphone" not in visitor.get("/step/result")
    assert "no microphone" not in visitor.get("/step/preview")
    guide.sitting.build = made
    visitor.measure("room")
    assert "what was found before counts" not in visitor.get("/step/room")


def test_an_answer_counts_once_and_for_its_own_question(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.post("/measure/headset")
    visitor.settled("headset")
    other = Visitor(guide)  # a second tab shows the same question
    assert 'data-prompt="1"' in json.loads(other.get("/live/headset"))["panel"]
    visitor.post("/answer", number="1")
    assert 'data-prompt="2"' in visitor.settled("headset")["panel"]
    other.post("/answer", number="1")
    for wrong in ("", "10", "-1", "two", "２", "9" * 400):
        other.post("/answer", number="2", answer=wrong)
    assert 'data-prompt="2"' in visitor.settled("headset")["panel"]
    other.post("/answer", number="2", answer="3")
    visitor.post("/answer", number="3", answer="no")
    assert not visitor.settled("headset")["running"]
    assert "headset" in guide.sitting.kept.runs


def test_a_part_that_is_stopped_says_so_and_can_be_done_again(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.post("/measure/headset")
    visitor.settled("headset")
    visitor.post("/stop", **{"from": "headset"})
    assert not visitor.settled("headset")["running"]
    assert "you stopped this part" in visitor.get("/step/headset")
    visitor.measure("headset")
    assert "you stopped this part" not in visitor.get("/step/headset")


def test_another_check_on_this_computer_is_not_disturbed(guide: Guided, visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.settled("consent")
    with exclusive(home.root / "check.lock") as held:
        assert held
        visitor.measure("computer")
    assert "another check is running on this computer" in visitor.get("/step/computer")
    visitor.measure("computer")
    assert "another check is running" not in visitor.get("/step/computer")


def test_a_question_in_a_language_that_nobody_here_reads_is_marked_as_such(visitor: Visitor) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.post("/language", language="sv")
    page = visitor.get("/step/questions")
    assert '<legend lang="sv">Har rummet en dörr som hålls stängd?</legend>' in page
    assert '<legend lang="de">Steht der Tisch still?</legend>' in page
    assert page.count("Den är skriven på tyska. Företaget har inte skrivit den här frågan på ditt språk") == 1
    assert "fråga företaget innan du svarar" in page
    visitor.measure("computer")
    assert "inte besvarad: Har rummet en dörr som hålls stängd?" in visitor.get("/step/result")


# --- Sending.


def shown_envelope(page: str) -> bytes:
    found = re.search(r'<pre[^>]*class="raw envelope"[^>]*>([^<]+)</pre>', page)
    assert found is not None
    return found[1].encode()


def send(visitor: Visitor, page: str) -> requests.Response:
    digests = re.search(r'name="digests" value="([^"]+)"', page)
    assert digests is not None
    return visitor.post("/send", digests=digests[1])


def test_exactly_the_bytes_that_were_shown_are_sent(visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.measure_all()
    page = visitor.get("/step/preview")
    envelope = shown_envelope(page)
    send(visitor, page)
    visitor.settled("done")
    assert "Received" in visitor.get("/step/done")
    (stored,) = home.receipts.glob(f"{digest(envelope).removeprefix('sha256:')}.jws")
    assert stored.read_bytes() == envelope
    assert envelope.decode() in visitor.get("/raw/0")
    payload = json.loads(base64.urlsafe_b64decode(envelope.split(b".")[1] + b"=="))
    assert payload["declarations"] == [{"id": "door", "answer": True}, {"id": "desk", "answer": False}]
    assert [run["probe"] for run in payload["runs"]] == ["host", "link", "network", "headset", "quiet_room"]


def test_a_check_made_in_the_guide_counts_like_any_other(visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.measure_all()
    envelope = shown_envelope(visitor.get("/step/preview"))
    send(visitor, visitor.get("/step/preview"))
    visitor.settled("done")
    payload = json.loads(base64.urlsafe_b64decode(envelope.split(b".")[1] + b"=="))
    made = rechecks.load(home).checks[PROGRAM]
    assert (made.status, made.evidence) == ("accepted", payload["id"])
    assert drift.load(home)[PROGRAM].last.facts["link.type"] == "wifi"


def test_a_part_of_a_check_does_not_put_off_the_next(visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.measure("computer")
    send(visitor, visitor.get("/step/preview"))
    visitor.settled("done")
    assert "Received" in visitor.get("/step/done")
    assert rechecks.load(home).checks == {}
    assert "host.memory" in drift.load(home)[PROGRAM].last.facts


def test_who_did_not_pass_changes_something_and_sends_once_more(guide: Guided, visitor: Visitor, company: Site) -> None:
    visitor.agree()
    visitor.measure_all()
    send(visitor, visitor.get("/step/preview"))
    visitor.settled("done")
    done = visitor.get("/step/done")
    assert 'action="/measure/connection"' in done
    guide.sitting.build = partial(made, jitter=12.0)
    visitor.measure("connection")
    assert 'href="/step/result">To the result</a>' in visitor.get("/step/connection")
    send(visitor, visitor.get("/step/preview"))
    visitor.settled("done")
    again = visitor.get("/step/done")
    assert "Received" in again
    assert "Jitter: not passed" in done
    assert "Jitter: not passed" not in again


def test_what_was_sent_is_told_again_by_show_with_what_to_do(visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.measure_all()
    send(visitor, visitor.get("/step/preview"))
    visitor.settled("done")
    named = re.search(r"<code>homecheck show (\S+)</code>", visitor.get("/step/done"))
    assert named is not None
    shown = homecheck(home, "show", named[1])
    told = " ".join(shown.out.split())
    assert shown.status == 0
    assert "Judged by: Example Inc., Made for tests, version 1" in told
    assert "Do this: Use a network cable instead of Wi-Fi" in told
    assert "41.2 ± 3.0 ms; at most 30 ms needed" in told


def test_what_is_asked_decides_what_is_done_to_the_line(home: Home) -> None:
    told: list[CheckSetup] = []

    def build(setup: CheckSetup) -> list[Probe]:
        told.append(setup)
        return made(setup)

    with guided(home, build) as guide:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.settled("consent")
        visitor.measure("connection")
    needs = [need for probe in installed_probes(told[-1]) if probe.name == "network" for need in probe.needs]
    assert needs == [Need.NETWORK_QUIET]  # the policy asks for jitter alone


def test_the_agreement_lists_the_parts_that_these_rules_need(visitor: Visitor) -> None:
    visitor.understand()
    page = visitor.get("/step/consent")
    assert "<ul><li>This computer</li><li>Internet connection</li><li>Headset</li><li>Quiet room</li></ul>" in page
    visitor.post("/policy", preset="chat-only")
    visitor.post("/understood", who="me", sound="numbers")
    page = visitor.get("/step/consent")
    assert "<ul><li>This computer</li><li>Internet connection</li></ul>" in page
    assert "Nobody gets the results" in page
    # Who is enrolled is not told that they are not, and finds the way back.
    welcome = visitor.get("/step/welcome")
    assert "You are not enrolled" not in welcome
    assert "Back to the companies that I am enrolled with" in welcome


def test_our_own_fault_is_told_in_the_persons_language_and_loses_nothing(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.measure("computer")
    visitor.post("/language", language="es")
    guide.sitting.answers = None  # type: ignore[assignment]  # a fault that no type checker would let through
    answer = visitor.http.get(f"{guide.url}/step/questions", timeout=20)
    assert answer.status_code == 500
    assert "Algo falló en el propio homecheck; no es culpa suya" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    guide.sitting.answers = {}
    assert "16 GiB" in visitor.get("/step/computer")


def test_what_was_measured_after_the_preview_is_shown_before_it_is_sent(visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.measure_all()
    page = visitor.get("/step/preview")
    visitor.measure("computer")
    answer = send(visitor, page)
    assert "Something was measured or answered since you looked" in answer.text
    assert spool.waiting(home) == ()
    send(visitor, answer.text)
    visitor.settled("done")
    assert "Received" in visitor.get("/step/done")


def test_two_tabs_send_once(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.measure_all()
    page = visitor.get("/step/preview")
    send(visitor, page)
    send(Visitor(guide), page)
    visitor.settled("done")
    send(Visitor(guide), page)
    assert len(guide.sitting.sent) == 1
    assert visitor.get("/step/done").count("Received") == 1


def test_without_a_network_at_the_end_it_is_kept_and_said(home: Home, visitor: Visitor, guide: Guided) -> None:
    visitor.agree()
    visitor.measure_all()
    page = visitor.get("/step/preview")
    guide.sitting.http, guide.sitting.patience_seconds = no_network(), 2.0
    send(visitor, page)
    visitor.settled("done")
    done = visitor.get("/step/done")
    assert "Kept on this computer, not sent yet" in done
    assert "<h1>Not sent yet</h1>" in done
    assert "homecheck upload" in done
    (waiting,) = spool.waiting(home)
    assert spool.read_envelope(home, waiting.digest) == shown_envelope(page)
    # Whether another check, the command or the button sends it: it is these bytes.
    guide.sitting.http, guide.sitting.patience_seconds = new_session(), 20.0
    assert "Try to send it now" in done
    visitor.post("/send-again")
    visitor.settled("done")
    done = visitor.get("/step/done")
    assert "Received" in done
    assert "Try to send it now" not in done
    assert spool.waiting(home) == ()
    assert shown_envelope(page) in [path.read_bytes() for path in home.receipts.glob("*.jws")]


def test_what_waits_is_sent_by_the_command_or_by_the_next_guide(home: Home, guide: Guided, visitor: Visitor) -> None:
    for sends in ("command", "guide"):
        guide.sitting.http, guide.sitting.patience_seconds = new_session(), 2.0
        visitor.post("/withdraw")
        visitor.agree()
        visitor.measure_all()
        page = visitor.get("/step/preview")
        guide.sitting.http = no_network()
        send(visitor, page)
        visitor.settled("done")
        assert len(spool.waiting(home)) == 1
        if sends == "command":
            assert homecheck(home, "upload").status == 0
        else:
            with guided(home, made) as another:
                later = Visitor(another)
                later.agree()
                later.settled("consent")
                assert "has now been sent" in later.get("/step/computer")
        assert spool.waiting(home) == ()


def test_who_withdraws_at_the_end_has_sent_nothing(guide: Guided, visitor: Visitor, home: Home, company: Site) -> None:
    before = company.browse_database("SELECT COUNT(*) FROM evidence")
    visitor.agree()
    visitor.measure_all()
    page = visitor.get("/step/preview")
    visitor.post("/withdraw")
    send(visitor, page)
    assert spool.waiting(home) == ()
    assert company.browse_database("SELECT COUNT(*) FROM evidence") == before
    # While it waits for a network it has not been sent yet, and then never is.
    visitor.agree()
    visitor.measure_all()
    guide.sitting.http, guide.sitting.patience_seconds = no_network(), 2.0
    send(visitor, visitor.get("/step/preview"))
    visitor.post("/withdraw")
    visitor.settled("done")
    assert spool.waiting(home) == ()
    # The same when it has been tried, and waits to be sent later: the button is still there.
    visitor.agree()
    visitor.measure_all()
    send(visitor, visitor.get("/step/preview"))
    visitor.settled("done")
    assert len(spool.waiting(home)) == 1
    assert 'action="/withdraw"' in visitor.get("/step/done")
    visitor.post("/withdraw")
    assert spool.waiting(home) == ()
    assert company.browse_database("SELECT COUNT(*) FROM evidence") == before


def test_who_withdraws_takes_back_what_waited_before_a_part_was_done_again(
    guide: Guided, visitor: Visitor, home: Home
) -> None:
    visitor.agree()
    visitor.measure_all()
    page = visitor.get("/step/preview")
    guide.sitting.http, guide.sitting.patience_seconds = no_network(), 1.0
    send(visitor, page)
    visitor.settled("done")
    assert len(spool.waiting(home)) == 1
    visitor.measure("room")
    visitor.post("/withdraw")
    assert spool.waiting(home) == ()


def test_what_arrived_before_it_was_taken_back_is_told(guide: Guided, visitor: Visitor, home: Home) -> None:
    visitor.agree()
    visitor.measure_all()
    page = visitor.get("/step/preview")
    slow = new_session()
    before, withdrawn = slow.get_adapter("http://").send, threading.Event()

    def late(*given: Any, **more: Any) -> requests.Response:
        answer = before(*given, **more)
        assert withdrawn.wait(SECONDS)
        return answer

    slow.get_adapter("http://").send = late  # type: ignore[method-assign]
    guide.sitting.http = slow
    send(visitor, page)
    visitor.post("/withdraw")
    withdrawn.set()
    visitor.settled("done")
    welcome = visitor.get("/step/welcome")
    assert "had received it already when you changed your mind" in welcome
    assert spool.waiting(home) == ()


def no_network() -> requests.Session:
    """Return a session whose every connection goes to a proxy that is not there."""
    session = new_session()
    session.get_adapter("http://").send = refuse  # type: ignore[method-assign]
    return session


def refuse(*_: object, **__: object) -> requests.Response:
    raise requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))


# --- Coming back, and the end.


def test_the_browser_is_closed_half_way_and_another_goes_on(guide: Guided, visitor: Visitor) -> None:
    visitor.agree()
    visitor.settled("consent")
    visitor.measure("computer")
    visitor.http.close()
    again = Visitor(guide)
    assert "<h1>Internet connection</h1>" in again.get("/")
    assert "16" in again.get("/step/computer")


def test_it_ends_by_the_button(guide: Guided, visitor: Visitor) -> None:
    assert "homecheck has ended" in visitor.post("/quit").text
    guide.thread.join(SECONDS)
    assert not guide.thread.is_alive()
    with pytest.raises(requests.ConnectionError):
        visitor.get("/")


def test_somebody_who_is_not_enrolled_tries_for_themselves_and_nothing_can_be_sent(tmp_path: Path) -> None:
    with guided(Home.at(tmp_path / "nobody"), made, http=no_network()) as guide:
        visitor = Visitor(guide)
        assert "Just for you" in visitor.get("/step/welcome")
        visitor.post("/policy", preset="chat-only")
        visitor.post("/understood", who="me", sound="numbers")
        visitor.post("/agree", agree="yes")
        visitor.measure("computer")
        assert "16" in visitor.get("/step/computer")
        result = visitor.get("/step/result")
        assert "nothing was sent, and nothing will be" in result
        assert "Judged on this computer, for you alone." in result
        assert "the company's own judgement" not in result.replace("&#39;", "'")
        assert "/step/preview" not in visitor.get("/step/result")
        assert "<h1>Look before you send" not in visitor.get("/step/preview")
        assert not guide.sitting.send(frozenset())


def test_a_trial_without_any_company_says_what_it_lacks_and_passes_nothing_unmeasured(tmp_path: Path) -> None:
    """Real probes, voice-standard, no network: whoever has no company reads that one is needed, once."""

    def offline(setup: CheckSetup) -> list[Probe]:
        return [one for one in installed_probes(setup) if one.name in ("network", "nat", "headset", "quiet_room")]

    with guided(Home.at(tmp_path / "nobody"), offline, http=no_network()) as guide:
        visitor = Visitor(guide)
        visitor.post("/understood", who="me", sound="numbers")
        visitor.post("/agree", agree="yes")
        visitor.measure("connection")
        lacks = "Enrol with a company&#39;s invitation first"
        assert visitor.get("/step/connection").count(lacks) == 1
        result = visitor.get("/step/result")
        assert lacks in result
        assert "this was our side" not in result
        assert "passed, with a remark" not in result
        assert "Do this part: Headset" in result
        assert "Do this part: Quiet room" in result
        assert "Do it again: Internet connection" in result


def test_an_unknown_preset_is_refused(visitor: Visitor) -> None:
    assert visitor.post("/policy", preset="/etc/passwd").status_code == 403


def test_the_enrolment_remembers_what_the_invitation_said(home: Home, visitor: Visitor) -> None:
    (enrolment,) = load_enrolments(home)
    assert (enrolment.purpose, enrolment.retention_days) == ("To see whether your home is ready.", 180)
    page = visitor.get("/step/welcome")
    assert "To see whether your home is ready." in page
    assert "180 days" in page

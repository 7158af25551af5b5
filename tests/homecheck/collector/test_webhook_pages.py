"""Webhooks on the dashboard: the secret once, what became of each message, and what was not taken sent again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import administration, setup, webhooks
from homecheck.collector.store import webhooks as store
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.webhooks import Message, Webhook
from homecheck.errors import SetupError
from homecheck.policy import parse_policy
from homecheck.standards.standard_webhooks import secret_text
from tests.dashboard_forms import hidden, post, shown, wrong_fields
from tests.live_collector import PROGRAM, Site, in_thread, wait_until
from tests.people import POLICY_TEXT
from tests.webhook_receiver import LOOPBACK, Receiver, receiving

CLOSED = "http://127.0.0.1:9/hook"  # nobody listens there


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[Path], Database]) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("webhooks")
    with in_thread(folder, database=new_database(folder), inside=LOOPBACK) as running:
        policy, now = parse_policy(POLICY_TEXT, "t"), datetime.now(UTC)
        administration.add_program(running.database, "sales", "Secret sales", "P", 90, policy, "a test", now)
        yield running


@pytest.fixture(scope="module")
def ada(site: Site) -> requests.Session:
    return site.browse("ada", "admin")


def add(site: Site, url: str, *kinds: str, program: str | None = None) -> Webhook:
    with opened(site.database) as db, transaction(db):
        now = datetime.now(UTC)
        return webhooks.add(db, url, program, kinds or ("test",), By("a test"), now, LOOPBACK)


def found(site: Site, webhook_id: str) -> Webhook:
    with opened(site.database) as db:
        return webhooks.find(db, webhook_id)


def secret_of(site: Site, one: Webhook) -> str:
    return secret_text(webhooks.secret_of(setup.load(site.database).keys.challenge_secret, one))


def given_up(site: Site, one: Webhook) -> Message:
    """Return a message to a receiver that was tried ten times and given up."""
    with opened(site.database) as db, transaction(db):
        message = webhooks.send_test(db, one.id, site.url, datetime.now(UTC) + timedelta(days=9))  # not sent now
        store.note_attempt(db, message.id, "given-up", None, 503, "the receiver answered 503")
    return message


def message_of(site: Site, one: Webhook) -> Message:
    with opened(site.database) as db:
        return store.recent(db, one.id, 1)[0]


def kinds_told(site: Site, about: str) -> list[object]:
    return site.browse_database(f"SELECT kind FROM event WHERE about = '{about}' AND actor = 'ada' ORDER BY id")


def test_a_receiver_is_added_and_its_secret_is_shown_once(site: Site, ada: requests.Session) -> None:
    form = {"url": f"{CLOSED}?team=it", "program": PROGRAM, "verdict.changed": "1", "others": "event.invited  test"}
    made = post(ada, f"{site.url}/webhooks", **form)
    assert made.status_code == 200
    (webhook_id,) = site.browse_database("SELECT id FROM webhook WHERE url LIKE '%team=it'")
    one = found(site, str(webhook_id))
    assert (one.program, one.kinds, one.created_by) == (PROGRAM, ("verdict.changed", "event.invited", "test"), "ada")
    assert secret_of(site, one) in made.text
    assert "it is stored nowhere and shown only now" in shown(made)
    for page in ("/webhooks", f"/webhooks/{one.id}"):
        assert "whsec_" not in ada.get(f"{site.url}{page}").text
    assert kinds_told(site, one.id) == ["webhook-added"]
    assert site.browse_database(f"SELECT source_address FROM event WHERE about = '{one.id}'") == ["127.0.0.1"]
    assert f"{CLOSED}?team=it" in shown(ada.get(f"{site.url}/webhooks"))
    assert site.defects() == []


@pytest.mark.parametrize(
    ("changed", "status", "field", "message"),
    [
        ({"url": "ftp://receiver.example.com/"}, 400, "url", "no address of a receiver. Write it like https://"),
        ({"url": ""}, 400, "url", "no address of a receiver"),
        ({"url": "https://[::1"}, 400, "url", "Write it like https://"),
        ({"url": "https://user:pw@x.example.com/"}, 400, "url", "no address of a receiver"),
        ({"url": "https://x.example.com/ü"}, 400, "url", "characters that addresses do not have"),
        ({"evidence.received": ""}, 400, "others", "kinds: 0 are chosen. Choose 1 to 20."),
        ({"others": "evidence.recieved"}, 400, "others", "kinds: nothing here is called 'evidence.recieved'"),
        ({"others": "test " * 21}, 400, "others", "kinds: 22 are chosen. Choose 1 to 20."),
    ],
)
def test_what_is_wrong_with_a_new_receiver_is_named_and_what_was_typed_stays(
    site: Site, ada: requests.Session, changed: dict[str, str], status: int, field: str, message: str
) -> None:
    before = site.browse_database("SELECT COUNT(*) FROM webhook")
    form = {"url": "https://x.example.com/typed", "program": "sales", "evidence.received": "1", **changed}
    answer = post(ada, f"{site.url}/webhooks", **form)
    assert (answer.status_code, wrong_fields(answer.text)) == (status, {field})
    assert message in shown(answer)
    assert '<option value="sales" selected>' in answer.text
    assert ("checked" in answer.text) is (form["evidence.received"] == "1")  # and not what is chosen at first
    if "url" not in changed:
        assert 'value="https://x.example.com/typed"' in answer.text
    assert site.browse_database("SELECT COUNT(*) FROM webhook") == before


def test_who_administers_one_program_sees_and_adds_its_receivers_alone(site: Site) -> None:
    http = site.browse("per", "admin", PROGRAM)
    own, other = add(site, f"{CLOSED}/own", program=PROGRAM), add(site, f"{CLOSED}/other", program="sales")
    everywhere = add(site, f"{CLOSED}/all")
    page = http.get(f"{site.url}/webhooks").text
    assert own.id in page
    for hidden_one in (other, everywhere):
        assert hidden_one.id not in page
        for method, path in (("GET", ""), ("GET", "/remove"), ("POST", "/remove"), ("POST", "/rotate")):
            form = {"generation": "1"} if method == "POST" else None
            answer = http.request(method, f"{site.url}/webhooks/{hidden_one.id}{path}", data=form, timeout=20)
            assert answer.status_code == 404, path
    assert "Secret sales" not in page
    assert ">every program</option>" not in page
    form = {"url": "https://x.example.com/", "test": "1", "evidence.received": "1"}
    assert post(http, f"{site.url}/webhooks", **form).status_code == 403
    assert post(http, f"{site.url}/webhooks", **form, program="sales").status_code == 404
    assert post(http, f"{site.url}/webhooks", **form, program="nowhere").status_code == 404
    assert post(http, f"{site.url}/webhooks", **form, program=PROGRAM).status_code == 200
    assert found(site, other.id).generation == 1


def test_a_message_that_was_not_taken_is_seen_with_its_answer_and_sent_again_under_its_id(
    site: Site, ada: requests.Session
) -> None:
    with receiving(Receiver()) as receiver:
        one = add(site, receiver.url)
        message = given_up(site, one)
        page = ada.get(f"{site.url}/webhooks/{one.id}")
        assert "given up: the receiver answered 503" in shown(page)
        assert '"type": "test"' in shown(page)
        address = f"{site.url}/webhooks/{one.id}/messages/{message.id}/resend"
        done = post(ada, address)
        assert (done.status_code, done.headers["Location"]) == (303, f"/webhooks/{one.id}")
        wait_until(lambda: message_of(site, one).state == "delivered")
        assert [head["webhook-id"] for head, _ in receiver.got] == [message.id]
        assert message_of(site, one).attempts == 2
        assert "delivered at the attempt number 2" in shown(ada.get(f"{site.url}/webhooks/{one.id}"))
        again = post(ada, address)
        assert again.status_code == 400
        assert "the receiver has taken this message" in shown(again)
        assert "Send again" not in again.text
    assert kinds_told(site, one.id) == ["webhook-resent"]
    assert site.browse_database("SELECT detail FROM event WHERE kind = 'webhook-resent'") == [message.id]
    assert site.defects() == []


def test_what_is_tried_soon_or_of_another_receiver_or_of_none_is_not_sent_again(
    site: Site, ada: requests.Session
) -> None:
    one, other = add(site, "http://127.0.0.1:9/soon"), add(site, "http://127.0.0.1:9/not")
    message = given_up(site, one)
    for address in (f"{other.id}/messages/{message.id}", f"{one.id}/messages/msg_{'0' * 32}", f"{one.id}/messages/x"):
        assert post(ada, f"{site.url}/webhooks/{address}/resend").status_code == 404
    now = datetime.now(UTC)
    with opened(site.database) as db, transaction(db):
        store.begin_again(db, message.id, now + timedelta(seconds=100))  # within the two minutes of an attempt
        with pytest.raises(SetupError, match="tried soon in any case"):
            webhooks.resend(db, one.id, message.id, By("a test"), now)
        store.begin_again(db, message.id, now + timedelta(hours=5))
        assert webhooks.resend(db, one.id, message.id, By("a test"), now).next_at == now
        store.end(db, one.id, "gone")
        with pytest.raises(SetupError, match="the receiver is gone"):
            webhooks.resend(db, one.id, message.id, By("a test"), now)
    page = ada.get(f"{site.url}/webhooks/{one.id}")
    assert "It is told nothing more: it answered 410." in shown(page)
    assert "Send again" not in page.text
    assert "Send a test message" not in page.text


def test_a_receiver_that_does_not_answer_is_called_failing_with_what_waits(site: Site, ada: requests.Session) -> None:
    one = add(site, "http://127.0.0.1:9/failing")
    assert post(ada, f"{site.url}/webhooks/{one.id}/test").status_code == 303
    wait_until(lambda: message_of(site, one).attempts == 1)
    for page in ("/webhooks", f"/webhooks/{one.id}"):
        text = shown(ada.get(f"{site.url}{page}"))
        assert "1 message waiting, 1 of them tried and not taken" in text
        assert "Connection refused" in text
    assert re.search(r"\d (does|do) not take messages", shown(ada.get(f"{site.url}/administration")))


def test_a_secret_is_rotated_once_from_each_page_and_shown_once(site: Site, ada: requests.Session) -> None:
    one = add(site, f"{CLOSED}/rotate")
    address = f"{site.url}/webhooks/{one.id}"
    seen = hidden(ada.get(address).text, "generation")
    changed = post(ada, f"{address}/rotate", generation=seen)
    assert changed.status_code == 200
    secret = secret_of(site, found(site, one.id))
    assert secret in changed.text
    assert secret != secret_of(site, one)
    assert "messages are signed under the earlier one as well" in shown(changed)
    # Another administrator, or the same page loaded again: the first secret would end at once.
    stale = post(site.browse("ben", "admin"), f"{address}/rotate", generation=seen)
    assert stale.status_code == 412
    assert "this receiver has got another secret since your page was made" in shown(stale)
    assert "whsec_" not in stale.text
    assert found(site, one.id).generation == 2
    assert "Another rotation ends that one at once." in shown(ada.get(address))
    assert kinds_told(site, one.id) == ["webhook-rotated"]


def test_a_receiver_is_switched_off_on_a_page_of_its_own(site: Site, ada: requests.Session) -> None:
    one = add(site, f"{CLOSED}/off")
    assert f"Tell {CLOSED}/off nothing more?" in shown(ada.get(f"{site.url}/webhooks/{one.id}/remove"))
    assert found(site, one.id).standing == "on"
    done = post(ada, f"{site.url}/webhooks/{one.id}/remove")
    assert (done.status_code, done.headers["Location"]) == (303, "/webhooks")
    assert one.id not in ada.get(f"{site.url}/webhooks").text
    assert ada.get(f"{site.url}/webhooks/{one.id}").status_code == 404
    assert kinds_told(site, one.id) == ["webhook-removed"]


def test_what_a_message_and_an_address_hold_is_shown_as_text(site: Site, ada: requests.Session) -> None:
    one = add(site, f"{CLOSED}?<script>alert(1)</script>")
    with opened(site.database) as db, transaction(db):
        message = webhooks.send_test(db, one.id, "<script>x</script>", datetime.now(UTC) + timedelta(days=9))
        store.note_attempt(db, message.id, "given-up", None, None, "<script>\x1b[31m")
    page = ada.get(f"{site.url}/webhooks/{one.id}")
    assert "<script>" not in page.text + ada.get(f"{site.url}/webhooks").text
    assert json.loads(message.body)["data"]["collector"] == "<script>x</script>"
    assert re.search(r"&lt;script&gt;x&lt;/script&gt;", page.text)
    assert "\x1b" not in page.text

"""Webhooks: real receivers on loopback, the reference library's own verification, a collector killed in between."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from click.testing import CliRunner

from homecheck.cli.collector_webhook import webhook
from homecheck.clock import utc_now
from homecheck.collector import administration, setup, webhooks
from homecheck.collector.doctor.upkeep import examine_upkeep
from homecheck.collector.post import Answer, post
from homecheck.collector.store import webhooks as store
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.webhooks import Message, Webhook
from homecheck.collector.webhooks import MOST, RECEIVERS_AT_ONCE, live_secrets, next_try, secret_of, why_not
from homecheck.errors import SetupError
from homecheck.policy import parse_policy
from homecheck.standards.standard_webhooks import SCHEDULE, secret_text
from tests.certificates import make_certificate
from tests.live_collector import ServerProcess, Site, in_thread, set_up, wait_until
from tests.office import Clock
from tests.people import FAILS, POLICY_TEXT
from tests.ports import free_port
from tests.webhook_receiver import LOOPBACK, Receiver, receiving

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def add(site: Site, url: str, *kinds: str, program: str | None = None) -> Webhook:
    with opened(site.database) as db, transaction(db):
        return webhooks.add(db, url, program, kinds or ("*",), By("a test"), datetime.now(UTC), LOOPBACK)


def messages(site: Site, webhook: Webhook) -> list[Message]:
    with opened(site.database) as db:
        return store.recent(db, webhook.id, 100)


def key_of(site: Site) -> bytes:
    return setup.load(site.database).keys.challenge_secret


def verify(site: Site, webhook: Webhook, headers: dict[str, str], body: bytes) -> Any:
    secret = secret_text(secret_of(key_of(site), webhook))
    return standardwebhooks.Webhook(secret).verify(body.decode(), headers)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Site, ServerProcess]]:
    """A collector in a process of its own that may send to loopback."""
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    server = ServerProcess(site, arguments=("--webhooks-inside", "127.0.0.0/8"))
    server.start()
    yield site, server
    server.stop()


def test_a_check_is_told_signed_and_without_the_name_of_anybody(
    tmp_path: Path, new_database: Callable[[Path], Database]
) -> None:
    with (
        in_thread(tmp_path, database=new_database(tmp_path), inside=LOOPBACK) as site,
        receiving(Receiver()) as receiver,
    ):
        webhook = add(site, receiver.url, "evidence.received", "verdict.changed")
        worker = site.worker(replace(FAILS, name="Ada Lövelace"))
        assert worker.check().status_code == 201
        wait_until(lambda: len(receiver.got) == 2)
    assert receiver.kinds() == ["evidence.received", "verdict.changed"]
    headers, body = receiver.got[0]
    told = verify(site, webhook, headers, body)["data"]
    (digest,), (person,) = (
        site.browse_database(sql) for sql in ("SELECT digest FROM evidence", "SELECT id FROM person")
    )
    assert told["evidence"] == digest
    assert told["person_url"] == f"{site.url}/people/{person}"
    assert (told["verdict"], told["verdict_before"], told["program"]) == ("fail", None, "support")
    assert headers["content-type"] == "application/json"
    assert "velace" not in body.decode()
    assert site.defects() == []


def test_a_receiver_that_was_away_gets_everything_in_order_also_when_the_collector_is_killed(
    served: tuple[Site, ServerProcess],
) -> None:
    site, server = served
    port = free_port()
    webhook = add(site, f"http://127.0.0.1:{port}/", "evidence.received")
    worker = site.worker()
    for _ in range(2):
        assert worker.check().status_code == 201
    wait_until(lambda: any(one.attempts for one in messages(site, webhook)))
    server.kill()
    with opened(site.database) as db, transaction(db):  # the schedule's five seconds are over
        db.execute("UPDATE message SET next_at = ? WHERE state = 'waiting'", ("2020-01-01T00:00:00.000Z",))
    receiver = Receiver()
    with receiving(receiver) as running, opened(site.database) as db:
        with transaction(db):
            db.execute("UPDATE webhook SET url = ?", (running.url,))
        server.start()
        wait_until(lambda: [one.state for one in messages(site, webhook)] == ["delivered"] * 2)
    sent = [json.loads(body)["data"]["evidence"] for _, body in receiver.got]
    assert sorted(sent) == sorted(str(one) for one in site.browse_database("SELECT digest FROM evidence"))
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2


def test_a_receiver_that_hangs_keeps_nobody_waiting(served: tuple[Site, ServerProcess]) -> None:
    site, _ = served
    released = threading.Event()
    with receiving(Receiver(hangs=released)) as slow, receiving(Receiver()) as quick:
        add(site, slow.url, "event.*")
        add(site, quick.url, "event.*")
        site.invite("Bo")
        wait_until(lambda: len(quick.got) >= 1)
        assert not slow.got
        worker = site.worker()
        assert worker.check().status_code == 201  # uploads do not wait either
        assert not slow.got
        released.set()


def test_the_collector_stops_while_a_receiver_hangs_and_the_next_start_sends_the_message_again(
    served: tuple[Site, ServerProcess],
) -> None:
    site, server = served
    released = threading.Event()
    with receiving(Receiver(hangs=released)) as slow:
        webhook = add(site, slow.url, "event.invited")
        site.invite("Bo")
        assert slow.asked.wait(60)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8  # and the receiver is waited for 15
        (message,) = messages(site, webhook)
        assert (message.state, message.attempts, message.error) == ("waiting", 0, "")  # it is not its failure
        assert message.next_at == message.made_at  # due at once
        released.set()
        server.start()
        wait_until(lambda: messages(site, webhook)[0].state == "delivered")
        assert messages(site, webhook)[0].attempts == 1
        assert {headers["webhook-id"] for headers, _ in slow.got} == {message.id}


def test_an_attempt_that_ends_while_it_is_put_back_counts(site: Site) -> None:
    with opened(site.database) as db, transaction(db):
        one = add_one(db)
        message = webhooks.send_test(db, one.id, site.url, NOW)
        assert store.claim(db, message, NOW + DAY)
        store.note_attempt(db, message.id, "waiting", NOW + DAY, 500, "the receiver answered 500")
        store.put_back(db, [message])
        (kept,) = store.recent(db, one.id, 9)
        assert (kept.attempts, kept.next_at) == (1, NOW + DAY)
        webhooks.remove(db, one.id, By("a test"), NOW)


def test_nine_slow_receivers_with_much_to_take_do_not_keep_a_tenth_waiting(tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = set_up(tmp_path, "http://127.0.0.1:1")
        slow = [stack.enter_context(receiving(Receiver(delay=0.5))) for _ in range(RECEIVERS_AT_ONCE + 1)]
        quick = stack.enter_context(receiving(Receiver()))
        hooks = [add(site, one.url, "test") for one in (*slow, quick)]
        with opened(site.database) as db, transaction(db):
            for hook in hooks[:-1]:
                for _ in range(40):
                    webhooks.send_test(db, hook.id, site.url, datetime.now(UTC))
            webhooks.send_test(db, hooks[-1].id, site.url, datetime.now(UTC))
        collector = replace(setup.load(site.database), inside=LOOPBACK)
        collector.writer.start()
        courier = webhooks.Courier(collector, tick_seconds=0.1, turn_seconds=0.2)
        courier.start()
        try:
            wait_until(lambda: len(quick.got) == 1)
            assert sum(len(one.got) for one in slow) < 120  # of 360: the tenth had its turn long before they were done
        finally:
            courier.stop()
            collector.writer.stop()
            collector.readers.close()


def test_a_receiver_that_takes_nothing_for_a_while_is_told_of_in_the_log_the_list_and_by_the_doctor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site, clock = set_up(tmp_path, "http://127.0.0.1:1"), Clock()
    collector = replace(setup.load(site.database), inside=LOOPBACK, clock=clock)
    caplog.set_level(logging.INFO, "homecheck.collector")

    def list_and_messages(one: Webhook) -> tuple[str, str]:
        runner, url = CliRunner(), ["--database", site.database.url]
        said = [runner.invoke(webhook, [*words, *url]) for words in (["list"], ["messages", one.id])]
        assert [one.exit_code for one in said] == [0, 0]
        return said[0].stdout, said[1].stdout

    def doctor(later: timedelta) -> list[tuple[str, str]]:
        with opened(site.database) as db:
            found = examine_upkeep(db, clock() + later)
            return [(one.state, one.message) for one in found if one.name == "webhooks"]

    with receiving(Receiver([500, 500, 503, 200])) as receiver:
        hook = add(site, receiver.url, "test")
        assert doctor(DAY) == [("ok", f"{hook.id} has 0 messages waiting")]
        with opened(site.database) as db, transaction(db):
            for _ in range(2):
                webhooks.send_test(db, hook.id, site.url, clock())
        assert "2 messages waiting\n" in list_and_messages(hook)[0]
        assert list_and_messages(hook)[1].count("test  waiting\n") == 2
        collector.writer.start()
        courier = webhooks.Courier(collector, tick_seconds=0.02)
        courier.start()
        try:
            wait_until(lambda: len(receiver.got) == 2 and refused(site, hook) == 2)
            listed, told = list_and_messages(hook)
            assert "2 messages waiting, 2 of them tried and not taken, the oldest of " in listed
            assert " UTC: the receiver answered 500\n" in listed
            assert told.count("waiting, tried once, again at ") == 2
            assert told.count(": the receiver answered 500\n") == 2
            ((state, words),) = doctor(timedelta(minutes=11))
            assert state == "warn"
            assert words.startswith(f"{hook.id} has not taken 2 of its messages, the oldest of ")
            yet = "2 messages waiting, 2 of them tried and not taken yet: the receiver answered 500"
            assert doctor(timedelta(minutes=5)) == [("ok", f"{hook.id} has {yet}")]
            clock.ahead = timedelta(seconds=10)
            wait_until(lambda: len(receiver.got) == 4 and refused(site, hook) == 1)
            clock.ahead = timedelta(minutes=10)
            wait_until(lambda: len(receiver.got) == 5 and refused(site, hook) == 0)
        finally:
            courier.stop()
            collector.writer.stop()
            collector.readers.close()
    prefix = f"webhooks: {hook.id}"
    assert [one.getMessage() for one in caplog.records] == [
        f"{prefix} has not taken a message, it is tried again later: the receiver answered 500",
        f"{prefix} has not taken a message, it is tried again later: the receiver answered 503",
        f"{prefix} takes messages again",
    ]
    assert list_and_messages(hook)[0].endswith(f"{receiver.url}\n")
    assert "delivered at the attempt number 3" in list_and_messages(hook)[1]


def refused(site: Site, hook: Webhook) -> int:
    with opened(site.database) as db:
        return store.outstanding(db, hook.id).refused


def test_of_receivers_there_is_a_bounded_number(site: Site) -> None:
    with opened(site.database) as db, transaction(db):
        here = sum(one.standing == "on" for one in store.every(db))
        made = [add_one(db) for _ in range(MOST - here)]
        with pytest.raises(SetupError, match=f"there are {MOST} receivers already"):
            add_one(db)
        for one in made:
            webhooks.remove(db, one.id, By("a test"), datetime.now(UTC))
        webhooks.remove(db, add_one(db).id, By("a test"), datetime.now(UTC))


def add_one(db: Connection) -> Webhook:
    return webhooks.add(db, "https://receiver.example.com", None, ["test"], By("a test"), datetime.now(UTC), ())


def test_410_ends_it_and_a_removed_one_gets_nothing(served: tuple[Site, ServerProcess]) -> None:
    site, _ = served
    with receiving(Receiver([410])) as gone, receiving(Receiver()) as kept:
        first, second = add(site, gone.url, "event.invited"), add(site, kept.url, "event.invited")
        site.invite("Bo")
        wait_until(lambda: len(gone.got) == 1 and len(kept.got) == 1)
        with opened(site.database) as db:
            wait_until(lambda: (store.find(db, first.id) or first).standing == "gone")
            with transaction(db):
                webhooks.remove(db, second.id, By("a test"), datetime.now(UTC))
        site.invite("Kim")
        time.sleep(2.5)  # two ticks and a bit
        assert (len(gone.got), len(kept.got)) == (1, 1)
    assert [one.state for one in messages(site, first)] == ["given-up"]
    assert site.defects() == []


def test_one_that_is_removed_while_a_message_is_on_its_way_stays_removed(served: tuple[Site, ServerProcess]) -> None:
    site, _ = served
    leaving = threading.Event()
    with receiving(Receiver([410], hangs=leaving)) as receiver:
        one = add(site, receiver.url, "event.invited")
        site.invite("Bo")
        with opened(site.database) as db:
            wait_until(lambda: any(message.next_at != message.made_at for message in store.recent(db, one.id, 9)))
            with transaction(db):
                webhooks.remove(db, one.id, By("a test"), datetime.now(UTC))
            leaving.set()
            wait_until(lambda: bool(site.browse_database("SELECT 1 FROM event WHERE kind = 'webhook-given-up'")))
            assert store.find(db, one.id) is None
            assert [message.state for message in store.recent(db, one.id, 9)] == ["given-up"]
    assert site.defects() == []


def test_a_receiver_of_one_program_hears_nothing_of_others(served: tuple[Site, ServerProcess]) -> None:
    site, _ = served
    policy = parse_policy(POLICY_TEXT, "test policy")
    administration.add_program(site.database, "other", "Other line", "To see.", 180, policy, "a test", utc_now())
    with receiving(Receiver()) as other, receiving(Receiver()) as every:
        add(site, other.url, "event.invited", program="other")
        add(site, every.url, "event.invited")
        site.invite("Bo")
        wait_until(lambda: len(every.got) == 1)
        time.sleep(1.5)
        assert other.got == []


def test_without_leave_of_the_operator_nothing_goes_to_loopback(tmp_path: Path) -> None:
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    server = ServerProcess(site)
    server.start()
    try:
        with receiving(Receiver()) as receiver:
            webhook = add(site, receiver.url, "event.invited")
            site.invite("Bo")
            wait_until(lambda: any(one.attempts for one in messages(site, webhook)))
            (message,) = messages(site, webhook)
            assert receiver.got == []
            assert "not encrypted" in message.error
    finally:
        server.stop()


def answer_of(url: str, tls: ssl.SSLContext | None = None, seconds: float = 5.0, inside: bool = True) -> Answer:
    return post(url, b"{}", {"Content-Type": "application/json"}, LOOPBACK if inside else (), tls, seconds)


def test_a_certificate_is_checked_against_the_name(tmp_path: Path) -> None:
    context, certificate = make_certificate(tmp_path, "127.0.0.1")
    trusting = ssl.create_default_context(cafile=str(certificate))
    with receiving(Receiver(), context) as receiver:
        assert answer_of(receiver.url, trusting).taken
        assert "CERTIFICATE_VERIFY_FAILED" in answer_of(receiver.url).error
        other_name = receiver.url.replace("127.0.0.1", "localhost")
        assert "CERTIFICATE_VERIFY_FAILED" in answer_of(other_name, trusting).error
        assert "no address of the internet" in answer_of(receiver.url, trusting, inside=False).error


def test_a_name_that_means_something_else_a_moment_later_gets_the_message_where_it_was_judged() -> None:
    """DNS rebinding: the first answer is allowed, every later one is a machine inside the company."""
    answers = ["127.0.0.1", "10.0.0.1", "10.0.0.1"]

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (answers.pop(0), 443))]

    with receiving(Receiver()) as receiver:
        url = receiver.url.replace("127.0.0.1", "rebind.example")
        assert post(url, b"{}", {}, LOOPBACK, look_up=look_up).taken
    assert answers == ["10.0.0.1", "10.0.0.1"]  # nobody asked again
    ((headers, _),) = receiver.got
    assert headers["host"].startswith("rebind.example:")


def test_a_receiver_with_a_second_address_is_told_there_when_the_first_one_is_dead() -> None:
    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (address, 443)) for address in ("127.0.0.2", "127.0.0.1")]

    with receiving(Receiver()) as receiver:
        url = receiver.url.replace("127.0.0.1", "two.example")
        assert post(url, b"{}", {}, LOOPBACK, look_up=look_up).taken
        assert not post(url, b"{}", {}, LOOPBACK, look_up=lambda *a, **b: look_up(*a, **b)[:1]).taken
    assert len(receiver.got) == 1


def test_a_redirect_is_not_followed() -> None:
    with receiving(Receiver()) as secret, receiving(Receiver([302])) as receiver:
        receiver.headers["Location"] = secret.url
        answer = answer_of(receiver.url)
        assert (answer.status, answer.taken, secret.got) == (302, False, [])
        assert why_not(answer) == "the receiver answered 302, and redirects are not followed"


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500]
)
def test_a_receiver_that_drips_or_talks_nonsense_is_over_in_time(head: bytes) -> None:
    """One byte at a time would keep a reader with a timeout per read for ever."""

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(head)
                for _ in range(200):
                    connection.sendall(b"x")
                    time.sleep(0.1)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        before = time.monotonic()
        answer = answer_of(f"http://127.0.0.1:{listener.getsockname()[1]}/", seconds=1.5)
        assert not answer.taken
        assert answer.error
        assert time.monotonic() - before < 8
        thread.join()


def test_a_name_without_an_address_is_told() -> None:
    assert "nowhere.invalid" in answer_of("https://nowhere.invalid/").error


@pytest.mark.parametrize(
    "url",
    ["ftp://x.example/", "https://", "https://user:pw@x.example/", "https://x.example/#a", "https://x.example:99999/",
     "javascript:alert(1)", "https://x.example/\r\nX: y", "https://x.example/" + "a" * 1000, "http://x.example/"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_when_it_is_added(site: Site, url: str) -> None:
    with opened(site.database) as db, pytest.raises(SetupError):
        webhooks.add(db, url, None, ("*",), By("a test"), NOW, ())


def hook(**changes: Any) -> Webhook:
    return replace(Webhook("wh_1", "https://x.example/", None, ("*",), NOW, "me", 1, None, 0, "on"), **changes)


def test_for_a_day_after_a_rotation_there_are_two_secrets() -> None:
    rotated = hook(generation=2, rotated_at=NOW)
    both = live_secrets(b"k", rotated, NOW + timedelta(hours=23, minutes=59))
    assert both == [secret_of(b"k", rotated), secret_of(b"k", hook())]
    assert live_secrets(b"k", rotated, NOW + timedelta(hours=24)) == both[:1]
    assert len({*both, secret_of(b"k", hook(id="wh_2")), secret_of(b"j", hook())}) == 4


def test_tries_follow_the_schedule_and_end() -> None:
    for number, seconds in enumerate(SCHEDULE, start=1):
        again = next_try(number, Answer(500), NOW)
        assert again is not None
        assert 0.9 * seconds <= (again - NOW).total_seconds() <= 1.1 * seconds
    assert next_try(len(SCHEDULE) + 1, Answer(500), NOW) is None
    assert next_try(1, Answer(410), NOW) is None


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("120", 120, 120),
        ("Thu, 26 Nov 2026 12:10:00 GMT", 600, 600),
        ("999999999", 86_400, 86_400),  # no receiver stops its messages for a year
        ("-5", 4, 6), ("soon", 4, 6), ("", 4, 6), ("Thu, 26 Nov 2026 12:10:00", 4, 6), ("٣٠٠", 4, 6), ("9" * 400, 4, 6),
    ],
)  # fmt: skip
def test_retry_after_is_respected_within_reason(text: str, least: float, most: float) -> None:
    again = next_try(1, Answer(503, text), NOW)
    assert again is not None
    assert least <= (again - NOW).total_seconds() <= most


def test_two_workers_make_each_message_once(tmp_path: Path, new_database: Callable[[Path], Database]) -> None:
    """Both have read the log up to the same place; the second finds that the first was there."""
    site = set_up(tmp_path, "http://127.0.0.1:9", new_database(tmp_path))
    webhook = add(site, "http://127.0.0.1:9/", "*")
    message = Message("msg_1", webhook.id, "test", NOW, b"{}", 0, NOW, "waiting", None, "")
    with opened(site.database) as db:
        with transaction(db):
            assert store.queue(db, webhook, [message], 99)
        with transaction(db):
            assert not store.queue(db, webhook, [replace(message, id="msg_2")], 99)
            assert store.claim(db, message, NOW + timedelta(minutes=2))
            assert not store.claim(db, message, NOW + timedelta(minutes=2))
        assert [one.id for one in store.recent(db, webhook.id, 9)] == ["msg_1"]


@pytest.mark.parametrize("pattern", ["evidence.recieved", "securty.*", "event.enrolled", "", "event.* security.*"])
def test_a_kind_that_no_message_can_have_is_refused_with_those_there_are(
    served: tuple[Site, ServerProcess], pattern: str
) -> None:
    site, _ = served
    with pytest.raises(SetupError, match="kinds: nothing here is called") as refused:
        add(site, "http://127.0.0.1:9/", "verdict.changed", pattern)
    assert "evidence.received, verdict.changed, security.KIND and event.KIND" in refused.value.advice


def test_from_the_command_line(served: tuple[Site, ServerProcess]) -> None:
    site, _ = served

    def run(*arguments: str) -> str:
        command = [
            sys.executable,
            "-m",
            "homecheck",
            "collector",
            "--database",
            site.database.url,
            "webhook",
            *arguments,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    with receiving(Receiver()) as receiver:
        made = run("add", receiver.url, "--kind", "event.*", "--webhooks-inside", "127.0.0.0/8").split()
        webhook_id, secret = made[1], made[3]
        assert secret.startswith("whsec_")
        message_id = run("test", webhook_id).strip()
        wait_until(lambda: any(headers["webhook-id"] == message_id for headers, _ in receiver.got))
        headers, body = next(one for one in receiver.got if one[0]["webhook-id"] == message_id)
        assert standardwebhooks.Webhook(secret).verify(body.decode(), headers)["type"] == "test"
        newer = run("rotate", webhook_id).split()[3]
        assert newer != secret
        wait_until(lambda: "event.webhook-rotated" in receiver.kinds())
        headers, body = next(one for one in receiver.got if b"webhook-rotated" in one[1])
        for known in (secret, newer):
            standardwebhooks.Webhook(known).verify(body.decode(), headers)
        assert "delivered" in run("messages", webhook_id)
        with opened(site.database) as db, transaction(db):
            db.execute("UPDATE message SET state = 'given-up' WHERE id = ?", (message_id,))
        run("resend", webhook_id, message_id)
        wait_until(lambda: "event.webhook-resent" in receiver.kinds())
        wait_until(lambda: sum(headers["webhook-id"] == message_id for headers, _ in receiver.got) == 2)
        assert json.loads(run("list", "--output", "json"))[0]["secret_number"] == 2
        run("remove", webhook_id)
        assert json.loads(run("list", "--output", "json")) == []

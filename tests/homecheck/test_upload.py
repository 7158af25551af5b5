from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from homecheck import rechecks, spool
from homecheck.config import Home
from homecheck.enrolment import Enrolment, read_invitation, redeem, store_enrolment
from homecheck.evidence import Evidence
from homecheck.exchange import new_session
from homecheck.keys import SoftwareKey, read_key_file, write_key_file
from homecheck.rechecks import Check, Rechecks
from homecheck.signing import EVIDENCE, POLICY, digest, sign, verify
from homecheck.upload import Delivery, backoff_ceiling, deliver, deliver_waiting, retry_after_seconds, stored_receipts
from tests.scripted_collector import NOW, Reply, Request, ScriptedCollector, make_evidence, problem

HTTP = new_session({})


@dataclass
class Time:
    """A clock that moves only when somebody sleeps."""

    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@dataclass
class Bench:
    """A home enrolled with a collector, and time that passes without waiting."""

    collector: ScriptedCollector
    home: Home
    enrolment: Enrolment
    signer: SoftwareKey
    time: Time = field(default_factory=Time)

    def put(self, number: int = 1) -> str:
        evidence = make_evidence(self.signer, number=number, aud=self.collector.url)
        at = NOW - timedelta(minutes=30 - number)
        return spool.put(self.home, sign(evidence.to_bytes(), EVIDENCE, self.signer), "voice", at)

    def deliver(self, name: str, **options: Any) -> Delivery:
        options = {"random": lambda: 0.5, "deadline_seconds": 60.0, **options}
        fake = self.time
        return deliver(
            self.home, self.enrolment, self.signer, name, HTTP, fake.sleep, fake.clock, now=fake.now, **options
        )

    def deliver_waiting(self, **options: Any) -> tuple[Delivery, ...]:
        fake = self.time
        return deliver_waiting(self.home, HTTP, fake.sleep, fake.clock, random=lambda: 0.5, now=fake.now, **options)

    def waiting(self) -> list[str]:
        return [one.digest for one in spool.waiting(self.home)]

    def aside(self) -> list[str]:
        return [one.digest for one in spool.aside(self.home)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ScriptedCollector() as collector:
        home = Home.at(tmp_path / "home")
        enrolment = redeem(read_invitation(collector.invite_url, HTTP), home, HTTP, NOW)
        yield Bench(collector, home, enrolment, read_key_file(home.keys / f"{enrolment.kid}.jwk"))


# Success


def test_a_receipt_that_verifies_is_success_and_is_kept_beside_the_evidence(bench: Bench) -> None:
    name = bench.put()
    envelope = spool.read_envelope(bench.home, name)
    delivery = bench.deliver(name)
    (request,) = bench.collector.sent("PUT")
    assert (request.path, request.body) == ("/v1/evidence/01939c5f-0000-7000-8000-000000000001", envelope)
    assert request.headers["content-type"] == "application/jose"
    assert delivery.status == "accepted"
    assert delivery.result is not None
    assert delivery.result.result.verdict.word == "pass"
    assert bench.waiting() == bench.aside() == []
    kept = bench.home.receipts / f"{name[7:]}.jws", bench.home.receipts / f"{name[7:]}.receipt.jws"
    assert kept[0].read_bytes() == envelope
    assert delivery.receipt == digest(kept[1].read_bytes())
    assert not list(bench.home.spool.iterdir())


@pytest.mark.parametrize(
    "answers",
    [[], [problem(401, "stale-nonce", nonce="fresh")]],
    ids=["taken at once", "signed again"],
)
def test_re_checks_hear_of_every_receipt(bench: Bench, answers: list[Reply]) -> None:
    evidence = make_evidence(bench.signer, number=1)
    rechecks.store(bench.home, Rechecks({"voice": Check(NOW, "fail", "waiting", evidence.id)}))
    bench.collector.script("PUT", *answers, bench.collector.receipt)
    assert bench.deliver(bench.put()).status == "accepted"
    assert rechecks.load(bench.home).checks["voice"] == Check(NOW, "pass", "accepted", evidence.id)


def test_a_receipt_is_worth_more_than_what_re_checks_hear_of_it(bench: Bench) -> None:
    bench.home.rechecks.mkdir()
    assert bench.deliver(bench.put()).status == "accepted"
    assert bench.waiting() == []


def test_the_same_receipt_again_is_success_too(bench: Bench) -> None:
    bench.collector.script("PUT", lambda request: bench.collector.receipt(request, status=200))
    assert bench.deliver(bench.put()).status == "accepted"


def test_a_500_is_tried_again_and_then_accepted(bench: Bench) -> None:
    bench.collector.script("PUT", Reply(500), Reply(502), bench.collector.receipt)
    assert bench.deliver(bench.put()).status == "accepted"
    assert bench.time.pauses == [0.5, 1.0]  # half of 1 s and half of 2 s, the random number being one half


def test_a_lost_answer_sends_the_very_same_bytes_again(bench: Bench) -> None:
    bench.collector.script("PUT", lambda request: None, bench.collector.receipt)
    assert bench.deliver(bench.put()).status == "accepted"
    first, second = bench.collector.sent("PUT")
    assert first.body == second.body


# Answers that look like success


def tricks(bench: Bench) -> dict[str, Any]:
    collector = bench.collector
    other = sign(make_evidence(bench.signer, number=9).to_bytes(), EVIDENCE, bench.signer)
    return {
        "200 and nothing": Reply(200),
        "201 and a page": Reply(201, b"<h1>Thank you!</h1>", {}, "text/html"),
        "204": Reply(204),
        "202 accepted for later": Reply(202, b"{}"),
        "a receipt for another envelope": lambda request: collector.receipt(request, envelope=other),
        "a receipt for another id": lambda request: collector.receipt(request, evidence_id="x"),
        "a receipt for another program": lambda request: collector.receipt(request, program="sales"),
        "a receipt of another collector": lambda request: collector.receipt(request, issuer="https://evil.example"),
        "a receipt signed by a stranger": lambda request: collector.receipt(request, signer=SoftwareKey.generate()),
        "a receipt signed by ourselves": lambda request: collector.receipt(request, signer=bench.signer),
        "a receipt of a foreign kind": lambda request: collector.receipt(request, typ=POLICY),
        "the envelope itself": lambda request: Reply(201, request.body),
        "a receipt with a newline": lambda request: Reply(201, collector.receipt(request).body + b"\n"),
    }


def test_whatever_looks_like_success_without_a_good_receipt_is_not_delivered(bench: Bench) -> None:
    name = bench.put()
    for trick, step in tricks(bench).items():
        bench.collector.script("PUT", step)
        delivery = bench.deliver(name)
        assert (delivery.status, delivery.receipt, delivery.result) == ("waiting", None, None), trick
        assert "receipt" in delivery.message, trick
        assert bench.waiting() == [name], trick
        assert not bench.home.receipts.exists(), trick
    assert len(bench.collector.sent("PUT")) == len(tricks(bench))  # none was tried again at once


def test_a_redirect_is_a_failure_and_is_never_followed(bench: Bench) -> None:
    name = bench.put()
    for status in (301, 302, 303, 307, 308):
        bench.collector.script("PUT", Reply(status, b"", {"Location": f"{bench.collector.url}/elsewhere"}))
        delivery = bench.deliver(name)
        assert delivery.status == "waiting"
        assert f"sends us elsewhere (HTTP status {status})" in delivery.message
    assert {request.path for request in bench.collector.sent("PUT")} == {bench.collector.sent("PUT")[0].path}
    assert bench.collector.sent("GET")[1:] == []  # one GET read the invitation
    assert bench.waiting() == [name]


def test_after_a_failure_of_the_network_here_the_next_upload_tries_at_once(bench: Bench) -> None:
    name = bench.put()
    bench.collector.script("PUT", Reply(302), bench.collector.receipt)
    assert bench.deliver(name).status == "waiting"
    assert [delivery.status for delivery in bench.deliver_waiting()] == ["accepted"]


# A stale challenge


def test_a_stale_challenge_is_answered_by_signing_the_same_runs_again(bench: Bench) -> None:
    name = bench.put()
    stale = problem(401, "stale-nonce", nonce="fresh", expires_at="2026-11-23T20:43:00.000Z")
    bench.collector.script("PUT", stale, bench.collector.receipt)
    delivery = bench.deliver(name)
    assert delivery.status == "accepted"
    keys = {bench.signer.public.kid: bench.signer.public}
    before, after = (
        Evidence.from_bytes(verify(request.body, EVIDENCE, keys.get)) for request in bench.collector.sent("PUT")
    )
    assert (before.nonce, after.nonce) == ("old", "fresh")
    assert replace(after, nonce=before.nonce, iat=before.iat) == before  # number, id and runs stay
    assert delivery.envelope == digest(bench.collector.sent("PUT")[1].body) != name
    assert bench.waiting() == []


def test_it_is_signed_again_three_times_at_most(bench: Bench) -> None:
    bench.put()
    steps = [problem(401, "stale-nonce", nonce=f"n{index}") for index in range(9)]
    bench.collector.script("PUT", *steps)
    (delivery,) = bench.deliver_waiting()
    assert delivery.status == "waiting"
    assert len(bench.collector.sent("PUT")) == 4
    assert len(bench.waiting()) == 1
    (one,) = spool.waiting(bench.home)
    assert (one.program, one.since) == ("voice", NOW - timedelta(minutes=29))  # what is known of it came along


def test_a_401_without_a_fresh_challenge_waits_and_says_what_the_collector_said(bench: Bench) -> None:
    bench.collector.script("PUT", problem(401, "unknown-device", advice="Ask for a new invitation."))
    delivery = bench.deliver(bench.put())
    assert (delivery.status, delivery.advice) == ("waiting", "Ask for a new invitation.")
    assert "told: unknown-device (unknown-device)" in delivery.message
    assert len(bench.collector.sent("PUT")) == 1


def test_a_crash_between_signing_again_and_tidying_up_ends_well(bench: Bench) -> None:
    old = bench.put()
    bench.collector.script("PUT", problem(401, "stale-nonce", nonce="fresh"), bench.collector.receipt)
    envelope = spool.read_envelope(bench.home, old)
    assert envelope is not None
    assert bench.deliver(old).status == "accepted"
    spool.put(bench.home, envelope, "voice")  # as if the old bytes had never been removed
    bench.collector.script("PUT", problem(409, "id-conflict"))
    (delivery,) = bench.deliver_waiting()
    assert delivery.status == "accepted"
    assert bench.waiting() == bench.aside() == []


# Refusals


@pytest.mark.parametrize(
    ("status", "reason"), [(409, "id-conflict"), (413, "too-large"), (415, "encoded"), (422, "schema")]
)
def test_what_will_never_be_taken_is_set_aside_with_the_reason(bench: Bench, status: int, reason: str) -> None:
    bench.collector.script("PUT", problem(status, reason))
    name = bench.put()
    delivery = bench.deliver(name)
    assert delivery.status == "refused"
    assert reason in delivery.message
    assert bench.waiting() == []
    (one,) = spool.aside(bench.home)
    assert (one.digest, one.program, one.reason) == (name, "voice", delivery.message)
    assert len(bench.collector.sent("PUT")) == 1


# A busy collector


def test_retry_after_is_waited_for_with_jitter_on_top(bench: Bench) -> None:
    bench.collector.script("PUT", problem(429, "slow-down", {"Retry-After": "7"}), bench.collector.receipt)
    assert bench.deliver(bench.put()).status == "accepted"
    assert bench.time.pauses == [7.5]


def test_a_pause_that_is_longer_than_our_patience_is_kept_by_the_next_upload(bench: Bench) -> None:
    bench.put()
    bench.collector.script("PUT", problem(503, "slow-down", {"Retry-After": "600"}), bench.collector.receipt)
    (first,) = bench.deliver_waiting()
    assert (first.status, bench.time.pauses) == ("waiting", [])
    assert spool.waiting(bench.home)[0].notes.not_before == NOW + timedelta(seconds=600.5)
    (second,) = bench.deliver_waiting()
    assert (second.status, len(bench.collector.sent("PUT"))) == ("waiting", 1)  # it was not asked again
    bench.time.seconds += 601
    (third,) = bench.deliver_waiting()
    assert third.status == "accepted"


def test_a_clock_that_was_set_back_does_not_make_a_pause_last_for_years(bench: Bench) -> None:
    bench.put()
    bench.collector.script("PUT", problem(503, "slow-down", {"Retry-After": "600"}), bench.collector.receipt)
    bench.deliver_waiting()
    bench.time.seconds -= 86_400 * 365
    (delivery,) = bench.deliver_waiting()
    assert delivery.status == "accepted"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("3601", 3600.0),
        ("9" * 400, 3600.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        ("Tue, 01 Jan 2999 00:00:00 GMT", 3600.0),
        ("", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("1e9", 0.0),
        ("²", 0.0),
        (f"Mon, 23 Nov {10**19} 12:00:00 GMT", 0.0),
        (f"Mon, 23 Nov 2026 12:00:00 +{10**19}", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_at_most_an_hour(value: str, seconds: float) -> None:
    assert retry_after_seconds(value, NOW) == seconds


# A collector that is down


def test_pauses_double_up_to_five_minutes() -> None:
    ceilings = [backoff_ceiling(attempt) for attempt in (0, 1, 2, 8, 9, 5000)]
    assert ceilings == [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]


def test_attempts_end_with_the_deadline_and_the_evidence_waits(bench: Bench) -> None:
    bench.collector.script("PUT", Reply(500))
    name = bench.put()
    delivery = bench.deliver(name, random=lambda: 0.999, deadline_seconds=60.0)
    assert delivery.status == "waiting"
    assert "has trouble of its own" in delivery.message
    assert bench.time.seconds < 60
    assert len(bench.time.pauses) == 5  # 1 + 2 + 4 + 8 + 16 s fit into a minute, 32 s more do not
    (one,) = spool.waiting(bench.home)
    assert (one.digest, one.notes.attempts, one.notes.error) == (name, 1, delivery.message)


def test_a_collector_that_is_down_is_named_and_nothing_is_lost(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    name = bench.put()
    bench.enrolment = replace(bench.enrolment, collector=url)
    delivery = bench.deliver(name, deadline_seconds=5.0)
    assert delivery.status == "waiting"
    assert "nobody answers there" in delivery.message
    assert "homecheck upload" in delivery.advice
    assert bench.waiting() == [name]


def test_a_collector_that_drips_is_given_up_within_the_time_that_is_left(bench: Bench) -> None:
    def drip(request: Request) -> None:
        request.handler.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 9999\r\n\r\n")
        while not bench.collector.stopped.wait(0.05):
            request.handler.wfile.write(b"x")

    bench.collector.script("PUT", drip)
    name = bench.put()
    delivery = bench.deliver(name, deadline_seconds=1.5, random=lambda: 0.99)  # the pause leaves no time for a second
    assert delivery.status == "waiting"
    assert "no complete answer" in delivery.message
    assert bench.waiting() == [name]


# Several


def test_one_bad_file_never_blocks_the_others(bench: Bench) -> None:
    names = [bench.put(number) for number in (1, 2, 3, 4)]
    spool.envelope_path(bench.home, names[0]).write_bytes(b"torn")
    stranger = SoftwareKey.generate()
    foreign = spool.put(bench.home, sign(make_evidence(stranger).to_bytes(), EVIDENCE, stranger), "voice", NOW)
    bench.collector.script("PUT", problem(422, "schema"), Reply(200), bench.collector.receipt)
    deliveries = bench.deliver_waiting()
    found = {delivery.envelope: delivery.status for delivery in deliveries}
    assert [found[name] for name in (*names, foreign)] == ["refused", "refused", "waiting", "accepted", "refused"]
    assert bench.waiting() == [names[2]]
    assert sorted(bench.aside()) == sorted([names[0], names[1], foreign])
    reasons = {one.digest: one.reason for one in spool.aside(bench.home)}
    assert "changed or cut short on this computer" in reasons[names[0]]


def test_a_silent_collector_is_asked_once_and_not_once_per_file(bench: Bench) -> None:
    for number in range(1, 21):
        bench.put(number)
    bench.collector.script("PUT", Reply(503))
    deliveries = bench.deliver_waiting(deadline_seconds=10.0)
    assert {delivery.status for delivery in deliveries} == {"waiting"}
    assert len({delivery.envelope for delivery in deliveries}) == 20
    assert len({request.body for request in bench.collector.sent("PUT")}) == 1
    assert all(one.notes.error for one in spool.waiting(bench.home))


def test_evidence_of_a_program_that_was_left_is_set_aside(bench: Bench) -> None:
    name = bench.put()
    (bench.home.enrolments / "voice.json").unlink()
    (delivery,) = bench.deliver_waiting()
    assert (delivery.status, bench.aside()) == ("refused", [name])
    assert "no longer enrolled" in delivery.message


def test_evidence_of_a_damaged_enrolment_waits_until_that_is_mended(bench: Bench) -> None:
    """It would never have been sent, had it been set apart as that of a program that was left."""
    name = bench.put()
    file = bench.home.enrolments / "voice.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    (delivery,) = bench.deliver_waiting()
    assert (delivery.status, bench.waiting(), bench.aside()) == ("waiting", [name], [])
    assert "voice.json: this file is damaged" in delivery.message
    assert "voice.json: this file is damaged" in spool.waiting(bench.home)[0].notes.error
    file.write_bytes(whole)
    bench.collector.script("PUT", bench.collector.receipt)
    assert [one.status for one in bench.deliver_waiting()] == ["accepted"]


def test_what_is_no_evidence_is_called_damaged_and_not_that_of_another_program(bench: Bench) -> None:
    name = bench.put()
    spool.envelope_path(bench.home, name).write_bytes(b"torn")
    spool.write_notes(bench.home, name, replace(spool.read_notes(bench.home, name), program=""))
    (delivery,) = bench.deliver_waiting()
    assert (delivery.status, bench.aside()) == ("refused", [name])
    assert delivery.message.startswith("The stored result is damaged: ")


def test_evidence_signed_with_the_key_before_this_one_is_still_delivered(bench: Bench) -> None:
    name = bench.put()
    devices = dict(bench.collector.devices)
    bench.collector.devices.clear()
    redeem(read_invitation(bench.collector.invite_url, HTTP), bench.home, HTTP, NOW)
    bench.collector.devices.update(devices)
    (delivery,) = bench.deliver_waiting()
    assert (delivery.envelope, delivery.status) == (name, "accepted")


def test_what_another_process_is_sending_is_left_to_it(bench: Bench) -> None:
    name = bench.put()
    with spool.claim(bench.home, name):
        delivery = bench.deliver(name)
    assert delivery.status == "waiting"
    assert "Another homecheck" in delivery.message
    assert bench.collector.sent("PUT") == []


def test_what_another_process_has_sent_meanwhile_is_accepted(bench: Bench) -> None:
    name = bench.put()
    first = bench.deliver(name)
    assert bench.deliver(name) == replace(first, log=None)  # the other process has compared the log
    assert len(bench.collector.sent("PUT")) == 1


def test_two_uploads_at_once_send_every_file_once(bench: Bench) -> None:
    names = [bench.put(number) for number in range(1, 13)]

    def slowly(request: Request) -> Reply:
        time.sleep(0.005)
        return bench.collector.receipt(request)

    bench.collector.script("PUT", slowly)
    with ThreadPoolExecutor(2) as threads:
        runs = list(threads.map(lambda _: deliver_waiting(bench.home, new_session({})), range(2)))
    sent = [digest(request.body) for request in bench.collector.sent("PUT")]
    assert sorted(sent) == sorted(names)
    for run in runs:
        assert all(found.status == "accepted" or "Another homecheck" in found.message for found in run)
    assert list(bench.home.spool.iterdir()) == []


def test_receipts_are_listed_newest_first_and_a_forged_one_is_not(bench: Bench) -> None:
    steps = [
        lambda request, age=age: bench.collector.receipt(request, received_at=NOW - timedelta(hours=age))
        for age in (2, 1, 3)
    ]
    names = [bench.put(number) for number in (1, 2, 3)]
    for name, step in zip(names, steps, strict=True):
        bench.collector.script("PUT", step)
        bench.deliver(name)
    (bench.home.receipts / f"{'0' * 64}.receipt.jws").write_bytes(b"forged")
    listed = [receipt.envelope for receipt, _ in stored_receipts(bench.home, (bench.enrolment,))]
    assert listed == [names[1], names[0], names[2]]


def test_a_receipt_that_cannot_be_stored_leaves_the_evidence_waiting(bench: Bench) -> None:
    name = bench.put()
    bench.home.receipts.write_bytes(b"a file where the folder should be")
    (delivery,) = bench.deliver_waiting()
    assert delivery.status == "waiting"
    assert str(bench.home.receipts) in delivery.message
    assert bench.waiting() == [name]


def test_an_earlier_key_that_cannot_be_removed_takes_nothing_from_what_was_delivered(bench: Bench) -> None:
    earlier = SoftwareKey.generate()
    write_key_file(bench.home.keys / f"{earlier.public.kid}.jwk", earlier)
    (bench.home.seq / earlier.public.kid).mkdir(parents=True)  # a folder where its number should be
    store_enrolment(bench.home, replace(bench.enrolment, retired=(earlier.public.kid,)))
    bench.put()
    (delivery,) = bench.deliver_waiting()
    assert delivery.status == "accepted"


def test_evidence_for_a_file_is_json_when_decoded(bench: Bench) -> None:
    bench.put()
    bench.deliver_waiting()
    (stored,) = bench.home.receipts.glob("*[0-9a-f].jws")
    payload = verify(stored.read_bytes(), EVIDENCE, {bench.signer.public.kid: bench.signer.public}.get)
    assert json.loads(payload)["runs"][0]["measurements"][0]["value"] == 48.2
    assert datetime.fromisoformat(json.loads(payload)["started_at"]) == NOW.astimezone(UTC)

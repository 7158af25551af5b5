"""Call-backs over HTTP: who is promised a call, which digits are taken, and what evidence is worth with and without."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from homecheck.callback import Confirmation, Heard, Request
from homecheck.clock import utc_now
from homecheck.collector import administration, callbacks, setup
from homecheck.collector.store import callbacks as store
from homecheck.collector.store.database import opened
from homecheck.collector.store.scope import Scope
from homecheck.evidence import ProbeRun
from homecheck.keys import SoftwareKey
from homecheck.measurement import Measurement, Quantity
from homecheck.policy import parse_policy
from homecheck.receipt import Receipt
from homecheck.signing import (
    CALLBACK,
    CALLBACK_ANSWER,
    EVIDENCE,
    RECEIPT,
    digest,
    key_set,
    sign,
    verify,
)
from tests.live_collector import PROGRAM
from tests.office import Office, ask, office, promised, say
from tests.people import POLICY_TEXT, Worker

CALLED = Quantity.yes_no("landline.callback", "code on a call")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("office")) as running:
        yield running


def other_than(code: str, number: int = 1) -> str:
    return f"{(int(code) + number) % 1_000_000:06d}"


def reason(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def confirmed(worker: Worker, name: str, office: Office, nonce: str) -> str:
    callback_id = promised(worker, nonce)
    envelope: str = say(worker, nonce, callback_id, office.code(name)).json()["confirmation"]
    return envelope


def appraised(worker: Worker, nonce: str | None, value: bool, *observations: str) -> tuple[str, str, str]:
    """Send evidence and return verdict, explanation and trust of the finding."""
    evidence = worker.evidence(nonce)
    run = ProbeRun("callback", "1", evidence.started_at, 60.0, (Measurement(CALLED, value=value),))
    answer = worker.upload(replace(evidence, runs=(run,), declarations=(), observations=observations))
    assert answer.status_code == 201, answer.text
    keys = key_set(worker.get("/v1/jwks").json())
    (finding,) = Receipt.from_bytes(verify(answer.content, RECEIPT, keys.get)).result.findings
    return finding.verdict.word, finding.explanation, finding.trust


def test_the_right_code_is_confirmed_with_a_signature_for_this_check_and_passes(shared: Office) -> None:
    worker = shared.worker("Right")
    nonce = worker.challenge()
    promise = ask(worker, nonce)
    assert promise.status_code == 201
    members = promise.json()
    assert members.keys() == {"id", "ends_with", "expires_at", "seconds"}  # and nowhere the code
    assert members["ends_with"] == "78"
    assert members["seconds"] == pytest.approx(900, abs=1)
    (one,) = shared.to_place("Right")
    assert one.callback.phone == "+46812345678"
    assert one.code not in promise.text
    said = say(worker, nonce, members["id"], one.code)
    assert said.status_code == 200
    assert (said.json()["result"], said.json()["attempts_left"]) == ("yes", 2)
    keys = key_set(worker.get("/v1/jwks").json())
    envelope = said.json()["confirmation"]
    found = Confirmation.from_bytes(verify(envelope.encode(), CALLBACK, keys.get))
    assert (found.issuer, found.id, found.program, found.subject, found.device, found.nonce) == (
        shared.site.url, members["id"], PROGRAM, worker.subject, worker.key.public.kid, nonce,
    )  # fmt: skip
    assert (found.result, found.attempts) == ("yes", 1)
    assert shared.to_place("Right") == []  # nobody is to call any more, and the code is told to nobody
    assert appraised(worker, nonce, True, envelope) == ("pass", "yes", "server-observed")


def test_a_yes_that_the_collector_has_not_confirmed_never_passes(shared: Office) -> None:
    worker, thief = shared.worker("Claims"), shared.worker("Thief")
    wanted = ("inconclusive", "self-reported")

    def outcome(nonce: str | None, *observations: str, who: Worker = worker) -> tuple[str, str]:
        verdict, _, trust = appraised(who, nonce, True, *observations)
        return verdict, trust

    nonce = worker.challenge()
    genuine = confirmed(worker, "Claims", shared, nonce)
    keys = key_set(worker.get("/v1/jwks").json())
    found = Confirmation.from_bytes(verify(genuine.encode(), CALLBACK, keys.get))
    fresh = worker.challenge()
    own = sign(replace(found, nonce=fresh).to_bytes(), CALLBACK, worker.key).decode()
    assert outcome(fresh) == wanted  # the bare claim
    assert outcome(worker.challenge(), own) == wanted  # signed by the device itself
    assert outcome(fresh, own) == wanted  # the same, of this check
    assert outcome(worker.challenge(), genuine) == wanted  # of an earlier check
    assert outcome(None, genuine) == wanted  # in evidence made offline
    assert outcome(thief.challenge(), genuine, who=thief) == wanted  # another device's
    assert outcome(nonce, genuine[:-8] + "AAAAAAAA") == wanted  # a broken signature
    assert outcome(nonce, genuine) == ("pass", "server-observed")  # and this is how it would have been


def test_a_confirmation_that_our_own_record_denies_does_not_count(tmp_path: Path) -> None:
    """Whoever stole the signing key has still to get at the database."""
    with office(tmp_path) as own:
        worker = own.worker("Record")
        nonce = worker.challenge()
        callback_id = promised(worker, nonce)
        collector = setup.load(own.site.database)
        with opened(own.site.database) as db:
            pending = store.find(db, callback_id)
        assert pending is not None
        forged = callbacks.confirmation(
            replace(collector, url=own.site.url), replace(pending, state="yes", attempts=1, answered_at=utc_now())
        )
        assert forged is not None
        collector.readers.close()
        verdict, _, trust = appraised(worker, nonce, True, forged.decode())
        assert (verdict, trust) == ("inconclusive", "self-reported")
        assert own.site.browse_database("SELECT defect FROM observation") == [
            "it is signed with our key, but our own record says otherwise"
        ]


def test_a_confirmed_no_beside_a_claimed_yes_does_not_pass_and_a_confirmed_no_fails(shared: Office) -> None:
    worker = shared.worker("No")
    nonce = worker.challenge()
    callback_id = promised(worker, nonce)
    code = shared.code("No")
    answers = [say(worker, nonce, callback_id, other_than(code, number)).json() for number in (1, 2, 3)]
    assert [(one["result"], one["attempts_left"]) for one in answers] == [(None, 2), (None, 1), ("no", 0)]
    assert [one["confirmation"] is None for one in answers] == [True, True, False]
    assert appraised(worker, nonce, False, answers[2]["confirmation"]) == ("fail", "no; yes needed", "server-observed")
    verdict, _, trust = appraised(worker, nonce, True, answers[2]["confirmation"])
    assert (verdict, trust) == ("inconclusive", "self-reported")
    # Three attempts are three: the right code comes too late, and the people who run it are told.
    late = say(worker, nonce, callback_id, code).json()
    assert (late["result"], late["attempts_left"]) == ("no", 0)
    assert "3 wrong codes for the call to No" in shared.site.browse_database(
        "SELECT detail FROM event WHERE kind = 'callback-used-up' AND security = 1"
    )


def test_guesses_made_at_the_same_moment_are_counted_each(shared: Office) -> None:
    worker = shared.worker("Flood")
    nonce = worker.challenge()
    callback_id = promised(worker, nonce)
    code = shared.code("Flood")
    start = threading.Barrier(12)

    def guess(number: int) -> Any:
        start.wait(20)
        return say(replace(worker, http=requests.Session()), nonce, callback_id, other_than(code, number)).json()

    with ThreadPoolExecutor(12) as pool:
        results = [one["result"] for one in pool.map(guess, range(1, 13))]
    assert sorted(map(str, results)) == ["None", "None", *["no"] * 10]
    assert say(worker, nonce, callback_id, code).json()["result"] == "no"


def test_the_right_digits_again_get_the_same_answer_and_others_none(shared: Office) -> None:
    worker = shared.worker("Again")
    nonce = worker.challenge()
    callback_id = promised(worker, nonce)
    code = shared.code("Again")
    first = say(worker, nonce, callback_id, code)
    again = say(worker, nonce, callback_id, code)  # the answer was lost on its way
    assert first.json() == again.json()
    assert reason(say(worker, nonce, callback_id, other_than(code))) == (410, "callback-over")
    assert reason(ask(worker, nonce)) == (410, "callback-over")


def test_a_code_ends_after_a_quarter_of_an_hour_by_the_collectors_clock(tmp_path: Path) -> None:
    with office(tmp_path) as own:
        worker = own.worker("Late")
        nonce = worker.challenge()
        callback_id = promised(worker, nonce)
        code = own.code("Late")
        own.clock.ahead = timedelta(minutes=14)
        assert say(worker, nonce, callback_id, other_than(code)).json()["attempts_left"] == 2
        own.clock.ahead = timedelta(minutes=15, seconds=1)
        assert own.to_place("Late") == []
        assert reason(say(worker, nonce, callback_id, code)) == (410, "callback-over")
        assert "ended at" in say(worker, nonce, callback_id, code).json()["detail"]
        # A clock that ran ahead and was set right again takes nothing from anybody: the attempts are counted on.
        own.clock.ahead = timedelta(0)
        assert say(worker, nonce, callback_id, code).json()["result"] == "yes"


def test_a_check_with_a_call_may_take_its_time_and_one_without_may_not(tmp_path: Path) -> None:
    with office(tmp_path) as own:
        worker = own.worker("Slow")
        nonce, idle = worker.challenge(), worker.challenge()
        own.clock.ahead = timedelta(minutes=19)  # the other probes came first; a challenge alone lives ten minutes
        callback_id = promised(worker, nonce)
        own.clock.ahead = timedelta(minutes=33)
        envelope = say(worker, nonce, callback_id, own.code("Slow")).json()["confirmation"]
        own.clock.ahead = timedelta(minutes=43)
        assert appraised(worker, nonce, True, envelope)[0] == "pass"
        assert reason(worker.upload(worker.evidence(idle))) == (401, "stale-nonce")
        own.clock.ahead = timedelta(minutes=44, seconds=5)
        assert reason(worker.upload(worker.evidence(nonce))) == (401, "stale-nonce")


def test_a_challenge_that_ended_long_ago_gets_no_call(tmp_path: Path) -> None:
    with office(tmp_path) as own:
        worker = own.worker("Old")
        nonce = worker.challenge()
        own.clock.ahead = timedelta(minutes=20, seconds=1)
        assert reason(ask(worker, nonce)) == (401, "stale-nonce")


def test_the_same_check_gets_the_same_promise_and_another_check_replaces_it(shared: Office) -> None:
    worker = shared.worker("Two")
    first, second = worker.challenge(), worker.challenge()
    callback_id = promised(worker, first)
    again = ask(worker, first)
    assert (again.status_code, again.json()["id"]) == (200, callback_id)
    old_code = shared.code("Two")
    newer = promised(worker, second)
    assert newer != callback_id
    (waiting,) = shared.to_place("Two")  # one telephone, one call
    assert waiting.callback.id == newer
    assert reason(say(worker, first, callback_id, old_code)) == (410, "callback-over")
    if old_code != waiting.code:  # which they are but for one time in a million
        assert say(worker, second, newer, old_code).json()["result"] is None
    assert say(worker, second, newer, waiting.code).json()["result"] == "yes"


def test_a_call_is_refused_with_its_reason(shared: Office) -> None:
    worker, other = shared.worker("Refused"), shared.worker("Other")
    nonce = worker.challenge()
    callback_id = promised(worker, nonce)
    code = shared.code("Refused")
    assert reason(ask(worker, other.challenge())) == (401, "stale-nonce")  # another device's challenge
    assert reason(ask(worker, "")) == (401, "stale-nonce")
    assert reason(ask(worker, nonce, aud="https://other.example")) == (422, "wrong-audience")
    assert reason(ask(worker, nonce, key=SoftwareKey.generate())) == (403, "unknown-device")
    assert reason(say(worker, other.challenge(), callback_id, code)) == (404, "callback-unknown")
    assert reason(say(other, nonce, callback_id, code)) == (404, "callback-unknown")  # another device
    assert reason(say(worker, nonce, "AAAA", code)) == (404, "callback-unknown")
    assert reason(say(worker, nonce, callback_id, code, id="AAAA")) == (404, "callback-unknown")
    assert reason(say(worker, nonce, callback_id, code, aud="https://other.example")) == (422, "wrong-audience")
    for digits in ("", "12345", "1234567", "12345a", "１２３４５６", "-12345"):
        assert reason(say(worker, nonce, callback_id, digits)) == (422, "schema"), digits
    # A document of one kind is none of another, and none of this has used up an attempt.
    request = sign(Request(worker.url, nonce).to_bytes(), CALLBACK_ANSWER, worker.key)
    assert reason(worker.post("/v1/callbacks", request)) == (422, "typ")
    heard = sign(Heard(worker.url, nonce, callback_id, code).to_bytes(), EVIDENCE, worker.key)
    assert reason(worker.post(f"/v1/callbacks/{callback_id}/answer", heard)) == (422, "typ")
    assert reason(worker.post("/v1/callbacks", b"x" * 5_000)) == (413, "too-large")
    assert say(worker, nonce, callback_id, code).json()["attempts_left"] == 2


def test_a_revoked_key_gets_no_call_and_no_answer(shared: Office) -> None:
    worker = shared.worker("Revoked")
    nonce = worker.challenge()
    callback_id = promised(worker, nonce)
    code = shared.code("Revoked")
    administration.revoke_device(shared.site.database, worker.key.public.kid, "a test", datetime.now(UTC))
    assert reason(say(worker, nonce, callback_id, code)) == (403, "key-revoked")
    assert reason(ask(worker, nonce)) == (403, "key-revoked")


def test_without_a_number_on_file_nobody_is_called(shared: Office) -> None:
    worker = shared.worker("Numberless", phone="")
    answer = ask(worker, worker.challenge())
    assert reason(answer) == (409, "no-number")
    assert answer.json()["detail"] == "no telephone number of Numberless is on file"
    # The number comes with a further invitation, and stays when one comes without.
    shared.worker("Numberless")
    latest = shared.worker("Numberless", phone="")
    assert ask(latest, latest.challenge()).status_code == 201


def test_a_policy_that_asks_for_no_call_lets_nobody_be_called(tmp_path: Path) -> None:
    with office(tmp_path) as own:
        worker = own.worker("Unasked")
        policy = parse_policy(POLICY_TEXT, "test policy")
        administration.publish_policy(own.site.database, PROGRAM, policy, "a test", datetime.now(UTC))
        assert reason(ask(worker, worker.challenge())) == (403, "callback-not-asked")


def test_ten_calls_a_day_are_the_most(tmp_path: Path) -> None:
    with office(tmp_path) as own:
        worker = own.worker("Eager")
        for _ in range(10):
            promised(worker, worker.challenge())
        refused = ask(worker, worker.challenge())
        assert reason(refused) == (429, "slow-down")
        assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
        own.clock.ahead = timedelta(hours=24, seconds=5)
        assert ask(worker, worker.challenge()).status_code == 201


def test_the_database_holds_no_code_and_the_codes_are_spread_evenly(tmp_path: Path) -> None:
    with office(tmp_path) as own:
        worker = own.worker("Stolen")
        promised(worker, worker.challenge())
        code = own.code("Stolen")
        with closing(sqlite3.connect(own.site.file)) as raw:
            dumped = "\n".join(raw.iterdump())
        with opened(own.site.database) as db:
            one = store.waiting(db, Scope.everything(), utc_now())[0]
        assert "+46812345678" in dumped  # the dump has the row
        # As a value of its own, or in bytes: within a digest its six digits may stand by chance.
        assert not re.search(rf"(?<![0-9A-F]){code}(?![0-9A-F])", dumped, re.IGNORECASE)
        assert code.encode().hex().upper() not in dumped
    same = replace(one, kid="kid", nonce="nonce", person=replace(one.person, id="person"))  # the same codes each time
    codes = [callbacks.code(b"s" * 32, replace(same, id=str(number))) for number in range(20_000)]
    assert all(len(found) == 6 and found.isdecimal() for found in codes)
    # Pearson's chi-squared with 9 degrees of freedom is beyond 33.7 once in 10,000 even codes.
    for position in range(6):
        counts = [sum(found[position] == str(digit) for found in codes) for digit in range(10)]
        assert sum((count - 2_000) ** 2 / 2_000 for count in counts) < 33.7, position
    for changed in ({"id": "x"}, {"nonce": "x"}, {"person": replace(one.person, id="x")}):
        assert callbacks.code(b"s" * 32, replace(one, **changed)) != callbacks.code(b"s" * 32, one)
    assert callbacks.code(b"t" * 32, one) != callbacks.code(b"s" * 32, one)


def test_evidence_with_a_confirmation_is_named_by_its_digest_as_ever(shared: Office) -> None:
    worker = shared.worker("Digest")
    nonce = worker.challenge()
    envelope = confirmed(worker, "Digest", shared, nonce)
    evidence = replace(worker.evidence(nonce), observations=(envelope,))
    signed = worker.sign(evidence)
    assert worker.put(evidence.id, signed).status_code == 201
    rows = shared.site.browse_database(
        "SELECT responder FROM observation JOIN evidence USING (position)"
        f" WHERE digest = '{digest(signed)}' AND defect = ''"
    )
    assert rows == [shared.site.url]

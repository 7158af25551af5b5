"""The agent's requests for a call: against a real collector, and against answers that no honest collector gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homecheck.callback import Call, Confirmation
from homecheck.caller import CollectorCaller
from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.collector.operators import calls
from homecheck.config import Home
from homecheck.enrolment import Enrolment, fetch_nonce, read_invitation, redeem
from homecheck.errors import ProbeError
from homecheck.exchange import new_session
from homecheck.keys import SoftwareKey, read_key_file
from homecheck.policy import parse_policy
from homecheck.signing import CALLBACK, sign
from tests.live_collector import PROGRAM, Site, in_thread
from tests.office import CALL_POLICY
from tests.ports import free_port
from tests.scripted_collector import Reply, ScriptedCollector, problem


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        policy = parse_policy(CALL_POLICY, "test policy")
        administration.publish_policy(running.database, PROGRAM, policy, "a test", datetime.now(UTC))
        yield running


def enrolled(site: Site, home: Home, phone: str = "+46 8 123 456 78") -> tuple[Enrolment, SoftwareKey]:
    http, now = new_session({}), datetime.now(UTC)
    address = administration.invite(site.database, PROGRAM, "Åsa", timedelta(hours=1), "a test", now, phone)
    enrolment = redeem(read_invitation(address, http), home, http, now)
    return enrolment, read_key_file(home.keys / f"{enrolment.kid}.jwk")


def caller(site: Site, home: Home, phone: str = "+46 8 123 456 78") -> CollectorCaller:
    enrolment, signer = enrolled(site, home, phone)
    http = new_session({})
    return CollectorCaller(enrolment, signer, fetch_nonce(enrolment, http), http)


def code_of(site: Site, call: Call) -> str:
    (code,) = (one.code for one in calls(site.database, utc_now()) if one.callback.id == call.id)
    return code


def failure(ask: Any, *arguments: Any) -> tuple[str, str, str]:
    with pytest.raises(ProbeError) as caught:
        ask(*arguments)
    return caught.value.code, caught.value.at_fault, caught.value.message


def test_a_call_is_asked_for_and_its_code_is_confirmed(site: Site, tmp_path: Path) -> None:
    own = caller(site, Home.at(tmp_path))
    call = own.ask()
    assert call.ends_with == "78"
    assert 890 < call.seconds <= 900
    code = code_of(site, call)
    wrong = own.answer(call, f"{(int(code) + 1) % 1_000_000:06d}")
    assert (wrong.result, wrong.attempts_left, wrong.confirmation) == (None, 2, None)
    right = own.answer(call, code)
    assert (right.result, right.attempts_left) == ("yes", 1)
    assert right.confirmation is not None
    code_again, _, _ = failure(own.ask)
    assert code_again == "callback_over"


def test_a_number_that_is_not_on_file_is_our_fault_and_says_what_to_do(tmp_path: Path) -> None:
    with in_thread(tmp_path / "collector") as site:
        policy = parse_policy(CALL_POLICY, "test policy")
        administration.publish_policy(site.database, PROGRAM, policy, "a test", datetime.now(UTC))
        own = caller(site, Home.at(tmp_path / "home"), "")
        with pytest.raises(ProbeError) as caught:
            own.ask()
    assert (caught.value.code, caught.value.at_fault) == ("no_number", "server")
    assert "This is not your fault" in caught.value.advice
    assert "collector invite PROGRAM --person NAME --phone NUMBER" in caught.value.advice


def test_a_challenge_of_another_time_is_named(site: Site, tmp_path: Path) -> None:
    own = replace(caller(site, Home.at(tmp_path)), nonce="c3RhbGU")
    code, at_fault, message = failure(own.ask)
    assert (code, at_fault) == ("stale_nonce", "server")
    assert "was not made here for this device" in message


def test_a_collector_that_cannot_be_reached_is_named(site: Site, tmp_path: Path) -> None:
    own = caller(site, Home.at(tmp_path))
    gone = replace(own, enrolment=replace(own.enrolment, collector=f"http://127.0.0.1:{free_port()}"))
    code, at_fault, message = failure(gone.ask)
    assert (code, at_fault) == ("collector_unreachable", "server")
    assert "nobody answers there" in message


@pytest.fixture
def scripted(site: Site, tmp_path: Path) -> Iterator[tuple[CollectorCaller, ScriptedCollector]]:
    """A caller whose enrolment is genuine and whose collector says what a test tells it to."""
    own = caller(site, Home.at(tmp_path))
    with ScriptedCollector() as collector:
        enrolment = replace(
            own.enrolment, collector=collector.url, keys={collector.key.public.kid: collector.key.public}
        )
        yield replace(own, enrolment=enrolment), collector


def json_reply(**members: Any) -> Reply:
    return Reply(200, json.dumps(members).encode(), content_type="application/json")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"id": "x", "ends_with": "78"},
        {"id": "x", "ends_with": "78", "seconds": 0},
        {"id": "x", "ends_with": "78", "seconds": 1e9},  # nobody waits for thirty years
        {"id": "x", "ends_with": "\x1b[2J", "seconds": 900},
        {"id": "x", "ends_with": "call +1 900 now", "seconds": 900},
        {"id": 7, "ends_with": "78", "seconds": 900},
    ],
)
def test_a_promise_that_is_none_is_refused(
    scripted: tuple[CollectorCaller, ScriptedCollector], members: dict[str, Any]
) -> None:
    own, collector = scripted
    collector.script("POST", json_reply(**members))
    code, at_fault, message = failure(own.ask)
    assert (code, at_fault) == ("bad_answer", "server")
    assert "does not answer like a homecheck collector" in message


def test_refusals_are_told_in_words_that_help(scripted: tuple[CollectorCaller, ScriptedCollector]) -> None:
    own, collector = scripted
    collector.script(
        "POST", problem(404, "not-found"), problem(429, "slow-down"), Reply(500, b"oops"), Reply(200, b"[]")
    )
    found = [failure(own.ask) for _ in range(4)]
    assert [code for code, _, _ in found] == ["no_callbacks", "too_many_calls", "refused", "bad_answer"]
    assert [at_fault for _, at_fault, _ in found] == ["server", "person", "server", "server"]
    assert "knows no call-backs yet" in found[0][2]


def test_only_a_confirmation_of_this_call_by_a_pinned_key_counts(
    scripted: tuple[CollectorCaller, ScriptedCollector],
) -> None:
    own, collector = scripted
    call = Call("call-1", "78", 900.0)
    genuine = Confirmation(
        own.enrolment.collector, "call-1", "support", "x", own.signer.public.kid, own.nonce, "yes", 1, utc_now()
    )

    def said(found: Confirmation, signer: Any = None) -> Reply:
        envelope = sign(found.to_bytes(), CALLBACK, signer or collector.key).decode()
        return json_reply(result="yes", attempts_left=2, confirmation=envelope)

    collector.script("POST", said(genuine))
    assert own.answer(call, "123456").result == "yes"
    for lie in (
        said(genuine, own.signer),
        said(replace(genuine, nonce="another")),
        said(replace(genuine, device="another")),
        said(replace(genuine, id="call-2")),
        json_reply(result="yes", attempts_left=2, confirmation=None),  # a bare word
        json_reply(result=None, attempts_left=0, confirmation=None),  # another try, but none left
        json_reply(result="yes", attempts_left=2, confirmation="a.b.c"),
        json_reply(result="yes", attempts_left=2),
    ):
        collector.script("POST", lie)
        code, at_fault, _ = failure(own.answer, call, "123456")
        assert (code, at_fault) == ("bad_answer", "server")
    # The result is the one that is signed, whatever stands beside it.
    collector.script("POST", said(replace(genuine, result="no")))
    assert own.answer(call, "123456").result == "no"

"""What answers at a collector's address: the honest one, another one, none, and clocks that disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.doctor.collector import examine_answer, examine_clock, examine_program, examine_responder
from homecheck.enrolment import Enrolment, read_invitation, redeem
from homecheck.exchange import new_session
from homecheck.keys import SoftwareKey
from homecheck.strict_json import serialize
from tests.between import listening, says
from tests.ports import free_port
from tests.scripted_collector import NOW, Reply, Request, ScriptedCollector, Step, problem

WELL_KNOWN = Reply(200, serialize({"v": 1, "role": "collector", "name": "Example Inc."}), {}, "application/json")
JUST_NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
DATE = "Thu, 26 Nov 2026 12:00:00 GMT"


@pytest.fixture
def collector() -> Iterator[ScriptedCollector]:
    with ScriptedCollector() as running:
        yield running


@pytest.fixture
def enrolment(collector: ScriptedCollector, tmp_path: Path) -> Enrolment:
    home, http = Home.at(tmp_path), new_session()
    return redeem(read_invitation(collector.invite_url, http), home, http, NOW)


def test_a_collector_that_answers_is_called_by_its_name_and_the_clocks_agree(collector: ScriptedCollector) -> None:
    collector.script("GET", WELL_KNOWN)
    answers, clock = examine_answer(collector.url, new_session(), utc_now)
    assert (answers.state, clock.state) == ("ok", "ok")
    assert "Example Inc." in answers.message


def test_a_clock_ten_minutes_fast_is_wrong(collector: ScriptedCollector) -> None:
    collector.script("GET", WELL_KNOWN)
    _, clock = examine_answer(collector.url, new_session(), lambda: utc_now() + timedelta(minutes=10))
    assert (clock.state, clock.trouble) == ("fail", "clock-wrong")
    ahead = int(clock.message.partition(" s ahead of ")[0])
    assert abs(ahead - 600) <= 5  # Date has whole seconds, and half an exchange on a busy computer


@pytest.mark.parametrize(
    ("seconds", "trouble"),
    [
        (0, None),
        (5, None),
        (-5, None),
        (6, "clock-off"),
        (-60, "clock-off"),
        (61, "clock-wrong"),
        (-3e8, "clock-wrong"),
    ],
)
def test_how_far_a_clock_may_be_off(seconds: float, trouble: str | None) -> None:
    (found,) = examine_clock(DATE, "host", JUST_NOW + timedelta(seconds=seconds))
    assert found.trouble == trouble
    if trouble:
        assert ("behind" if seconds < 0 else "ahead of") in found.message


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Nov 99999999999999999999 12:00:00 GMT"])
def test_an_answer_without_a_readable_date_says_nothing_of_the_clock(date: str) -> None:
    assert list(examine_clock(date, "host", JUST_NOW)) == []


def test_a_date_without_a_zone_is_taken_for_utc() -> None:
    (found,) = examine_clock("Thu, 26 Nov 2026 12:00:00 -0000", "host", JUST_NOW)
    assert found.state == "ok"


@pytest.mark.parametrize(
    "answer",
    [
        Reply(302, b"", {"Location": "http://login.hotel.example/?to=here"}),
        Reply(511, b"<html>", {}, "text/html"),
    ],
)
def test_a_sign_in_page_in_the_collectors_place_is_recognized(collector: ScriptedCollector, answer: Reply) -> None:
    collector.script("GET", answer)
    (found,) = examine_answer(collector.url, new_session(), utc_now)
    assert (found.state, found.trouble) == ("fail", "captive-portal")


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"<html>Welcome", {}, "text/html"),
        Reply(200, b'{"role": "responder", "name": "x"}', {}, "application/json"),
        Reply(200, b'{"role": 7}', {}, "application/json"),
        Reply(404, b"", {}, "text/plain"),
        Reply(302, b"", {"Location": "/elsewhere"}),
        Reply(302, b"", {"Location": "http://[::1"}),
        problem(503, "maintenance"),
    ],
    ids=["a page", "a responder", "nonsense", "nothing", "moved on the same host", "moved nowhere", "maintenance"],
)
def test_what_is_no_collector_is_said_to_be_none(collector: ScriptedCollector, answer: Reply) -> None:
    collector.script("GET", answer)
    (found,) = examine_answer(collector.url, new_session(), utc_now)
    assert (found.state, found.trouble) == ("fail", "not-a-collector")


def test_nobody_there_is_told_with_the_reason() -> None:
    (found,) = examine_answer(f"http://127.0.0.1:{free_port()}", new_session(), utc_now)
    assert found.trouble == "not-a-collector"
    assert "connection refused" in found.message


def test_what_a_stranger_calls_himself_cannot_steer_the_terminal(collector: ScriptedCollector) -> None:
    evil = serialize({"role": "collector", "name": "Example\x1b[2J\x1b[31m Inc.\n"})
    collector.script("GET", Reply(200, evil, {}, "application/json"))
    answers, _ = examine_answer(collector.url, new_session(), utc_now)
    assert answers.message.isprintable()


def test_a_program_that_goes_on_as_agreed_is_in_order(collector: ScriptedCollector, enrolment: Enrolment) -> None:
    (found,) = examine_program(enrolment, new_session())
    assert found.state == "ok", found


def test_a_collector_with_another_key_is_another_collector(collector: ScriptedCollector, enrolment: Enrolment) -> None:
    collector.script("GET", Reply(200, collector.signed_policy(signer=SoftwareKey.generate())))
    (found,) = examine_program(enrolment, new_session())
    assert (found.state, found.trouble) == ("fail", "other-collector")
    assert "Send nothing" in found.fix


def test_the_policy_of_another_program_is_no_proof(collector: ScriptedCollector, enrolment: Enrolment) -> None:
    collector.script("GET", Reply(200, collector.signed_policy(program="sales")))
    (found,) = examine_program(enrolment, new_session())
    assert found.trouble == "other-collector"


def hang_up(_: Request) -> None:
    """Say nothing."""


@pytest.mark.parametrize(
    ("method", "answer", "trouble"),
    [
        ("GET", problem(404, "not-found"), "program-gone"),
        ("GET", problem(503, "maintenance"), "not-a-collector"),
        ("GET", Reply(200, b"{}"), "other-collector"),
        ("POST", problem(403, "key-revoked"), "device-refused"),
        ("POST", problem(404, "unknown-device"), "device-refused"),
        ("POST", problem(429, "too-fast"), "not-a-collector"),
        ("POST", problem(503, "maintenance"), "not-a-collector"),
        ("POST", Reply(302, b"", {"Location": "/sign-in"}), "not-a-collector"),
        ("POST", Reply(200, b"[]", {}, "application/json"), "not-a-collector"),
        ("POST", hang_up, "not-a-collector"),
    ],
    # By no address in memory, which differs from process to process.
    ids=lambda value: "hang up" if value is hang_up else str(value),
)
def test_what_a_collector_refuses_is_told_apart(
    collector: ScriptedCollector, enrolment: Enrolment, method: str, answer: Step, trouble: str
) -> None:
    collector.script(method, answer)
    (found,) = examine_program(enrolment, new_session())
    assert (found.state, found.trouble) == ("fail", trouble)


def test_a_far_end_that_is_not_there_is_something_to_look_at(enrolment: Enrolment) -> None:
    assert list(examine_responder(enrolment)) == []
    gone = replace(enrolment, responder_url=f"http://127.0.0.1:{free_port()}")
    (found,) = examine_responder(gone)
    assert (found.state, found.trouble) == ("warn", "responder-unreachable")
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with listening(says(answer), "127.0.0.1") as port:
        (there,) = examine_responder(replace(enrolment, responder_url=f"http://127.0.0.1:{port}"))
    assert there.state == "ok"

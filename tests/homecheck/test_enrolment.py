from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from homecheck import spool
from homecheck.config import Home
from homecheck.enrolment import (
    Enrolment,
    fetch_nonce,
    find,
    leave,
    load_enrolments,
    read_invitation,
    redeem,
    refresh_policy,
)
from homecheck.errors import DeliveryError, EnrolmentError, StateError
from homecheck.exchange import new_session
from homecheck.keys import SoftwareKey, read_key_file
from homecheck.policy import parse_policy
from homecheck.signing import ENROLMENT, EVIDENCE, RECEIPT, sign, verify_own_key
from homecheck.strict_json import parse_object
from tests.scripted_collector import (
    CODE,
    NOW,
    POLICY_TEXT,
    Reply,
    Request,
    ScriptedCollector,
    make_evidence,
    problem,
)

HTTP = new_session({})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def enrol(collector: ScriptedCollector, home: Home) -> Enrolment:
    return redeem(read_invitation(collector.invite_url, HTTP, home), home, HTTP, NOW)


def key_files(home: Home) -> list[str]:
    return sorted(path.stem for path in home.keys.glob("*.jwk"))


# Reading an invitation


def test_an_invitation_says_who_asks_for_what_before_anything_is_sent() -> None:
    with ScriptedCollector() as collector:
        invitation = read_invitation(collector.invite_url, HTTP)
        assert (invitation.collector, invitation.collector_name) == (collector.url, "Example Inc.")
        assert (invitation.person, invitation.retention_days) == ("Åsa Öberg", 180)
        assert invitation.quantities == ("network.download",)
        (request,) = collector.requests
        assert (request.method, request.path, request.body) == ("GET", f"/v1/invites/{CODE}", b"")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hello",
        "https://collector.example/",
        "https://collector.example/invite/tooshort",
        f"ftp://collector.example/invite/{CODE}",
        f"https://user:password@collector.example/invite/{CODE}",
        f"https://collector.example/invite/{CODE}?x=1",
        f"https://collector.example/invite/{CODE}x",
    ],
)
def test_what_is_no_invitation_is_said_without_asking_anybody(url: str) -> None:
    with pytest.raises(EnrolmentError, match="this is no invitation") as caught:
        read_invitation(url, HTTP)
    assert "Copy the whole address" in caught.value.advice


@pytest.mark.parametrize(
    ("status", "reason", "message", "advice"),
    [
        (404, "invite-unknown", "does not know this invitation", "Copy the whole address"),
        (410, "invite-used", "has been used already", "homecheck programs"),
        (410, "invite-expired", "its time has run out", "Ask the company that invited you for a new invitation."),
    ],
)
def test_an_invitation_that_is_good_no_longer_is_told_apart(
    status: int, reason: str, message: str, advice: str
) -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", problem(status, reason))
        with pytest.raises(EnrolmentError, match=message) as caught:
            read_invitation(collector.invite_url, HTTP)
        assert advice in caught.value.advice


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(404, b"<h1>not found</h1>", {}, "text/html"), id="another web server"),
        pytest.param(Reply(200, b"<h1>Hotel Wi-Fi: sign in</h1>", {}, "text/html"), id="sign-in page"),
        pytest.param(Reply(302, b"", {"Location": "http://hotel.example/"}), id="redirect"),
        pytest.param(Reply(200, b"{}", {}, "application/json"), id="other JSON"),
        pytest.param(Reply(200, b'{"v":1,"v":1}', {}, "application/json"), id="duplicate member"),
        pytest.param(Reply(404, b"{broken", {}, "application/problem+json"), id="broken problem"),
    ],
)
def test_a_server_that_is_no_collector_is_named_and_nobody_is_blamed(reply: Reply) -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", reply)
        with pytest.raises(EnrolmentError, match=r"^127\.0\.0\.1:\d+: this is not a homecheck collector") as caught:
            read_invitation(collector.invite_url, HTTP)
        assert "Compare the address" in caught.value.advice


def test_capitals_in_the_address_and_space_around_it_do_not_matter() -> None:
    with ScriptedCollector() as collector:
        shouted = f"  {collector.url.replace('http', 'HTTP')}/invite/{CODE}/\n"
        assert read_invitation(shouted, HTTP).collector == collector.url


def test_a_collector_that_calls_itself_something_else_is_refused() -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", collector.invitation(collector={"name": "x", "url": "https://evil.example"}))
        with pytest.raises(EnrolmentError, match=r"calls itself https://evil\.example"):
            read_invitation(collector.invite_url, HTTP)


def test_a_collector_that_is_down_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(EnrolmentError, match="nobody answers there"):
        read_invitation(f"{url}/invite/{CODE}", HTTP)


def test_a_collector_with_trouble_of_its_own_says_so() -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", Reply(500))
        with pytest.raises(EnrolmentError, match="has trouble of its own"):
            read_invitation(collector.invite_url, HTTP)


# Redeeming it


def test_enrolling_proves_possession_of_the_new_key_and_pins_what_the_collector_says(home: Home) -> None:
    with ScriptedCollector() as collector:
        enrolment = enrol(collector, home)
        (sent,) = collector.sent("POST")
        payload, key = verify_own_key(sent.body, ENROLMENT)
        members = parse_object(payload)
        assert (members["aud"], members["invite"], members["store"]) == (collector.url, CODE, "file")
        assert sent.headers["content-type"] == "application/jose"
        assert enrolment.kid == key.kid == read_key_file(home.keys / f"{key.kid}.jwk").public.kid
        assert set(enrolment.keys) == {collector.key.public.kid}
        assert (enrolment.program, enrolment.subject) == ("voice", "person-17")
        assert enrolment.policy == collector.policy
    assert load_enrolments(home) == (enrolment,)
    assert find(home, "voice") == enrolment


def test_when_the_answer_is_lost_the_same_key_is_used_again(home: Home) -> None:
    with ScriptedCollector() as collector:

        def lose_the_answer(request: Request) -> None:
            collector.enrolled(request)

        collector.script("POST", lose_the_answer, collector.enrolled)
        invitation = read_invitation(collector.invite_url, HTTP, home)
        with pytest.raises(EnrolmentError, match="the connection broke") as caught:
            redeem(invitation, home, HTTP, NOW)
        assert "goes on where it stopped" in caught.value.advice
        # The collector counts the invitation as used now; the one who began may still read it.
        collector.script("GET", problem(410, "invite-used"))
        enrolment = redeem(read_invitation(collector.invite_url, HTTP, home), home, HTTP, NOW)
        assert key_files(home) == [enrolment.kid]
        assert list(collector.devices) == [enrolment.kid]


def test_an_invitation_that_somebody_else_used_leaves_no_key_behind(home: Home, tmp_path: Path) -> None:
    with ScriptedCollector() as collector:
        invitation = read_invitation(collector.invite_url, HTTP, home)
        redeem(invitation, Home.at(tmp_path / "other"), HTTP, NOW)
        with pytest.raises(EnrolmentError, match="has been used already"):
            redeem(invitation, home, HTTP, NOW)
    assert key_files(home) == []
    assert load_enrolments(home) == ()


def test_a_policy_signed_by_a_stranger_is_refused(home: Home) -> None:
    with ScriptedCollector() as collector:
        forged = collector.signed_policy(signer=SoftwareKey.generate()).decode()
        collector.script("POST", lambda request: collector.enrolled(request, policy=forged))
        with pytest.raises(EnrolmentError, match=r"no key .* is enrolled here"):
            enrol(collector, home)
    assert load_enrolments(home) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "A" * 43}, "another device or another program"),
        ({"program": {"id": "other", "title": "x"}}, "another device or another program"),
        ({"collector": {"name": "x", "url": "https://evil.example"}}, "enrols for another collector"),
        ({"jwks": {"keys": []}}, "the key set is empty"),
        ({"policy": "a.b.c"}, "does not answer like a homecheck collector"),
        ({"subject": 17}, "a text is expected"),
    ],
)
def test_an_answer_that_is_not_for_this_enrolment_is_refused(
    home: Home, changes: dict[str, object], message: str
) -> None:
    with ScriptedCollector() as collector:
        collector.script("POST", lambda request: collector.enrolled(request, **changes))
        with pytest.raises(EnrolmentError, match=message):
            enrol(collector, home)
    assert load_enrolments(home) == ()


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("http://measure.example:8862", True), ("http://127.0.0.1:8862", False), ("http://127.0.0.2:8862", False),
        ("https://measure.example", False),
    ],
)  # fmt: skip
def test_a_responder_where_others_could_read_along_is_refused(home: Home, address: str, refused: bool) -> None:
    with ScriptedCollector() as collector:
        responders = [{"url": address, "jwk": collector.key.public.jwk()}]
        collector.script("POST", lambda request: collector.enrolled(request, responders=responders))
        if not refused:
            assert enrol(collector, home).responder_url == address
            return
        with pytest.raises(EnrolmentError, match="does not begin with https://"):
            enrol(collector, home)
    assert load_enrolments(home) == ()


def test_a_policy_that_asks_for_more_than_the_person_agreed_to_is_refused(home: Home) -> None:
    greedy = parse_policy(POLICY_TEXT + '[[requirement]]\nquantity = "place.region"\none_of = ["SE"]\n', "test")
    with ScriptedCollector() as collector:
        wanted = collector.signed_policy(policy=greedy).decode()
        collector.script("POST", lambda request: collector.enrolled(request, policy=wanted))
        with pytest.raises(EnrolmentError, match=r"asks for more than its invitation said: place\.region"):
            enrol(collector, home)
    assert load_enrolments(home) == ()
    assert key_files(home) == []


@pytest.mark.parametrize("name", ["../evil", "CON", "nul.txt", ".hidden", "a/b", "a..b", "x" * 65, ""])
def test_a_program_whose_name_is_no_file_name_is_refused(home: Home, name: str) -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", collector.invitation(program={"id": name, "title": "x"}))
        collector.script(
            "POST",
            lambda request: collector.enrolled(
                request,
                program={"id": name, "title": "x"},
                policy=collector.signed_policy(program=name).decode(),
            ),
        )
        with pytest.raises(EnrolmentError):
            enrol(collector, home)
    assert not list(home.root.rglob("*.json")) or list(home.enrolments.glob("*.json")) == []


def test_two_companies_may_use_the_same_name_for_a_program(home: Home) -> None:
    with ScriptedCollector() as first, ScriptedCollector() as second:
        one, two = enrol(first, home), enrol(second, home)
        assert (one.program, two.program_id) == ("voice", "voice")
        assert two.program == f"voice@{second.url.removeprefix('http://').replace(':', '_')}"
        assert {found.collector for found in load_enrolments(home)} == {first.url, second.url}
        assert one.kid != two.kid


def test_enrolling_again_replaces_the_key_but_not_while_evidence_signed_with_it_waits(home: Home) -> None:
    with ScriptedCollector() as collector:
        first = enrol(collector, home)
        signer = read_key_file(home.keys / f"{first.kid}.jwk")
        name = spool.put(home, sign(make_evidence(signer).to_bytes(), EVIDENCE, signer), "voice")
        collector.devices.clear()  # a new invitation for the same person
        second = enrol(collector, home)
        assert key_files(home) == sorted([first.kid, second.kid])
        spool.remove(home, name)
        collector.devices.clear()
        third = enrol(collector, home)
        assert key_files(home) == [third.kid]  # nothing waits any more that an earlier one has signed


def test_a_collector_elsewhere_cannot_name_a_responder_on_this_very_computer(home: Home) -> None:
    """Else whoever invites somebody could have the agent ask the programs on that computer."""
    with ScriptedCollector() as collector:
        responders = [{"url": "http://127.0.0.1:8862", "jwk": collector.key.public.jwk()}]
        collector.script("POST", lambda request: collector.enrolled(request, responders=responders))
        enrol(collector, home)
    path = home.enrolments / "voice.json"
    members = json.loads(path.read_text())
    members["collector"]["url"] = "https://collector.example.com"
    path.write_text(json.dumps(members))
    with pytest.raises(StateError, match=r"responder: the address 'http://127\.0\.0\.1:8862' is on this computer"):
        load_enrolments(home)


# What is stored


def test_a_damaged_enrolment_is_named_and_never_left_out(home: Home) -> None:
    with ScriptedCollector() as collector:
        enrol(collector, home)
    path = home.enrolments / "voice.json"
    members = json.loads(path.read_text())
    stranger = SoftwareKey.generate()
    for broken in (
        "",
        "{",
        json.dumps({**members, "jwks": {"keys": [stranger.public.jwk()]}}),
        json.dumps({**members, "name": "x"}),
    ):
        path.write_text(broken)
        with pytest.raises(StateError, match=r"voice\.json: this file is damaged"):
            load_enrolments(home)


def test_an_unknown_program_names_those_there_are(home: Home) -> None:
    with pytest.raises(EnrolmentError) as nowhere:
        find(home, "sales")
    assert "homecheck enroll" in nowhere.value.advice
    with ScriptedCollector() as collector:
        enrol(collector, home)
    with pytest.raises(EnrolmentError, match="'sales'") as caught:
        find(home, "sales")
    assert caught.value.advice == "Enrolled here: voice."


def test_a_name_that_is_a_path_finds_nothing(home: Home) -> None:
    with pytest.raises(EnrolmentError):
        find(home, "../enrolments/voice")


# The policy afterwards


def test_a_newer_policy_is_stored(home: Home) -> None:
    with ScriptedCollector() as collector:
        enrolment = enrol(collector, home)
        newer = parse_policy(POLICY_TEXT.replace('"1"', '"2"'), "test")
        collector.script("GET", Reply(200, collector.signed_policy(policy=newer, issued_at=NOW + timedelta(days=1))))
        refreshed = refresh_policy(enrolment, home, HTTP)
        assert (refreshed.policy.version, refreshed.policy_note) == ("2", "")
        assert collector.requests[-1].path == "/v1/policies/voice"
    assert find(home, "voice").policy.version == "2"


def test_without_the_collector_the_stored_policy_is_used_and_that_is_said(home: Home) -> None:
    with ScriptedCollector() as collector:
        enrolment = enrol(collector, home)
    refreshed = refresh_policy(enrolment, home, HTTP)
    assert refreshed.policy == enrolment.policy
    assert ": no newer policy: 127.0.0.1" in refreshed.policy_note
    assert refreshed.policy_note.endswith(". The stored one is used.")
    assert find(home, "voice") == enrolment


def test_a_policy_that_is_not_the_collectors_or_is_older_never_replaces_the_stored_one(home: Home) -> None:
    weak = parse_policy(POLICY_TEXT.replace("10", "1"), "test")
    with ScriptedCollector() as collector:
        enrolment = enrol(collector, home)
        later = NOW + timedelta(days=1)
        forgeries = {
            "stranger": collector.signed_policy(policy=weak, issued_at=later, signer=SoftwareKey.generate()),
            "older": collector.signed_policy(policy=weak, issued_at=NOW - timedelta(days=1)),
            "other program": collector.signed_policy(policy=weak, issued_at=later, program="sales"),
            "other kind": sign(b"{}", RECEIPT, collector.key),
            "web page": b"<h1>sign in</h1>",
        }
        for trick, body in forgeries.items():
            collector.script("GET", Reply(200, body))
            refreshed = refresh_policy(enrolment, home, HTTP)
            assert refreshed.policy == enrolment.policy, trick
            assert refreshed.policy_note.startswith(f"{enrolment.collector_name}: no newer policy: "), trick
    assert find(home, "voice") == enrolment


# The challenge


def test_a_challenge_is_fetched_for_this_device(home: Home) -> None:
    with ScriptedCollector() as collector:
        enrolment = enrol(collector, home)
        assert fetch_nonce(enrolment, HTTP) == "fresh"
        assert json.loads(collector.requests[-1].body) == {"device": enrolment.kid}


@pytest.mark.parametrize("reply", [problem(404, "unknown-device"), Reply(200, b"{}"), Reply(200, b"x"), Reply(500)])
def test_without_a_challenge_that_is_said(home: Home, reply: Reply) -> None:
    with ScriptedCollector() as collector:
        enrolment = enrol(collector, home)
        collector.script("POST", reply)
        with pytest.raises(DeliveryError, match=r"127\.0\.0\.1"):
            fetch_nonce(enrolment, HTTP)


def test_a_challenge_from_a_collector_that_is_down_raises(home: Home) -> None:
    with ScriptedCollector() as collector:
        enrolment = enrol(collector, home)
    with pytest.raises(DeliveryError, match="nobody answers there"):
        fetch_nonce(enrolment, HTTP)


# Leaving


def test_leaving_deletes_key_and_enrolment_of_this_program_alone(home: Home) -> None:
    with ScriptedCollector() as first, ScriptedCollector() as second:
        one, two = enrol(first, home), enrol(second, home)
    spool.next_seq(home, one.kid)
    unsent = spool.put(home, b"unsent", "voice")
    other = spool.put(home, b"other", two.program)
    assert leave(home, one) == 1
    assert key_files(home) == [two.kid]
    assert load_enrolments(home) == (replace(two),)
    assert [found.digest for found in spool.waiting(home)] == [other]
    assert [found.digest for found in spool.aside(home)] == [unsent]
    assert not (home.seq / one.kid).exists()

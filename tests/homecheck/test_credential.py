"""What a credential shows and hides, and that nobody looks better by hiding."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.appraisal import Finding, Verdict
from homecheck.cli.credential_words import presented_lines
from homecheck.credential import DETAILS, issue, read, room_for
from homecheck.errors import Refused
from homecheck.policy import load_policy
from homecheck.result import Result
from homecheck.sd_jwt import SdJwt
from homecheck.signing import sign
from tests.credentials import (
    AUDIENCE,
    COLLECTOR,
    DETAIL_NAMES,
    DIGEST,
    DOOR,
    DOWNLOAD,
    EXPIRES,
    FINDING_NAMES,
    FINDINGS,
    HOLDER,
    ISSUED,
    NONCE,
    NOW,
    PINNED,
    RECEIVED,
    RESULT_OF_IT,
    ROOM,
    Counted,
    accept,
    issued,
    payload_of,
    presented,
)


def shown_lines(data: bytes) -> str:
    lines = presented_lines(accept(data), audience_checked=True, nonce_checked=True)
    return "\n".join(f"{name}: {text}" for name, text in lines)


def test_what_is_always_visible_names_nobody_and_no_finding() -> None:
    payload = payload_of(issued())
    assert set(payload) == {
        "iss", "iat", "exp", "vct", "cnf", "policy_digest", "verdict", "_sd_alg", "_sd", "findings",
    }  # fmt: skip
    assert payload["findings"].keys() == {"_sd"}
    text = json.dumps(payload, ensure_ascii=False)
    for hidden in ("Åsa", "person-1", "Försäljning", "sales", "SE-AB", DIGEST, "network", "room", "door", "measured"):
        assert hidden not in text


def test_everything_that_was_hidden_can_be_shown() -> None:
    found = accept(presented(*DETAIL_NAMES, *FINDING_NAMES))
    content = found.credential
    assert (content.issuer, content.issued_at, content.expires_at) == ("https://collector.example", ISSUED, EXPIRES)
    assert (content.holder, content.verdict) == (HOLDER.public, Verdict.FAIL)
    assert (content.name, content.program, content.policy) == (
        "Åsa Öberg", "Försäljning, evenings", "voice-standard version 1",
    )  # fmt: skip
    assert (content.received_at, content.freshness, content.evidence) == (RECEIVED, "measured", DIGEST)
    assert content.region == {"network.region": "SE-AB"}
    assert content.findings["network.download"] == DOWNLOAD
    assert content.findings["room.noise"] == replace(ROOM, advice="", reason="")
    assert content.findings["declaration.door"] == DOOR
    assert (found.binding.audience, found.binding.nonce, found.binding.made_at) == (AUDIENCE, NONCE, NOW)


def test_two_judgements_of_one_quantity_are_two_claims() -> None:
    findings = accept(presented("network.download#2")).credential.findings
    assert [(name, one.quantity, one.verdict) for name, one in findings.items()] == [
        ("network.download#2", "network.download", Verdict.WARN)
    ]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from((*DETAIL_NAMES, *FINDING_NAMES))))
def test_what_is_not_chosen_is_nowhere_in_what_is_handed_over(chosen: set[str]) -> None:
    data = presented(*chosen)
    content = accept(data).credential
    assert set(content.findings) == chosen & set(FINDING_NAMES)
    assert set(content.withheld) == set(DETAIL_NAMES) - chosen
    assert {one.name for one in SdJwt.parse(data).disclosures} == chosen


def test_hiding_what_failed_is_no_pass() -> None:
    """The verdict is that of all findings, and nobody can show the good ones without it."""
    text = shown_lines(presented("network.download", "declaration.door"))
    assert "Verdict: fail: the worst of ALL findings, shown or not" in text
    assert "ATTENTION: the verdict is fail, and what brought it about is NOT SHOWN" in text
    assert "Verdict: pass" not in text


def test_showing_what_failed_raises_no_alarm_about_hiding_it() -> None:
    text = shown_lines(presented("room.noise", "received_at", "freshness", "name", "policy"))
    assert "ATTENTION" not in text
    assert "Finding: room.noise: fail: -40 dBFS(A); at most -50 dBFS(A) needed (required, self-reported)" in text
    assert "NOT SHOWN: program, evidence, region (if there is one)" in text


def test_a_pass_with_nothing_shown_is_a_pass_that_says_how_little_is_shown() -> None:
    good = replace(RESULT_OF_IT, findings=replace(FINDINGS, findings=(DOWNLOAD, DOOR)))
    text = shown_lines(presented(credential=issued(good)))
    assert "Verdict: pass: the worst of ALL findings, shown or not" in text
    assert "NOT SHOWN: 16 findings at most; none of them is worse than pass" in text
    for what in (
        "whose home this is",
        "by which policy it was judged",
        "when it was received",
        "how fresh it was then",
    ):
        assert f"ATTENTION: {what} is NOT SHOWN" in text


def test_a_policy_that_comes_with_homecheck_is_known_by_its_digest() -> None:
    chat = load_policy("chat-only")
    lenient = replace(FINDINGS, policy_digest=chat.digest, findings=(DOWNLOAD,))
    text = shown_lines(presented(credential=issued(replace(RESULT_OF_IT, findings=lenient))))
    assert f"Policy: {chat.digest} (chat-only version {chat.version}, which comes with homecheck)" in text
    assert "by which policy" not in text


def result_with(findings: int) -> Result:
    many = tuple(Finding(f"test.q{number}", Verdict.PASS, "required", "1") for number in range(findings))
    return replace(RESULT_OF_IT, findings=replace(FINDINGS, findings=many), regions={})


@pytest.mark.parametrize(("findings", "room"), [(1, 16), (15, 16), (16, 32), (31, 32), (32, 64), (100, 128)])
def test_the_number_of_digests_tells_only_a_power_of_two(findings: int, room: int) -> None:
    payload = payload_of(issued(result_with(findings)))
    assert len(payload["findings"]["_sd"]) == room == room_for(findings)


def test_whether_a_region_is_known_shows_nowhere() -> None:
    with_region, without = payload_of(issued()), payload_of(issued(replace(RESULT_OF_IT, regions={})))
    assert len(with_region["_sd"]) == len(without["_sd"]) == len(DETAILS) + 1


def test_two_issues_of_one_result_have_no_digest_and_no_disclosure_in_common() -> None:
    random = Counted()
    one, other = (
        SdJwt.parse(issue(RESULT_OF_IT, HOLDER.public, ISSUED, lambda data, typ: sign(data, typ, COLLECTOR), random))
        for _ in range(2)
    )
    assert {found.text for found in one.disclosures} & {found.text for found in other.disclosures} == set()
    first, second = payload_of(one.unbound()), payload_of(other.unbound())
    assert set(first["_sd"] + first["findings"]["_sd"]) & set(second["_sd"] + second["findings"]["_sd"]) == set()


def test_it_counts_until_the_policy_wants_a_new_check_and_not_a_moment_longer() -> None:
    data = presented("name")
    assert accept(data, EXPIRES - timedelta(seconds=1)).credential.name == "Åsa Öberg"
    with pytest.raises(Refused) as refused:
        accept(data, EXPIRES)
    assert refused.value.reason == "expired"
    assert "2026-12-23T12:01:00.000Z" in refused.value.message


def test_a_clock_that_is_some_minutes_behind_does_not_matter() -> None:
    kept = SdJwt.parse(issued())
    assert read(kept, PINNED.get, ISSUED - timedelta(minutes=4)).verdict is Verdict.FAIL
    with pytest.raises(Refused) as refused:
        read(kept, PINNED.get, ISSUED - timedelta(minutes=6))
    assert refused.value.reason == "not-yet-valid"

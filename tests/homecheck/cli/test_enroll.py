from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.fingerprint import words
from tests.command_line import homecheck
from tests.scripted_collector import ScriptedCollector, problem


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def test_everything_is_shown_before_anything_is_sent_and_no_means_no(home: Home) -> None:
    with ScriptedCollector() as collector:
        result = homecheck(home, "enroll", collector.invite_url, typed="n\n")
        assert collector.sent("POST") == []
    assert (result.status, result.out) == (1, "")
    shown = " ".join(result.err.split())
    for text in (
        "Example Inc. invites Åsa Öberg to: Calls in Swedish",
        "What for: To see that calls sound good from your home.",
        "What would be measured: Download speed.",
        "What that tells about you: How fast and how steady your connection is",
        "What the measuring server saw itself goes along, signed by it: your internet address with its region",
        "How long it is kept there: 180 days.",
        "good until 26 November 2026",
        "Sound is never stored and never sent",
        "Nothing was sent, and the key is deleted again.",
    ):
        assert text in shown
    assert list(home.keys.iterdir()) == []


def test_no_answer_is_no_agreement(home: Home) -> None:
    with ScriptedCollector() as collector:
        result = homecheck(home, "enroll", collector.invite_url, typed="")
        assert collector.sent("POST") == []
    assert result.status == 1
    assert list(home.keys.iterdir()) == []


def test_yes_enrols_and_the_words_shown_are_those_of_the_key(home: Home) -> None:
    with ScriptedCollector() as collector:
        result = homecheck(home, "enroll", collector.invite_url, typed="y\n")
    enrolment = find(home, "voice")
    assert (result.status, result.out) == (0, "Enrolled in voice: Calls in Swedish, Example Inc.\n")
    assert words(enrolment.kid) in result.err
    assert "homecheck check" in result.err


def test_with_yes_nobody_is_asked(home: Home) -> None:
    with ScriptedCollector() as collector:
        assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 0
    assert find(home, "voice").program == "voice"


def test_an_invitation_that_was_used_says_so_and_what_to_do(home: Home) -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", problem(410, "invite-used"))
        result = homecheck(home, "enroll", "--yes", collector.invite_url)
    assert (result.status, result.out) == (1, "")
    assert "This invitation has been used already" in result.err
    assert "If not, ask for a new one." in result.err


def test_a_declaration_is_announced_as_a_question(home: Home) -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", collector.invitation(declarations=["corded_phone"]))
        assert "asked one question" in " ".join(
            homecheck(home, "enroll", collector.invite_url, typed="n\n").err.split()
        )

"""A program that cannot be read is named in the guide, and the others are checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.errors import StateError
from homecheck.exchange import new_session
from homecheck.locale import translator
from homecheck.ui.sitting import Sitting
from tests.scripted_collector import NOW, ScriptedCollector


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_damaged_enrolment_is_named_in_the_guide_and_the_other_is_checked(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        redeem(read_invitation(collector.invite_url, new_session()), home, new_session(), NOW)
    (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
    sitting = Sitting(home)
    assert [one.program for one in sitting.enrolments] == ["voice"]
    (note,) = sitting.notes
    assert note.startswith("sales is left out as it cannot be used")
    assert "sales.json: this file is damaged" in note
    assert translator("sv").say(note).startswith("sales är utelämnat, eftersom det inte kan användas just nu")


def test_what_else_is_told_hides_no_program_that_is_left_out(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        redeem(read_invitation(collector.invite_url, new_session()), home, new_session(), NOW)
    (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
    sitting = Sitting(home, build=lambda _setup: [])
    sitting.understood = True
    sitting.agree()
    wait_until(lambda: not sitting.busy)
    sitting.measure("connection")  # the company's server has ended: there is no challenge to be had, and that is told
    wait_until(lambda: not sitting.busy)
    assert any(note.startswith("Example Inc.: ") for note in sitting.notes)
    assert any(note.startswith("sales is left out") for note in sitting.notes)


def test_where_none_can_be_read_the_guide_does_not_begin_as_a_private_check(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.enrolments.mkdir()
    (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
    with pytest.raises(StateError, match=r"sales\.json: this file is damaged"):
        Sitting(home)


@pytest.fixture
def two_programs(tmp_path: Path) -> Iterator[tuple[Home, ScriptedCollector]]:
    """A computer of two programs, where the key of the first can be read by nobody."""
    home, http = Home.at(tmp_path), new_session()
    with ScriptedCollector() as sales, ScriptedCollector() as voice:
        lost = redeem(read_invitation(sales.invite_url, http), home, http, NOW)
        redeem(read_invitation(voice.invite_url, http), home, http, NOW)
        (home.keys / f"{lost.kid}.jwk").write_bytes(b"{")
        yield home, voice


def test_a_program_whose_key_cannot_be_used_is_named_before_anything_is_measured_and_the_other_is_checked(
    two_programs: tuple[Home, ScriptedCollector],
) -> None:
    home, voice = two_programs
    sitting = Sitting(home)
    assert len(sitting.enrolments) == 2
    sitting.understood = True
    sitting.agree()
    wait_until(lambda: not sitting.busy)
    assert sitting.failures == {}
    assert [one.collector for one in sitting.enrolments] == [voice.url]
    (note,) = (one for one in sitting.notes if "is left out" in one)
    assert ".jwk: this key cannot be read (not JSON: " in note
    assert translator("sv").say(note).startswith("voice är utelämnat, eftersom det inte kan användas just nu")
    assert ".jwk: det går inte att läsa den här nyckeln (" in translator("sv").say(note)


def test_where_no_key_can_be_used_the_guide_says_so(two_programs: tuple[Home, ScriptedCollector]) -> None:
    home, _ = two_programs
    for path in home.keys.glob("*.jwk"):
        path.write_bytes(b"{")
    sitting = Sitting(home)
    sitting.understood = True
    sitting.agree()
    wait_until(lambda: not sitting.busy)
    assert ".jwk" in sitting.failures["prepare"].message
    assert len(sitting.enrolments) == 2

"""A program that cannot be read is named in the guide, and the others are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.errors import StateError
from homecheck.exchange import new_session
from homecheck.locale import translator
from homecheck.ui.sitting import Sitting
from tests.scripted_collector import NOW, ScriptedCollector


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


def test_where_none_can_be_read_the_guide_does_not_begin_as_a_private_check(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.enrolments.mkdir()
    (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
    with pytest.raises(StateError, match=r"sales\.json: this file is damaged"):
        Sitting(home)

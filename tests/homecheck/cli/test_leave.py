from __future__ import annotations

from pathlib import Path

import pytest

from homecheck import rechecks, spool
from homecheck.config import Home
from homecheck.enrolment import load_enrolments
from homecheck.file_lock import exclusive
from tests.command_line import homecheck
from tests.scripted_collector import NOW, ScriptedCollector


def test_leaving_says_what_stays_at_the_collector_and_deletes_the_key(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    spool.put(home, b"unsent", "voice")
    sales = rechecks.Check(NOW, "fail", "waiting", "one")
    rechecks.store(home, rechecks.Rechecks({"voice": rechecks.Check(NOW, "fail", "waiting", "two"), "sales": sales}))
    stay = homecheck(home, "leave", "voice", typed="n\n")
    assert (stay.status, len(load_enrolments(home)), len(list(home.keys.iterdir()))) == (1, 1, 1)
    assert "What was sent stays with Example Inc." in stay.err
    assert "Not sent yet, and never will be: one result." in stay.err
    gone = homecheck(home, "leave", "voice", typed="y\n")
    assert (gone.status, gone.out) == (0, "Left voice\n")
    assert load_enrolments(home) == ()
    assert list(home.keys.iterdir()) == []
    assert rechecks.load(home).checks == {"sales": sales}


def test_a_program_that_is_not_known_names_those_that_are(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    result = homecheck(home, "leave", "sales")
    assert (result.status, result.out) == (1, "")
    assert "'sales'" in result.err
    assert "Enrolled here: voice." in result.err


def test_nobody_who_answers_has_not_left(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    result = homecheck(home, "leave", "voice", typed="")
    assert (result.status, len(load_enrolments(home))) == (1, 1)
    assert result.err.endswith("\nNothing was changed.\n")


def test_a_check_that_is_under_way_keeps_its_key_and_what_it_measures(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    with exclusive(home.lock("check")) as held:
        assert held
        result = homecheck(home, "leave", "voice", "--yes")
    assert (result.status, len(load_enrolments(home)), len(list(home.keys.iterdir()))) == (1, 1, 1)
    assert "another check is running on this computer" in result.err
    assert homecheck(home, "leave", "voice", "--yes").status == 0


def test_why_one_has_to_wait_is_said_in_the_persons_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    monkeypatch.setenv("HOMECHECK_LANG", "sv")
    with exclusive(home.lock("check")):
        told = [homecheck(home, *words).err for words in (("leave", "voice", "--yes"), ("check", "--yes"))]
    assert "den behöver nyckeln som du har nu" in told[0]
    assert "störa varandras mätningar" in told[1]

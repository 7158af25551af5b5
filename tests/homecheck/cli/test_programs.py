from __future__ import annotations

import json
from pathlib import Path

from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.fingerprint import words
from tests.command_line import homecheck
from tests.scripted_collector import ScriptedCollector


def test_nowhere_enrolled_is_an_empty_list_with_advice(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    result = homecheck(home, "programs")
    assert (result.status, result.out) == (0, "")
    assert "homecheck enroll" in result.err
    assert json.loads(homecheck(home, "programs", "--output", "json").out) == {"programs": [], "damaged": []}


def test_a_program_is_listed_with_its_company_and_never_with_its_key(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    enrolment = find(home, "voice")
    text = homecheck(home, "programs").out
    assert "voice: Calls in Swedish" in text
    assert f"Example Inc., {collector.url}" in text
    output = homecheck(home, "programs", "--output", "json").out
    (program,) = json.loads(output)["programs"]
    assert (program["program"], program["device"]) == ("voice", enrolment.kid)
    assert program["fingerprint"] == words(enrolment.kid)
    secret = json.loads((home.keys / f"{enrolment.kid}.jwk").read_text())["d"]
    assert secret not in text + output


def test_where_the_key_is_kept_is_said_and_that_it_is_gone(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    assert "kept in: file" in homecheck(home, "programs").out
    assert "its key is kept in: file" in homecheck(home, "status").out
    (home.keys / f"{find(home, 'voice').kid}.jwk").unlink()
    assert "kept in: nowhere that can be read" in homecheck(home, "programs").out
    assert homecheck(home, "status").status == 0

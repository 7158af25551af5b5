from __future__ import annotations

import json
from pathlib import Path

from homecheck import spool
from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.keys import read_key_file
from homecheck.signing import EVIDENCE, sign
from tests.command_line import homecheck
from tests.scripted_collector import ScriptedCollector, make_evidence, problem


def test_a_fresh_computer_has_nothing_to_report_and_is_not_changed_by_asking(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    result = homecheck(home, "status")
    assert result.status == 0
    assert "Not enrolled anywhere" in result.out
    assert "Waiting to be sent: 0" in result.out
    assert not home.root.exists()


def test_status_tells_what_waits_why_and_until_when_and_what_was_received(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        signer = read_key_file(home.keys / f"{find(home, 'voice').kid}.jwk")
        names = []
        for number, step in (
            (1, collector.receipt),
            (2, problem(422, "schema")),
            (3, problem(429, "slow-down", {"Retry-After": "1800"})),
        ):
            collector.script("PUT", step)
            envelope = sign(make_evidence(signer, number=number).to_bytes(), EVIDENCE, signer)
            names.append(spool.put(home, envelope, "voice"))
            homecheck(home, "upload")
    report = json.loads(homecheck(home, "status", "--output", "json").out)
    assert [found["evidence"] for found in report["receipts"]] == [names[0]]
    assert report["receipts"][0]["verdict"] == "pass"
    assert [found["evidence"] for found in report["set_aside"]] == [names[1]]
    (waiting,) = report["waiting"]
    assert (waiting["evidence"], waiting["attempts"]) == (names[2], 1)
    assert "asks to wait" in waiting["last_error"]
    assert waiting["not_before"] > waiting["since"]
    text = homecheck(home, "status").out
    for expected in ("Waiting to be sent: 1", "next attempt: not before", "Kept apart", "voice: pass"):
        assert expected in text
